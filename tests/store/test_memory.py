"""What the fake can do beyond the promises that test_api.py checks."""

from __future__ import annotations

import pytest
from tests.store.following import Following

from catflap.store import Connected, Delta, Disconnected, Snapshot, StoreUnavailableError
from catflap.store.memory import MemoryStore


async def test_it_begins_with_what_it_was_given() -> None:
    store = MemoryStore({"/a": b"1"})
    assert (await Following(store.follow()).next(Snapshot)).entries == {"/a": b"1"}


async def test_changes_of_an_outage_come_after_it() -> None:
    store = MemoryStore()
    follower = Following(store.follow())
    await follower.next(Snapshot)
    store.disconnect("cable")
    store.change([("/a", b"1")])
    store.reconnect()
    assert (await follower.next(Disconnected)).reason == "cable"
    await follower.next(Connected)
    assert (await follower.next(Delta)).changes == (("/a", b"1"),)


async def test_an_outage_can_end_with_a_snapshot() -> None:
    store = MemoryStore()
    follower = Following(store.follow())
    await follower.next(Snapshot)
    store.disconnect("cable")
    store.change([("/a", b"1")])
    store.resync()
    await follower.next(Disconnected)
    await follower.next(Snapshot)
    assert follower.entries == {"/a": b"1"}
    store.change([("/a", b"2")])
    await follower.next(Delta)


@pytest.mark.parametrize("end", [MemoryStore.reconnect, MemoryStore.resync])
async def test_who_begins_in_an_outage_gets_the_snapshot_afterwards(end: object) -> None:
    store = MemoryStore()
    store.disconnect("cable")
    follower = Following(store.follow())
    await follower.next(Disconnected)
    store.change([("/a", b"1")])
    assert callable(end)
    end(store)
    await follower.next(Snapshot)
    assert follower.entries == {"/a": b"1"}
    store.change([("/b", b"2")])
    assert (await follower.next(Delta)).changes == (("/b", b"2"),)


async def test_reads_and_writes_fail_in_an_outage() -> None:
    store = MemoryStore({"/a": b"1"})
    store.disconnect("cable")
    with pytest.raises(StoreUnavailableError, match="cable"):
        await store.get("/a")
    with pytest.raises(StoreUnavailableError, match="cable"):
        await store.write([("/a", b"2")])
    store.reconnect()
    assert await store.get("/a") == b"1"


async def test_one_tree_can_be_followed() -> None:
    store = MemoryStore({"/a/x": b"1", "/b/x": b"1"})
    follower = Following(store.follow_tree("/b/"))
    assert (await follower.next(Snapshot)).entries == {"/b/x": b"1"}
    store.change([("/a/x", b"2")])
    store.change([("/a/y", b"2"), ("/b/x", None)])
    assert (await follower.next(Delta)).changes == (("/b/x", None),)
