"""The promises of the port, which every store has to keep."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.store.following import Following

from catflap.model import V1_ROOT, V3_ROOT
from catflap.store import ABSENT, Delta, Snapshot, Store, StoreConflictError, StoreError, open_store
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
    leases: bool = True

    @property
    def prefix(self) -> str:
        """Of all its paths."""
        return f"{V3_ROOT}tiers/" if self.v3_objects else f"{V1_ROOT}policy/tier/"

    def path(self, number: int) -> str:
        return f"{self.prefix}t{number}" + ("" if self.v3_objects else "/metadata")

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
        case = Case(open_store(f"dir:{tmp_path}"), v3_objects=True, leases=False)
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


async def version(case: Case, number: int) -> int:
    entry = (await case.store.read(case.prefix)).entries.get(case.path(number))
    return ABSENT if entry is None else entry.version


async def test_read_finds_what_is_below_a_prefix(case: Case) -> None:
    assert (await case.store.read(case.prefix)).entries == {}
    await case.store.write([(case.path(1), case.value(1)), (case.path(2), case.value(2))])
    found = (await case.store.read(case.prefix)).entries
    assert {path: entry.value for path, entry in found.items()} == {
        case.path(1): case.value(1),
        case.path(2): case.value(2),
    }
    assert (await case.store.read(f"{case.prefix}none/")).entries == {}


async def test_read_finds_a_whole_path(case: Case) -> None:
    await case.store.write([(case.path(1), case.value(1)), (case.path(2), case.value(2))])
    assert list((await case.store.read(case.path(1))).entries) == [case.path(1)]


async def test_a_read_is_at_least_as_new_as_the_last_write(case: Case) -> None:
    revision = await case.store.write([(case.path(1), case.value(1))])
    assert (await case.store.read(case.prefix)).revision >= revision


async def test_every_change_gives_another_version(case: Case) -> None:
    versions = [await version(case, 1)]
    for order in range(3):
        await case.store.write([(case.path(1), case.value(1, order))])
        versions.append(await version(case, 1))
    assert versions[0] == ABSENT
    assert len(set(versions)) == 4


async def test_a_change_of_another_path_leaves_the_version(case: Case) -> None:
    await case.store.write([(case.path(1), case.value(1))])
    before = await version(case, 1)
    await case.store.write([(case.path(2), case.value(2))])
    assert await version(case, 1) == before


async def test_expected_versions_let_a_write_pass(case: Case) -> None:
    await case.store.write([(case.path(1), case.value(1)), (case.path(2), case.value(2))])
    expected = {case.path(number): await version(case, number) for number in (1, 2, 3)}
    changes = [(case.path(1), case.value(1, order=7)), (case.path(2), None), (case.path(3), case.value(3))]
    await case.store.write(changes, expected)
    assert {path: await case.store.get(path) for path, _ in changes} == dict(changes)


async def test_what_changed_meanwhile_is_a_conflict_and_nothing_is_written(case: Case) -> None:
    await case.store.write([(case.path(1), case.value(1)), (case.path(2), case.value(2))])
    expected = {case.path(number): await version(case, number) for number in (1, 2)}
    await case.store.write([(case.path(1), case.value(1, order=7))])
    changes = [(case.path(1), case.value(1, order=8)), (case.path(2), case.value(2, order=8))]
    with pytest.raises(StoreConflictError, match=case.path(1)) as caught:
        await case.store.write(changes, expected)
    assert caught.value.paths == (case.path(1),)
    assert await case.store.get(case.path(1)) == case.value(1, order=7)
    assert await case.store.get(case.path(2)) == case.value(2)


async def test_what_was_deleted_meanwhile_is_a_conflict(case: Case) -> None:
    await case.store.write([(case.path(1), case.value(1))])
    expected = {case.path(1): await version(case, 1)}
    await case.store.write([(case.path(1), None)])
    for value in (case.value(1, order=7), None):
        with pytest.raises(StoreConflictError) as caught:
            await case.store.write([(case.path(1), value)], expected)
        assert caught.value.paths == (case.path(1),)
    assert await case.store.get(case.path(1)) is None


async def test_what_must_be_absent_is_created_only_once(case: Case) -> None:
    await case.store.write([(case.path(1), case.value(1))], {case.path(1): ABSENT})
    with pytest.raises(StoreConflictError) as caught:
        await case.store.write([(case.path(1), case.value(1, order=7))], {case.path(1): ABSENT})
    assert caught.value.paths == (case.path(1),)
    assert await case.store.get(case.path(1)) == case.value(1)


async def test_a_path_that_does_not_change_can_be_expected_too(case: Case) -> None:
    await case.store.write([(case.path(1), case.value(1))])
    expected = {case.path(1): await version(case, 1)}
    await case.store.write([(case.path(2), case.value(2))], expected)
    await case.store.write([(case.path(1), case.value(1, order=7))])
    with pytest.raises(StoreConflictError) as caught:
        await case.store.write([(case.path(2), None)], expected)
    assert caught.value.paths == (case.path(1),)
    assert await case.store.get(case.path(2)) == case.value(2)


async def test_as_many_changes_as_the_limit_says_are_made_at_once(case: Case) -> None:
    count = case.store.transaction_limit or 200
    changes = [(case.path(number), case.value(number)) for number in range(count)]
    await case.store.write(changes, dict.fromkeys(dict(changes), ABSENT))
    assert len((await case.store.read(case.prefix)).entries) == count


LEASED = "/calico/felix/v1/host/h/status"


async def get_until(store: Store, value: bytes | None) -> None:
    async with asyncio.timeout(10):
        while await store.get(LEASED) != value:
            await asyncio.sleep(0.01)


async def test_leased_keys_come_change_and_go(case: Case) -> None:
    if not case.leases:
        with pytest.raises(StoreError, match="lease"):
            case.store.lease(30)
        return
    lease = case.store.lease(30)
    running = asyncio.create_task(lease.run())
    lease.put(LEASED, b"1")
    await get_until(case.store, b"1")
    lease.put(LEASED, b"2")
    await get_until(case.store, b"2")
    lease.remove(LEASED)
    await get_until(case.store, None)
    lease.put(LEASED, b"3")
    await get_until(case.store, b"3")
    running.cancel()
    await asyncio.wait([running])
    await lease.close()
    assert await case.store.get(LEASED) is None


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
