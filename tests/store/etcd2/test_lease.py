"""Leased keys against a real etcd: they live as long as the process, and through the store's own faults."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from tests.store.etcd2.loopback import Lossy, serving
from tests.store.etcd2.traffic import HASTY, following

from catflap.lab.etcd import EtcdServer
from catflap.store import Delta, Snapshot, StoreError, StoreOptions, StoreUnavailableError
from catflap.store.etcd2 import Etcd2Store
from catflap.store.etcd2.lease import TtlKeys
from catflap.store.etcd2.members import Members
from catflap.store.lease import LeaseLostError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from catflap.store import Lease

STATUS = "/calico/felix/v1/host/h/status"
OTHER = "/calico/felix/v1/host/h/catflap"


def keys(*servers: EtcdServer, seconds: float = 60) -> TtlKeys:
    return TtlKeys(
        Members(tuple(server.endpoint for server in servers), StoreOptions(), timeouts=HASTY.timeouts),
        seconds,
    )


def store_of(*servers: EtcdServer) -> Etcd2Store:
    return Etcd2Store([server.endpoint for server in servers], StoreOptions())


async def until_value(store: Etcd2Store, path: str, value: bytes | None) -> None:
    """Wait until a key has a value; the store may be away."""
    async with asyncio.timeout(20):
        while True:
            with suppress(StoreError):
                if await store.get(path) == value:
                    return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def kept(store: Etcd2Store, seconds: float) -> AsyncIterator[Lease]:
    lease = store.lease(seconds)
    task = asyncio.create_task(lease.run())
    try:
        yield lease
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_a_key_vanishes_when_it_is_not_refreshed(etcd: EtcdServer) -> None:
    await keys(etcd, seconds=0.1).put(STATUS, b"up")  # etcd's shortest time is a second
    assert await store_of(etcd).get(STATUS) == b"up"
    await until_value(store_of(etcd), STATUS, None)


async def versions(store: Etcd2Store) -> dict[str, int]:
    """Of all keys: a refresh raises them."""
    return {path: entry.version for path, entry in (await store.read("/calico/felix/")).entries.items()}


async def test_a_refresh_is_one_of_every_key(etcd: EtcdServer) -> None:
    backend = keys(etcd)
    await backend.put(STATUS, b"up")
    await backend.put(OTHER, b"1")
    before = await versions(store_of(etcd))
    await backend.refresh()
    after = await versions(store_of(etcd))
    assert set(before) == {STATUS, OTHER}
    assert all(after[path] > before[path] for path in before)


async def test_a_refresh_is_told_to_no_follower(etcd: EtcdServer) -> None:
    path = "/calico/v1/leased"
    backend = keys(etcd)
    await backend.put(path, b"1")
    async with following(etcd.endpoint) as (store, follower):
        await follower.next(Snapshot)
        await backend.refresh()
        await store.write([("/calico/v1/b", b"2")])
        assert (await follower.next(Delta)).changes == (("/calico/v1/b", b"2"),)


async def test_keys_that_are_gone_at_a_refresh_are_named_and_the_others_are_refreshed(
    etcd: EtcdServer,
) -> None:
    backend = keys(etcd)
    await backend.put(OTHER, b"1")
    await backend.put(STATUS, b"up")
    await store_of(etcd).write([(OTHER, None)])  # the first one that is refreshed
    before = await versions(store_of(etcd))
    with pytest.raises(LeaseLostError, match=f"^{OTHER} expired"):
        await backend.refresh()
    assert (await versions(store_of(etcd)))[STATUS] > before[STATUS]


async def test_what_was_deleted_or_ended_is_no_longer_refreshed(etcd: EtcdServer) -> None:
    backend = keys(etcd)
    await backend.put(STATUS, b"up")
    await backend.put(OTHER, b"1")
    await backend.delete(STATUS)
    await backend.delete(STATUS)  # it may be gone already
    assert await store_of(etcd).get(STATUS) is None
    await backend.refresh()
    await backend.end()
    assert await store_of(etcd).get(OTHER) is None
    await backend.refresh()


async def test_a_key_that_cannot_be_is_refused(etcd: EtcdServer) -> None:
    await store_of(etcd).write([(f"{STATUS}/below", b"1")])
    with pytest.raises(StoreError, match=f"etcd refuses {STATUS}: Not a file"):
        await keys(etcd).put(STATUS, b"up")
    with pytest.raises(StoreError, match="only; use etcd://"):
        await keys(etcd).put("/elsewhere", b"up")


async def test_what_was_refused_does_not_keep_the_others_from_being_refreshed(etcd: EtcdServer) -> None:
    await store_of(etcd).write([(f"{OTHER}/below", b"1")])
    backend = keys(etcd)
    with pytest.raises(StoreError, match="Not a file"):
        await backend.put(OTHER, b"1")
    await backend.put(STATUS, b"up")
    await backend.refresh()


async def test_a_key_whose_answer_was_lost_is_refreshed_and_ended(etcd: EtcdServer) -> None:
    async with serving(Lossy(etcd.endpoint, made=True).answer) as endpoint:
        backend = TtlKeys(Members((endpoint,), StoreOptions()), 60)
        with pytest.raises(StoreUnavailableError):
            await backend.put(STATUS, b"up")
        before = await versions(store_of(etcd))
        await backend.refresh()
        assert (await versions(store_of(etcd)))[STATUS] > before[STATUS]
        await backend.end()
    assert await store_of(etcd).get(STATUS) is None


async def test_a_lost_key_comes_back(etcd: EtcdServer) -> None:
    store = store_of(etcd)
    async with kept(store, 1) as lease:
        lease.put(STATUS, b"up")
        await until_value(store, STATUS, b"up")
        etcd.etcdctl("rm", STATUS, api=2)
        await until_value(store, STATUS, b"up")


async def test_keys_survive_a_restart_of_etcd_that_takes_longer_than_they_live(own_etcd: EtcdServer) -> None:
    store = store_of(own_etcd)
    async with kept(store, 1) as lease:
        lease.put(STATUS, b"up")
        await until_value(store, STATUS, b"up")
        own_etcd.kill()
        await asyncio.sleep(1.2)
        own_etcd.start()
        await until_value(store, STATUS, b"up")
        await asyncio.sleep(1.2)
        await until_value(store, STATUS, b"up")


async def test_keys_survive_the_death_of_a_member(members: list[EtcdServer]) -> None:
    store = store_of(*members)
    async with kept(store, 1) as lease:
        lease.put(STATUS, b"up")
        await until_value(store, STATUS, b"up")
        members[0].kill()
        await asyncio.sleep(1.2)
        await until_value(store, STATUS, b"up")
        lease.put(STATUS, b"still up")
        await until_value(store, STATUS, b"still up")


CHILD = """
import asyncio, sys
from catflap.store import open_store

async def main():
    lease = open_store(sys.argv[1]).lease(1)
    lease.put(sys.argv[2], b"up")
    await lease.run()

asyncio.run(main())
"""


async def test_keys_vanish_with_the_process_that_keeps_them(etcd: EtcdServer) -> None:
    store = store_of(etcd)
    child = subprocess.Popen([sys.executable, "-c", CHILD, store.url, STATUS])  # noqa: ASYNC220 - starting takes no time
    try:
        await until_value(store, STATUS, b"up")
        await asyncio.sleep(1.2)
        assert await store.get(STATUS) == b"up"
    finally:
        child.kill()
        child.wait()
    await until_value(store, STATUS, None)


async def test_the_end_of_a_lease_takes_its_keys_along_at_once(etcd: EtcdServer) -> None:
    store = store_of(etcd)
    async with kept(store, 60) as lease:
        lease.put(STATUS, b"up")
        await until_value(store, STATUS, b"up")
    await lease.close()
    assert await store.get(STATUS) is None
