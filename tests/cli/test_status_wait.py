from __future__ import annotations

import asyncio

import pytest
from tests.objects.stores import LimitedStore

from catflap.agent.document import HostDocument, encode
from catflap.agent.report import ROOT
from catflap.cli import reports as reports_module
from catflap.cli import status_wait as module
from catflap.cli.common import CommandError
from catflap.cli.fleet import HostView, State
from catflap.cli.status_wait import Behind, Waited, outcome, pending, silent, wait, why_behind

from .fleets import document, endpoints, reports


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports_module, "PACE", 0.001)
    monkeypatch.setattr(reports_module, "INTERVAL", 0.01)


def later(store: LimitedStore, host: str, found: HostDocument) -> None:
    loop = asyncio.get_running_loop()
    loop.call_later(0.03, lambda: store.change([(f"{ROOT}/{host}/catflap", encode(found))]))


async def test_it_ends_when_the_last_host_is_there() -> None:
    store = LimitedStore(reports(a=document(9), b=document(8)))
    later(store, "b", document(9))
    waited = await wait(store, 9, 5)
    assert (waited.reached, waited.hosts, waited.behind, waited.revision) == (True, 2, (), 9)


async def test_it_names_who_is_behind_in_the_end() -> None:
    store = LimitedStore({**endpoints("c"), **reports(a=document(9), b=document(8))})
    waited = await wait(store, 9, 0.05)
    assert (waited.reached, waited.silent) == (False, ("c",))
    assert waited.behind == (Behind("b", "revision 8, in-sync"),)
    assert waited.seconds >= 0.05


async def test_no_agent_at_all_is_no_yes() -> None:
    assert not (await wait(LimitedStore(endpoints("c")), 1, 0.05)).reached
    assert not (await wait(LimitedStore(), 1, 0.05)).reached


async def test_latest_is_what_the_store_says_at_the_beginning() -> None:
    store = LimitedStore({**endpoints("a"), **reports(a=document(0, entries=1))})
    later(store, "a", document(1, entries=1))
    waited = await wait(store, None, 5)
    assert (waited.reached, waited.revision) == (True, 1)


async def test_latest_waits_for_a_deletion() -> None:
    """The newest change that is left is older than what the host enforces."""
    store = LimitedStore({**endpoints("a"), **reports(a=document(1, entries=2))})
    store.change([("/calico/felix/v1/host/a/status", b"{}")])
    assert not (await wait(store, None, 0.05)).reached
    later(store, "a", document(1, entries=1))
    assert (await wait(store, None, 5)).reached


async def test_a_store_without_revisions_has_no_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    class Directory(LimitedStore):
        @property
        def driver(self) -> str:
            return "directory"

    monkeypatch.setenv("CATFLAP_STATE_DIR", "/nonexistent")
    with pytest.raises(CommandError, match="does not tell its latest revision"):
        await wait(Directory(), None, 1)


@pytest.mark.parametrize(
    ("view", "revision", "newest", "reason"),
    [
        (HostView(host="a", state=State.IN_SYNC, revision_enforced=9), 9, None, None),
        (HostView(host="a", state=State.IN_SYNC, revision_enforced=3, behind=0), 9, 9, None),
        (
            HostView(host="a", state=State.IN_SYNC, revision_enforced=3, behind=0),
            10,
            9,
            "revision 3, in-sync",
        ),
        (HostView(host="a", state=State.STALE, revision_enforced=9), 9, None, None),
        (
            HostView(host="a", state=State.STALE, revision_enforced=3, problems=("lost",)),
            9,
            9,
            "revision 3, stale: lost",
        ),
        (HostView(host="a", state=State.WAITING), 1, 1, "nothing is enforced, wait-for-ready"),
        (
            HostView(host="a", state=State.NOT_ENFORCED, revision_enforced=9, problems=("eth0 kept",)),
            9,
            9,
            "not-enforced: eth0 kept",
        ),
        (HostView(host="a", state=State.UNREADABLE), 1, 1, "unreadable"),
        (HostView(host="a", state=State.UNKNOWN), 1, 1, "no-document"),
    ],
)
def test_never_yes_where_it_is_not_known(
    view: HostView, revision: int, newest: int | None, reason: str | None
) -> None:
    assert why_behind(view, revision, newest) == reason


async def test_progress_is_told_when_it_takes_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    store = LimitedStore(reports(a=document(9), b=document(8)))
    later(store, "b", document(9))
    await wait(store, 9, 5)
    assert capsys.readouterr().err == "1 of 2 hosts enforce revision 9; behind: b (revision 8, in-sync)\n"


def waited(hosts: int, *behind: str, missing: tuple[str, ...] = ()) -> Waited:
    return Waited(
        9, bool(hosts) and not behind, 1.25, hosts, tuple(Behind(each, "why") for each in behind), missing
    )


def test_words() -> None:
    assert outcome(waited(3)) == "all 3 hosts enforce revision 9 (1.2 s)"
    assert outcome(waited(1)) == "the only host enforces revision 9 (1.2 s)"
    assert pending(waited(0)) == "no host has an agent that lives"
    many = [f"h{number}" for number in range(12)]
    assert pending(waited(12, *many)).endswith("h9 (why) and 2 more")
    assert pending(waited(1, "\x1b[31m")).isprintable()
    assert silent(waited(1)) is None
    assert silent(waited(1, missing=("c",))) == "no live agent, and so not waited for: c"
