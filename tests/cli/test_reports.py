from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.objects.stores import LimitedStore

from catflap.agent.document import encode
from catflap.agent.local_report import NAME
from catflap.agent.report import ROOT
from catflap.cli import reports as module
from catflap.cli.common import CommandError
from catflap.cli.fleet import Fleet, State
from catflap.cli.reports import Reports, local_fleet, read_fleet
from catflap.store import StoreUnavailableError
from catflap.store.api import StoreEvent
from catflap.store.memory import MemoryStore

from .fleets import document, endpoints, reports

DOCUMENT = f"{ROOT}/web1/catflap"
NOW = datetime(2026, 1, 1, 0, 2, tzinfo=UTC)


class Unfollowed(LimitedStore):
    """As etcd with the v2 API."""

    def follow_tree(self, _prefix: str) -> AsyncIterator[StoreEvent]:
        return None  # type: ignore[return-value]  # as the port allows


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACE", 0.001)
    monkeypatch.setattr(module, "INTERVAL", 0.01)


async def test_it_is_read_once() -> None:
    store = LimitedStore({**endpoints("web2"), **reports(web1=document())})
    found = await read_fleet(store)
    assert [(each.host, each.state) for each in found.hosts] == [
        ("web2", State.MISSING),
        ("web1", State.IN_SYNC),
    ]


@pytest.mark.parametrize("kind", [LimitedStore, Unfollowed])
async def test_each_change_is_shown(kind: type[MemoryStore]) -> None:
    store = kind(reports(web1=document(1)))
    seen: list[Fleet] = []
    async with asyncio.timeout(5), aclosing(Reports(store).fleets()) as fleets:
        async for fleet in fleets:
            seen.append(fleet)
            match len(seen):
                case 1:
                    store.change([(DOCUMENT, encode(document(2)))])
                case 2:
                    store.change(list(endpoints("web3").items()))
                case 3:
                    store.change([(DOCUMENT, None)])
                case _:
                    break
    assert [each.hosts[-1].revision_enforced for each in seen] == [1, 2, 2, None]
    assert [len(each.hosts) for each in seen] == [1, 1, 2, 1]


async def test_an_outage_at_first_is_an_error_and_later_is_waited_out() -> None:
    store = LimitedStore(reports(web1=document(1)))
    store.disconnect("away")
    with pytest.raises(StoreUnavailableError):
        await read_fleet(store)
    store.reconnect()
    revisions = []
    async with asyncio.timeout(5), aclosing(Reports(store).fleets()) as fleets:
        async for fleet in fleets:
            revisions.append(fleet.hosts[0].revision_enforced)
            if len(revisions) == 1:
                store.change([(DOCUMENT, encode(document(2)))])
                store.disconnect("away")
                asyncio.get_running_loop().call_later(0.05, store.reconnect)
            if revisions[-1] == 2:
                break
    assert revisions == [1, 2]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CATFLAP_STATE_DIR", str(tmp_path))
    return tmp_path / NAME


def test_the_local_report(state: Path) -> None:
    assert local_fleet("dir:/x").hosts == ()
    state.write_bytes(encode(document()))
    (host,) = local_fleet("dir:/x", now=NOW).hosts
    assert (host.host, host.state, host.behind) == ("web1", State.IN_SYNC, None)


def test_a_local_report_ends_with_its_lifetime(state: Path) -> None:
    state.write_bytes(encode(document()))
    (host,) = local_fleet("dir:/x", now=NOW.replace(hour=1)).hosts
    assert (host.state, host.last_reported) == (State.MISSING, "2026-01-01T00:01:00Z")
    state.write_bytes(encode(document(time="x")))
    (host,) = local_fleet("dir:/x", now=NOW).hosts
    assert host.state is State.MISSING


def test_a_local_report_that_is_none(state: Path) -> None:
    state.write_bytes(b"garbage")
    with pytest.raises(CommandError, match=r"status\.json: it is no status document"):
        local_fleet("dir:/x")
    state.unlink()
    state.mkdir()
    with pytest.raises(CommandError, match="cannot read"):
        local_fleet("dir:/x")
