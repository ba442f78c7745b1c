"""The v2 store against a real etcd: directories, lost history, faults."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.store.following import Following

from catflap.lab.etcd import EtcdServer, cluster, free_port
from catflap.store import (
    Connected,
    Delta,
    Disconnected,
    Snapshot,
    StoreError,
    StoreOptions,
    StoreUnavailableError,
)
from catflap.store.etcd2 import Etcd2Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def following(*servers: EtcdServer, idle: float = 10.0) -> AsyncIterator[tuple[Etcd2Store, Following]]:
    store = Etcd2Store([server.endpoint for server in servers], StoreOptions(), idle=idle)
    try:
        yield store, Following(store.follow())
    finally:
        await store.close()


async def put_many(store: Etcd2Store, start: int, end: int) -> None:
    """Eight writers side by side."""
    await asyncio.gather(
        *(
            store.write([(f"/calico/v1/{number:04}", b"x" * 100) for number in range(start + first, end, 8)])
            for first in range(8)
        )
    )


async def test_the_tree_may_be_missing_at_first(etcd: EtcdServer) -> None:
    async with following(etcd) as (_, follower):
        await follower.next(Snapshot)
        assert follower.entries == {}
        etcd.etcdctl("set", "/calico/v1/Ready", "true", api=2)
        assert (await follower.next(Delta)).changes == (("/calico/v1/Ready", b"true"),)


async def test_other_trees_are_left_out(etcd: EtcdServer) -> None:
    async with following(etcd) as (_, follower):
        await follower.next(Snapshot)
        etcd.etcdctl("set", "/calico/felix/v1/x", "x", api=2)
        etcd.etcdctl("set", "/calico/v1/a", "a", api=2)
        assert (await follower.next(Delta)).changes == (("/calico/v1/a", b"a"),)


async def test_a_key_of_very_many_levels_hides_no_other(etcd: EtcdServer) -> None:
    deep = f"/calico/v1{'/a' * 600}/x"
    async with following(etcd) as (store, follower):
        await store.write([("/calico/v1/Ready", b"true"), (deep, b"1")])
        (problem,) = (await follower.next(Snapshot)).problems
        assert follower.entries == {"/calico/v1/Ready": b"true"}
        assert deep.startswith(problem.path)
        await store.write([("/calico/v1/b", b"1")])
        await follower.next(Delta)
        assert follower.problems == (problem,)
        etcd.etcdctl("rm", "--recursive", "/calico/v1/a", api=2)
        await store.write([("/calico/v1/b", b"2")])
        await follower.until(lambda seen: seen.entries["/calico/v1/b"] == b"2")
    assert not follower.problems


async def test_a_key_of_very_many_levels_may_come_while_it_is_followed(etcd: EtcdServer) -> None:
    deep = f"/calico/v1{'/a' * 2000}/x"
    async with following(etcd) as (store, follower):
        await follower.next(Snapshot)
        for value in (b"1", None):
            await store.write([(deep, value)])
            assert (await follower.next(Delta)).changes == ((deep, value),)


@pytest.mark.parametrize("directory", ["/calico/v1/host", "/calico"])
async def test_a_recursive_deletion_is_one_delta(etcd: EtcdServer, directory: str) -> None:
    async with following(etcd) as (store, follower):
        await store.write([(f"/calico/v1/host/{number}/x", b"x") for number in range(20)])
        await follower.next(Snapshot)
        etcd.etcdctl("rm", "--recursive", directory, api=2)
        assert len((await follower.next(Delta)).changes) == 20
        assert follower.entries == {}


async def test_an_expired_directory_is_one_delta(etcd: EtcdServer) -> None:
    async with following(etcd) as (store, follower):
        etcd.etcdctl("mkdir", "/calico/v1/leased", "--ttl", "1", api=2)
        await store.write([("/calico/v1/leased/a", b"1"), ("/calico/v1/leased/b", b"2")])
        await follower.next(Snapshot)
        assert dict((await follower.next(Delta)).changes) == {
            "/calico/v1/leased/a": None,
            "/calico/v1/leased/b": None,
        }


async def test_a_burst_of_2000_changes_arrives_whole(etcd: EtcdServer) -> None:
    async with following(etcd) as (store, follower):
        await follower.next(Snapshot)
        writing = asyncio.ensure_future(put_many(store, 0, 2000))
        await follower.until(lambda seen: len(seen.entries) == 2000)
        await writing
        assert follower.count(Disconnected) == 0


async def test_history_lost_while_away_leads_to_a_snapshot(own_etcd: EtcdServer) -> None:
    async with following(own_etcd) as (store, follower):
        await store.write([("/calico/v1/gone", b"x")])
        await follower.next(Snapshot)
        own_etcd.kill()
        await follower.next(Disconnected)
        own_etcd.start()
        await store.write([("/calico/v1/gone", None)])
        await put_many(store, 0, 1100)
        await follower.until(lambda seen: len(seen.entries) == 1100)
    assert "/calico/v1/gone" not in follower.entries
    assert follower.count(Snapshot) == 2


@pytest.mark.parametrize("crash", [True, False], ids=["SIGKILL", "SIGTERM"])
async def test_a_restart_loses_nothing_and_repeats_nothing(own_etcd: EtcdServer, crash: bool) -> None:
    async with following(own_etcd) as (store, follower):
        await follower.next(Snapshot)
        await store.write([(f"/calico/v1/{number:03}", b"before") for number in range(20)])
        (own_etcd.kill if crash else own_etcd.stop)()
        await follower.until(lambda seen: seen.count(Disconnected) == 1)
        own_etcd.start()
        await store.write([(f"/calico/v1/{number:03}", b"after") for number in range(20, 40)])
        await follower.until(lambda seen: "/calico/v1/039" in seen.entries)
    assert follower.changed_paths() == [f"/calico/v1/{number:03}" for number in range(40)]
    assert (follower.count(Snapshot), follower.count(Connected)) == (1, 1)


async def test_etcd_may_come_up_after_its_followers() -> None:
    port = free_port()
    store = Etcd2Store([f"127.0.0.1:{port}"], StoreOptions())
    follower = Following(store.follow())
    await follower.next(Disconnected)
    with EtcdServer(port=port) as server:
        server.etcdctl("set", "/calico/v1/Ready", "true", api=2)
        await follower.until(lambda seen: "/calico/v1/Ready" in seen.entries)
        await store.close()


async def test_a_wiped_store_leads_to_a_snapshot(own_etcd: EtcdServer) -> None:
    async with following(own_etcd) as (store, follower):
        await store.write([(f"/calico/v1/{number}", b"old") for number in range(20)])
        await follower.next(Snapshot)
        own_etcd.kill()
        own_etcd.wipe()
        own_etcd.start()
        await store.write([("/calico/v1/new", b"new")])
        await follower.until(lambda seen: "/calico/v1/new" in seen.entries)
    assert dict(follower.entries) == {"/calico/v1/new": b"new"}


async def test_quiet_polls_keep_up_with_the_traffic_of_others(etcd: EtcdServer) -> None:
    async with following(etcd, idle=0.05) as (store, follower):
        await follower.next(Snapshot)
        waiting = asyncio.ensure_future(follower.next(Delta))
        async with store._reach() as client:
            for number in range(1100):  # more than etcd remembers
                await client.write("/other", str(number))
            await asyncio.sleep(0.2)  # a few polls
            await client.write("/calico/v1/a", "1")
        assert (await waiting).changes == (("/calico/v1/a", b"1"),)


async def test_a_cluster_survives_the_member_that_is_followed() -> None:
    members = cluster(3)
    try:
        async with following(*members) as (store, follower):
            await follower.next(Snapshot)
            members[0].kill()
            members[1].kill()
            members[0].start()  # whichever it was that was followed, it is gone or was away
            async with asyncio.timeout(10):
                while await value_of(store, "/calico/v1/a") is None:
                    try:
                        await store.write([("/calico/v1/a", b"1")])
                    except StoreUnavailableError:
                        continue
            await follower.until(lambda seen: "/calico/v1/a" in seen.entries)
        assert follower.count(Snapshot) == 1
    finally:
        for member in members:
            member.close()


async def value_of(store: Etcd2Store, path: str) -> bytes | None:
    try:
        return await store.get(path)
    except StoreUnavailableError:
        return None


async def test_a_server_without_the_v2_api_is_an_outage_with_a_remedy() -> None:
    with EtcdServer(arguments=["--enable-v2=false"]) as server:
        async with following(server) as (_, follower):
            assert "--enable-v2" in (await follower.next(Disconnected)).reason


async def test_a_directory_has_no_value(etcd: EtcdServer) -> None:
    async with following(etcd) as (store, _):
        await store.write([("/calico/v1/dir/key", b"x")])
        assert await store.get("/calico/v1/dir") is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("/calico/resources/v3/projectcalico.org/tiers/t", b"{}"), "uses /calico/v1/ only"),
        (("/calico/v1/a", b"\xff"), "must be UTF-8 text"),
    ],
)
async def test_what_the_api_cannot_hold_is_refused_before_anything_is_written(
    etcd: EtcdServer, change: tuple[str, bytes], reason: str
) -> None:
    async with following(etcd) as (store, _):
        with pytest.raises(StoreError, match=reason):
            await store.write([("/calico/v1/first", b"x"), change])
        assert await store.get("/calico/v1/first") is None


async def test_a_write_that_fails_half_way_says_how_far_it_came(etcd: EtcdServer) -> None:
    async with following(etcd) as (store, _):
        with pytest.raises(StoreError, match=r"Not a file.*1 of 2 changes were made before /calico/v1/dir"):
            await store.write([("/calico/v1/dir/key", b"x"), ("/calico/v1/dir", b"x")])


async def test_no_endpoint_at_all_names_each_with_its_reason() -> None:
    endpoints = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    store = Etcd2Store(endpoints, StoreOptions())
    with pytest.raises(StoreUnavailableError) as caught:
        await store.get("/calico/v1/a")
    assert all(endpoint in str(caught.value) for endpoint in endpoints)
