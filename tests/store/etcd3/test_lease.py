"""Kept keys in a real etcd, through everything that can make a lease vanish, and the death of their process."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from catflap.lab.etcd import EtcdServer
from catflap.lab.grpc_proxy import GrpcProxy
from catflap.store import Lease, StoreOptions, StoreUnavailableError
from catflap.store.etcd3 import Etcd3Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SECONDS = 2.0
KEY = "/calico/felix/v1/host/h/status"
NOBODY = StoreOptions()
PROCESS = """
import asyncio, sys
from catflap.store import open_store
async def main():
    lease = open_store(f"etcd://{sys.argv[1]}").lease(2)
    lease.put("/calico/felix/v1/host/h/status", b"up")
    await lease.run()
asyncio.run(main())
"""


@asynccontextmanager
async def keeping(
    *servers: EtcdServer, options: StoreOptions = NOBODY
) -> AsyncIterator[tuple[Etcd3Store, Lease]]:
    store = Etcd3Store([server.endpoint for server in servers], options)
    lease = store.lease(SECONDS)
    running = asyncio.create_task(lease.run())
    try:
        yield store, lease
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.wait([running])
        await store.close()


async def until(store: Etcd3Store, value: bytes | None, path: str = KEY) -> None:
    """Wait until a key has a value."""
    async with asyncio.timeout(20):
        while True:
            with suppress(StoreUnavailableError):
                if await store.get(path) == value:
                    return
            await asyncio.sleep(0.02)


async def test_keys_come_change_and_go(etcd: EtcdServer) -> None:
    async with keeping(etcd) as (store, lease):
        lease.put(KEY, b"1")
        await until(store, b"1")
        lease.put(KEY, b"2")
        await until(store, b"2")
        lease.remove(KEY)
        await until(store, None)


async def test_a_key_outlives_its_lease_time_while_it_is_kept(etcd: EtcdServer) -> None:
    async with keeping(etcd) as (store, lease):
        lease.put(KEY, b"1")
        await until(store, b"1")
        before = (await store.read(KEY)).entries[KEY].version
        await asyncio.sleep(1.5 * SECONDS)  # etcd notices the end of a lease within half a second
        assert (await store.read(KEY)).entries[KEY].version == before


async def test_close_lets_keys_vanish_at_once(etcd: EtcdServer) -> None:
    async with keeping(etcd) as (store, lease):
        lease.put(KEY, b"1")
        await until(store, b"1")
        await lease.close()
        assert await store.get(KEY) is None


async def test_keys_vanish_after_the_process_was_killed(etcd: EtcdServer) -> None:
    store = Etcd3Store([etcd.endpoint], NOBODY)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROCESS, etcd.endpoint)
    try:
        await until(store, b"up")
    finally:
        process.kill()
        await process.wait()
    killed = asyncio.get_running_loop().time()
    await until(store, None)
    assert asyncio.get_running_loop().time() - killed < SECONDS + 3
    await store.close()


@pytest.mark.parametrize("crash", [True, False], ids=["SIGKILL", "SIGTERM"])
async def test_a_restart_of_etcd_is_survived(own_etcd: EtcdServer, crash: bool) -> None:
    async with keeping(own_etcd) as (store, lease):
        lease.put(KEY, b"1")
        await until(store, b"1")
        (own_etcd.kill if crash else own_etcd.stop)()
        lease.put(KEY, b"2")
        own_etcd.start()
        await until(store, b"2")


async def test_a_wiped_store_gets_the_keys_again(own_etcd: EtcdServer) -> None:
    async with keeping(own_etcd) as (store, lease):
        lease.put(KEY, b"1")
        await until(store, b"1")
        own_etcd.kill()
        own_etcd.wipe()
        own_etcd.start()
        await until(store, b"1")


async def test_a_revoked_lease_is_granted_anew(etcd: EtcdServer) -> None:
    async with keeping(etcd) as (store, lease):
        lease.put(KEY, b"1")
        await until(store, b"1")
        (found,) = [line for line in etcd.etcdctl("lease", "list").split() if len(line) == 16]
        etcd.etcdctl("lease", "revoke", found)
        assert await store.get(KEY) is None
        await until(store, b"1")


async def test_a_key_that_somebody_deleted_or_overwrote_comes_back(etcd: EtcdServer) -> None:
    async with keeping(etcd) as (store, lease):
        lease.put(KEY, b"1")
        await until(store, b"1")
        etcd.etcdctl("del", KEY)
        await until(store, b"1")
        etcd.etcdctl("put", KEY, "foreign")
        await until(store, b"1")


async def test_failover_keeps_the_keys(members: list[EtcdServer]) -> None:
    async with keeping(*members) as (store, lease):
        lease.put(KEY, b"1")
        await until(store, b"1")
        for member in members[:2]:
            member.kill()
            lease.put(KEY, b"2")
            await until(store, b"2")
            await asyncio.sleep(SECONDS)
            await until(store, b"2")
            member.start()
            lease.put(KEY, b"1")
            await until(store, b"1")


async def test_a_member_that_freezes_is_left(members: list[EtcdServer]) -> None:
    async with keeping(*members) as (store, lease):
        lease.put(KEY, b"1")
        await until(store, b"1")
        assert store._members._connection is not None
        endpoint = store._members._connection.endpoint
        (connected,) = [member for member in members if member.endpoint == endpoint]
        connected.freeze()
        lease.put(KEY, b"2")
        await until(store, b"2")


async def test_a_store_restored_from_a_backup_gets_the_newest_value(
    own_etcd: EtcdServer, tmp_path: Path
) -> None:
    async with keeping(own_etcd) as (store, lease):
        lease.put(KEY, b"old")
        await until(store, b"old")
        own_etcd.save_snapshot(tmp_path / "backup")
        lease.put(KEY, b"new")
        await until(store, b"new")
        own_etcd.kill()
        own_etcd.restore_snapshot(tmp_path / "backup")
        own_etcd.start()
        await until(store, b"new")


async def test_keys_are_kept_through_a_grpc_proxy(etcd: EtcdServer) -> None:
    with GrpcProxy([etcd.endpoint]) as proxy:
        store = Etcd3Store([proxy.endpoint], NOBODY)
        lease = store.lease(SECONDS)
        running = asyncio.create_task(lease.run())
        lease.put(KEY, b"1")
        await until(store, b"1")
        before = etcd.etcdctl("get", KEY, "-w", "fields")
        await asyncio.sleep(1.5 * SECONDS)  # etcd notices the end of a lease within half a second
        assert etcd.etcdctl("get", KEY, "-w", "fields") == before
        etcd.etcdctl("del", KEY)
        await until(store, b"1")
        running.cancel()
        await lease.close()
        assert etcd.etcdctl("get", KEY) == ""
        await store.close()


async def test_an_expired_token_is_renewed(own_etcd: EtcdServer) -> None:
    for command in ("user add root:secret", "user grant-role root root", "auth enable"):
        own_etcd.etcdctl(*command.split())
    options = StoreOptions(username="root", password="secret")  # noqa: S106 - of a server that lives for a test
    async with keeping(own_etcd, options=options) as (store, lease):
        lease.put(KEY, b"1")
        await until(store, b"1")
        own_etcd.kill()
        own_etcd.start()  # it has forgotten all tokens
        lease.put(KEY, b"2")
        await until(store, b"2")
        await asyncio.sleep(1.5 * SECONDS)
        assert await store.get(KEY) == b"2"


async def test_a_store_that_was_away_gets_the_newest_value(own_etcd: EtcdServer) -> None:
    own_etcd.stop()
    async with keeping(own_etcd) as (store, lease):
        for number in range(5):
            lease.put(KEY, b"%d" % number)
            await asyncio.sleep(0.05)
        own_etcd.start()
        await until(store, b"4")
        assert '"Version" : 1\n' in own_etcd.etcdctl("get", KEY, "-w", "fields")  # written once
