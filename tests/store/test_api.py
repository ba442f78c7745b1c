"""The promises of the port, which every store has to keep."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.store.following import Following

from catflap.model import V1_ROOT, V3_ROOT
from catflap.store import Delta, Snapshot, Store, open_store
from catflap.store.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from catflap.lab.etcd import EtcdServer


class Case(msgspec.Struct, frozen=True):
    """A store, and how to make objects that it accepts."""

    store: Store
    v3_objects: bool = False  # it takes nothing else
    transactions: bool = True

    def path(self, number: int) -> str:
        return f"{V3_ROOT}tiers/t{number}" if self.v3_objects else f"{V1_ROOT}policy/tier/t{number}/metadata"

    def value(self, number: int, order: int = 0) -> bytes:
        if not self.v3_objects:
            return json.dumps({"order": order, "comment": "größer"}).encode()
        metadata = {"name": f"t{number}"}
        document = {
            "apiVersion": "projectcalico.org/v3",
            "kind": "Tier",
            "metadata": metadata,
            "spec": {"order": order},
        }
        return json.dumps(document).encode()

    def ours(self, entries: dict[str, bytes]) -> dict[str, bytes]:
        """Without the Ready entry of the directory, which would come and go with the others."""
        return {path: value for path, value in entries.items() if "clusterinformation" not in path}


@pytest.fixture(params=["memory", "etcd", "etcd2", "dir"])
async def case(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Case]:
    name: str = request.param
    if name == "memory":
        case = Case(MemoryStore())
    elif name == "dir":
        ready = {
            "apiVersion": "projectcalico.org/v3",
            "kind": "ClusterInformation",
            "metadata": {"name": "default"},
        }
        (tmp_path / "ready.json").write_text(json.dumps(ready))
        case = Case(open_store(f"dir:{tmp_path}"), v3_objects=True)
    else:
        server: EtcdServer = request.getfixturevalue("etcd")
        case = Case(open_store(f"{name}://{server.endpoint}"), transactions=name == "etcd")
    yield case
    await case.store.close()


async def test_the_first_event_is_a_snapshot_of_everything(case: Case) -> None:
    await case.store.write([(case.path(1), case.value(1)), (case.path(2), case.value(2))])
    follower = Following(case.store.follow())
    await follower.next(Snapshot)
    assert case.ours(follower.entries) == {case.path(1): case.value(1), case.path(2): case.value(2)}


async def test_an_empty_store_has_an_empty_snapshot(case: Case) -> None:
    follower = Following(case.store.follow())
    await follower.next(Snapshot)
    assert case.ours(follower.entries) == {}


async def test_a_change_comes_as_a_delta(case: Case) -> None:
    follower = Following(case.store.follow())
    await follower.next(Snapshot)
    await case.store.write([(case.path(1), case.value(1))])
    assert (await follower.next(Delta)).changes == ((case.path(1), case.value(1)),)
    await case.store.write([(case.path(1), case.value(1, order=7))])
    assert (await follower.next(Delta)).changes == ((case.path(1), case.value(1, order=7)),)


async def test_a_deletion_comes_as_a_delta_without_a_value(case: Case) -> None:
    await case.store.write([(case.path(1), case.value(1))])
    follower = Following(case.store.follow())
    await follower.next(Snapshot)
    await case.store.write([(case.path(1), None)])
    assert (await follower.next(Delta)).changes == ((case.path(1), None),)


async def test_one_write_is_one_delta_where_the_store_has_transactions(case: Case) -> None:
    await case.store.write([(case.path(0), case.value(0))])
    follower = Following(case.store.follow())
    await follower.next(Snapshot)
    changes = {case.path(number): case.value(number) for number in range(1, 50)} | {case.path(0): None}
    await case.store.write(list(changes.items()))
    await follower.until(lambda seen: len(seen.changed_paths()) == len(changes))
    assert case.ours(follower.entries) == {
        path: value for path, value in changes.items() if value is not None
    }
    assert not case.transactions or follower.count(Delta) == 1


async def test_revisions_rise(case: Case) -> None:
    follower = Following(case.store.follow())
    revisions = [(await follower.next(Snapshot)).revision]
    for number in range(3):
        await case.store.write([(case.path(number), case.value(number))])
        revisions.append((await follower.next(Delta)).revision)
    assert revisions == sorted(set(revisions))


async def test_the_revision_of_a_write_is_no_later_than_that_of_its_delta(case: Case) -> None:
    follower = Following(case.store.follow())
    before = (await follower.next(Snapshot)).revision
    revision = await case.store.write([(case.path(1), case.value(1))])
    assert before < revision <= (await follower.next(Delta)).revision


async def test_get_reads_one_value(case: Case) -> None:
    assert await case.store.get(case.path(1)) is None
    await case.store.write([(case.path(1), case.value(1))])
    assert await case.store.get(case.path(1)) == case.value(1)


async def test_deleting_what_is_not_there_changes_nothing(case: Case) -> None:
    follower = Following(case.store.follow())
    await follower.next(Snapshot)
    await case.store.write([(case.path(1), None)])
    await case.store.write([(case.path(2), case.value(2))])
    assert (await follower.next(Delta)).changes == ((case.path(2), case.value(2)),)


async def test_followers_do_not_disturb_each_other(case: Case) -> None:
    first, second = Following(case.store.follow()), Following(case.store.follow())
    await first.next(Snapshot)
    await case.store.write([(case.path(1), case.value(1))])
    await first.next(Delta)
    await second.next(Snapshot)
    await case.store.write([(case.path(2), case.value(2))])
    await first.next(Delta)
    await second.next(Delta)
    assert first.entries == second.entries
    assert len(case.ours(first.entries)) == 2


async def test_a_slow_follower_misses_nothing(case: Case) -> None:
    follower = Following(case.store.follow())
    await follower.next(Snapshot)
    for number in range(30):
        await case.store.write([(case.path(number), case.value(number))])
    await follower.until(lambda seen: len(case.ours(seen.entries)) == 30)
    assert len(set(follower.changed_paths())) == 30


async def test_close_ends_a_follower_that_waits(case: Case) -> None:
    follower = case.store.follow()
    await anext(follower)
    waiting = asyncio.ensure_future(anext(follower, None))
    await asyncio.sleep(0)
    await case.store.close()
    async with asyncio.timeout(5):
        assert await waiting is None


async def test_cancelling_the_task_that_follows_cancels_it(case: Case) -> None:
    follower = case.store.follow()
    await anext(follower)
    waiting = asyncio.ensure_future(anext(follower, None))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_the_url_opens_the_same_store_again(case: Case) -> None:
    if isinstance(case.store, MemoryStore):
        assert case.store.url == "memory:"
    else:
        assert open_store(case.store.url).url == case.store.url
    assert case.store.driver in {"etcd", "directory", "memory"}
