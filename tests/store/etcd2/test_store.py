"""The v2 store against a real etcd: what the API can do to a tree, lost history, faults."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from typing import TYPE_CHECKING

import pytest
from tests.store.etcd2.loopback import Proxy
from tests.store.etcd2.traffic import BRISK, HASTY, following, put_many

from catflap.lab.etcd import EtcdServer, free_port
from catflap.store import (
    Alive,
    Connected,
    Delta,
    Disconnected,
    Entry,
    Snapshot,
    StoreOptions,
    StoreUnavailableError,
)
from catflap.store.etcd2 import Etcd2Store
from catflap.store.etcd2.client import Etcd2Client

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = "/calico/v1"


async def test_the_tree_may_be_missing_at_first(etcd: EtcdServer) -> None:
    async with following(etcd.endpoint) as (_, follower):
        await follower.next(Snapshot)
        assert follower.entries == {}
        etcd.etcdctl("set", "/calico/v1/Ready", "true", api=2)
        assert (await follower.next(Delta)).changes == (("/calico/v1/Ready", b"true"),)


async def test_other_trees_and_hidden_keys_are_left_out(etcd: EtcdServer) -> None:
    async with following(etcd.endpoint) as (_, follower):
        await follower.next(Snapshot)
        for key in ("/calico/felix/v1/x", "/calico/v1/_hidden", "/calico/v1/_dir/x", "/calico/v1/a"):
            etcd.etcdctl("set", key, "x", api=2)
        assert (await follower.next(Delta)).changes == (("/calico/v1/a", b"x"),)


async def test_hidden_keys_are_left_out_of_what_was_missed_too(etcd: EtcdServer) -> None:
    async with Proxy(etcd.endpoint) as proxy, following(proxy.endpoint, tuning=HASTY) as (_, follower):
        await follower.next(Snapshot)
        proxy.swallow()
        last = await put_many(
            etcd.endpoint, ["/calico/v1/a", "/calico/v1/_hidden", "/calico/v1/_dir/x", "/calico/v1/b"]
        )
        await follower.next(Disconnected)
        proxy.pass_on()
        await follower.until(lambda seen: any(event == Alive(last) for event in seen.events))
    assert set(follower.entries) == {"/calico/v1/a", "/calico/v1/b"}
    assert follower.count(Snapshot) == 1


async def test_a_key_of_very_many_levels_hides_no_other(etcd: EtcdServer) -> None:
    deep = f"/calico/v1{'/a' * 600}/x"
    async with following(etcd.endpoint) as (store, follower):
        await store.write([("/calico/v1/Ready", b"true"), (deep, b"1")])
        (problem,) = (await follower.next(Snapshot)).problems
        assert follower.entries == {"/calico/v1/Ready": b"true"}
        assert deep.startswith(problem.path)
        assert set((await store.read("/calico/v1/")).entries) == {"/calico/v1/Ready"}
        await store.write([("/calico/v1/b", b"1")])
        await follower.next(Delta)
        assert follower.problems == (problem,)
        etcd.etcdctl("rm", "--recursive", "/calico/v1/a", api=2)
        await store.write([("/calico/v1/b", b"2")])
        await follower.until(lambda seen: seen.entries["/calico/v1/b"] == b"2")
    assert not follower.problems


async def test_a_key_of_very_many_levels_may_come_while_it_is_followed(etcd: EtcdServer) -> None:
    deep = f"/calico/v1{'/a' * 2000}/x"
    async with following(etcd.endpoint) as (store, follower):
        await follower.next(Snapshot)
        for value in (b"1", None):
            await store.write([(deep, value)])
            assert (await follower.next(Delta)).changes == ((deep, value),)


@pytest.mark.parametrize("directory", ["/calico/v1/host", "/calico/v1", "/calico"])
async def test_a_recursive_deletion_is_one_delta(etcd: EtcdServer, directory: str) -> None:
    async with following(etcd.endpoint) as (store, follower):
        await put_many(etcd.endpoint, (f"/calico/v1/host/{number}/x" for number in range(20)))
        await follower.next(Snapshot)
        etcd.etcdctl("rm", "--recursive", directory, api=2)
        assert len((await follower.next(Delta)).changes) == 20
        assert follower.entries == {}
        await store.write([("/calico/v1/again", b"1")])
        assert (await follower.next(Delta)).changes == (("/calico/v1/again", b"1"),)


async def test_what_expires_is_deleted_and_a_directory_is_one_delta(etcd: EtcdServer) -> None:
    async with following(etcd.endpoint) as (_, follower):
        etcd.etcdctl("mkdir", "/calico/v1/leased", "--ttl", "1", api=2)
        await put_many(etcd.endpoint, ["/calico/v1/leased/a", "/calico/v1/leased/b", "/calico/v1/stays"])
        etcd.etcdctl("set", "/calico/v1/alone", "x", "--ttl", "1", api=2)
        await follower.next(Snapshot)
        await follower.until(lambda seen: len(seen.entries) == 1)
    gone = [set(dict(event.changes)) for event in follower.events if isinstance(event, Delta)]
    assert {"/calico/v1/leased/a", "/calico/v1/leased/b"} in gone or len(gone) == 1  # both may expire at once
    assert set(follower.entries) == {"/calico/v1/stays"}


async def test_a_time_to_live_for_a_directory_takes_nothing_away(etcd: EtcdServer) -> None:
    async with following(etcd.endpoint) as (store, follower):
        await put_many(etcd.endpoint, ["/calico/v1/dir/a"])
        await follower.next(Snapshot)
        etcd.etcdctl("updatedir", "/calico/v1/dir", "--ttl", "100", api=2)
        await store.write([("/calico/v1/b", b"1")])
        await follower.until(lambda seen: "/calico/v1/b" in seen.entries)
    assert "/calico/v1/dir/a" in follower.entries


async def test_a_refresh_is_no_change(etcd: EtcdServer) -> None:
    async with (
        following(etcd.endpoint) as (store, follower),
        Etcd2Client(etcd.endpoint, StoreOptions(), tls=False) as client,
    ):
        await client.put("/calico/v1/leased", "1", ttl=100)
        await follower.next(Snapshot)
        await client.put("/calico/v1/leased", None, ttl=100)
        await store.write([("/calico/v1/b", b"1")])
        assert (await follower.next(Delta)).changes == (("/calico/v1/b", b"1"),)


async def test_a_value_may_become_a_directory_and_a_value_again(etcd: EtcdServer) -> None:
    path = "/calico/v1/host/h"
    async with following(etcd.endpoint) as (_, follower):
        etcd.etcdctl("set", path, "1", api=2)
        await follower.next(Snapshot)
        for command in (
            ("setdir", path),  # in the place of the value
            ("set", f"{path}/below", "2"),
            ("rm", "--recursive", path),
            ("set", path, "3"),
            ("rm", path),
            ("set", f"{path}/below", "4"),
        ):
            etcd.etcdctl(*command, api=2)
        await follower.until(lambda seen: seen.entries == {f"{path}/below": b"4"})
    expected = [path, f"{path}/below", f"{path}/below", path, path, f"{path}/below"]
    assert follower.changed_paths() == expected


async def test_a_value_in_the_place_of_the_tree_is_an_empty_tree(etcd: EtcdServer) -> None:
    async with following(etcd.endpoint) as (store, follower):
        await put_many(etcd.endpoint, ["/calico/v1/a"])
        await follower.next(Snapshot)
        etcd.etcdctl("rm", "--recursive", "/calico", api=2)
        etcd.etcdctl("set", "/calico", "value", api=2)
        await follower.next(Delta)
        assert (await store.read("/calico/v1/")).entries == {}
        async with following(etcd.endpoint) as (_, second):
            assert (await second.next(Snapshot)).entries == {}
        etcd.etcdctl("rm", "/calico", api=2)
        etcd.etcdctl("set", "/calico/v1/b", "x", api=2)
        await follower.until(lambda seen: "/calico/v1/b" in seen.entries)
    assert set(follower.entries) == {"/calico/v1/b"}


async def test_every_kind_of_write_is_a_change(etcd: EtcdServer) -> None:
    async with following(etcd.endpoint) as (_, follower):
        await follower.next(Snapshot)
        for command in (
            ("mk", "/calico/v1/a", "created"),
            ("set", "/calico/v1/a", "swapped", "--swap-with-value", "created"),
            ("update", "/calico/v1/a", "updated"),
            ("rm", "/calico/v1/a", "--with-value", "updated"),
            ("mk", "--in-order", "/calico/v1/queue", "first"),
        ):
            etcd.etcdctl(*command, api=2)
        await follower.until(lambda seen: any("/queue/" in path for path in seen.entries))
    values = [value for event in follower.events if isinstance(event, Delta) for _, value in event.changes]
    assert values == [b"created", b"swapped", b"updated", None, b"first"]


@pytest.mark.parametrize("live", [True, False], ids=["live", "snapshot"])
async def test_odd_bytes_harm_nothing(etcd: EtcdServer, live: bool) -> None:
    odd = ["/calico/v1/\0\x1f", "/calico/v1/a b%2F?#", "/calico/v1/ü\U0001f408", "/calico/v1/..."]
    async with (
        following(etcd.endpoint) as (_, follower),
        Etcd2Client(etcd.endpoint, StoreOptions(), tls=False) as client,
    ):
        if live:
            await follower.next(Snapshot)
        await put_many(etcd.endpoint, odd, "\0\x7f\u2028 ü")
        for raw in ("%FF", "%FE"):  # no UTF-8: both look the same
            await client._session.put(f"http://{etcd.endpoint}/v2/keys/calico/v1/{raw}", data={"value": "x"})
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        await client._session.put(
            f"http://{etcd.endpoint}/v2/keys/calico/v1/z", data=b"value=%FF", headers=form
        )
        await follower.until(lambda seen: "/calico/v1/z" in seen.entries)
    assert follower.entries == dict.fromkeys(odd, "\0\x7f\u2028 ü".encode()) | {
        "/calico/v1/z": "\ufffd".encode()
    }
    assert [problem.path for problem in follower.problems] == ["/calico/v1/\ufffd"]


async def test_a_burst_of_20000_sets_ends_in_the_same_state(etcd: EtcdServer) -> None:
    async with following(etcd.endpoint) as (store, follower):
        await follower.next(Snapshot)
        started = time.monotonic()
        writing = asyncio.ensure_future(
            put_many(etcd.endpoint, (f"/calico/v1/{number % 5000}" for number in range(20_000)), "x")
        )
        writing.add_done_callback(lambda _: etcd.etcdctl("set", "/calico/v1/end", "x", api=2))
        await follower.until(lambda seen: "/calico/v1/end" in seen.entries)
        lasted = time.monotonic() - started
        await writing
        stored = (await store.read("/calico/v1/")).entries
    assert follower.entries == {path: entry.value for path, entry in stored.items()}
    assert len(stored) == 5001
    assert follower.count(Snapshot) <= lasted + 2
    assert follower.count(Disconnected) == 0


async def test_history_that_is_cleared_while_it_is_followed_leads_to_a_snapshot(etcd: EtcdServer) -> None:
    async with Proxy(etcd.endpoint) as proxy, following(proxy.endpoint) as (_, follower):
        await put_many(etcd.endpoint, ["/calico/v1/gone"])
        await follower.next(Snapshot)
        proxy.swallow()
        etcd.etcdctl("rm", "/calico/v1/gone", api=2)
        await put_many(etcd.endpoint, (f"/calico/v1/{number}" for number in range(1100)))
        proxy.pass_on()
        await follower.until(lambda seen: len(seen.entries) == 1100)
    assert follower.count(Snapshot) == 2
    assert follower.count(Disconnected) == 0


async def test_history_lost_while_away_leads_to_a_snapshot(own_etcd: EtcdServer) -> None:
    async with following(own_etcd.endpoint) as (_, follower):
        await put_many(own_etcd.endpoint, ["/calico/v1/gone"])
        await follower.next(Snapshot)
        own_etcd.kill()
        await follower.next(Disconnected)
        own_etcd.start()
        own_etcd.etcdctl("rm", "/calico/v1/gone", api=2)
        await put_many(own_etcd.endpoint, (f"/calico/v1/{number}" for number in range(1100)))
        await follower.until(lambda seen: len(seen.entries) == 1100)
    assert follower.count(Snapshot) == 2


@pytest.mark.parametrize("crash", [True, False], ids=["SIGKILL", "SIGTERM"])
async def test_a_restart_loses_nothing_and_repeats_nothing(own_etcd: EtcdServer, crash: bool) -> None:
    async with following(own_etcd.endpoint) as (store, follower):
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
    async with following(f"127.0.0.1:{port}") as (_, follower):
        await follower.next(Disconnected)
        with EtcdServer(port=port) as server:
            server.etcdctl("set", "/calico/v1/Ready", "true", api=2)
            await follower.until(lambda seen: "/calico/v1/Ready" in seen.entries)


@pytest.mark.parametrize("count", [1, 200], ids=["smaller", "larger"])
async def test_a_wiped_store_leads_to_a_snapshot(own_etcd: EtcdServer, count: int) -> None:
    async with following(own_etcd.endpoint, tuning=BRISK) as (_, follower):
        await put_many(own_etcd.endpoint, (f"/calico/v1/old/{number}" for number in range(20)))
        await follower.next(Snapshot)
        await follower.next(Alive)
        own_etcd.kill()
        own_etcd.wipe()
        own_etcd.start()
        await put_many(own_etcd.endpoint, (f"/calico/v1/{number}" for number in range(count)))
        await follower.until(lambda seen: seen.count(Snapshot) == 2)
        await follower.until(lambda seen: len(seen.entries) == count)
    assert f"/calico/v1/{count - 1}" in follower.entries


async def test_a_server_without_the_v2_api_is_an_outage_with_a_remedy() -> None:
    with EtcdServer(arguments=["--enable-v2=false"]) as server:
        async with following(server.endpoint) as (_, follower):
            assert "--enable-v2" in (await follower.next(Disconnected)).reason


def split(
    members: Sequence[EtcdServer], caplog: pytest.LogCaptureFixture
) -> tuple[EtcdServer, list[EtcdServer]]:
    """The member that is followed, and the others."""
    endpoint = re.findall(r"Following the store through (\S+)", caplog.text)[-1]
    (followed,) = [member for member in members if member.endpoint == endpoint]
    return followed, [member for member in members if member is not followed]


async def write_somehow(members: Sequence[EtcdServer], path: str) -> None:
    """Write, however long the election takes."""
    store = Etcd2Store([member.endpoint for member in members], StoreOptions(), tuning=HASTY)
    async with asyncio.timeout(20):
        while True:
            try:
                await store.write([(path, b"1")])
            except StoreUnavailableError:
                continue
            return


@pytest.mark.parametrize("fault", ["kill", "freeze"])
async def test_a_cluster_survives_the_member_that_is_followed(
    members: list[EtcdServer], caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    caplog.set_level(logging.INFO)
    async with following(*(member.endpoint for member in members), tuning=HASTY) as (_, follower):
        await follower.next(Snapshot)
        await follower.next(Alive)
        followed, others = split(members, caplog)
        getattr(followed, fault)()
        await write_somehow(others, "/calico/v1/a")
        await follower.until(lambda seen: "/calico/v1/a" in seen.entries)
        assert split(members, caplog)[0] in others
    assert follower.count(Snapshot) == 1
    assert follower.changed_paths() == ["/calico/v1/a"]


async def test_the_loss_of_quorum_is_an_outage_until_it_is_back(
    members: list[EtcdServer], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with following(*(member.endpoint for member in members), tuning=HASTY) as (_, follower):
        await follower.next(Snapshot)
        await follower.next(Alive)
        others = split(members, caplog)[1]
        for member in others:
            member.freeze()
        await follower.until(lambda seen: seen.count(Disconnected) == 1)
        assert follower.count(Connected) == 0
        for member in others:
            member.thaw()
        await write_somehow(members, "/calico/v1/a")
        await follower.until(lambda seen: "/calico/v1/a" in seen.entries)
    assert follower.count(Snapshot) == 1
    assert follower.changed_paths() == ["/calico/v1/a"]


async def test_a_directory_has_no_value(etcd: EtcdServer) -> None:
    async with following(etcd.endpoint) as (store, _):
        await store.write([("/calico/v1/dir/key", b"x")])
        assert await store.get("/calico/v1/dir") is None


async def test_a_listing_has_what_begins_with_the_prefix(etcd: EtcdServer) -> None:
    async with following(etcd.endpoint) as (store, _):
        first = await store.write([("/calico/v1/dir/a", b"1")])
        last = await store.write([("/calico/v1/dir/ab", b"2"), ("/calico/v1/dirt", b"3")])
        assert (await store.read("/calico/v1/dir/")).entries == {
            "/calico/v1/dir/a": Entry(b"1", first),
            "/calico/v1/dir/ab": Entry(b"2", last - 1),
        }
        listing = await store.read("/calico/v1/dir/a")
        assert (listing.revision, list(listing.entries)) == (last, ["/calico/v1/dir/a", "/calico/v1/dir/ab"])
        assert set((await store.read("/calico/v1/dir")).entries) == {
            "/calico/v1/dir/a",
            "/calico/v1/dir/ab",
            "/calico/v1/dirt",
        }
        assert (await store.read("/calico/felix/v1/host/h/")).entries == {}


async def test_a_change_of_what_was_listed_changes_its_version(etcd: EtcdServer) -> None:
    async with following(etcd.endpoint) as (store, _):
        versions = set()
        for value in (b"1", b"1", b"2"):
            await store.write([("/calico/v1/a", value)])
            versions.add((await store.read("/calico/v1/a")).entries["/calico/v1/a"].version)
    assert len(versions) == 3


def test_one_change_is_all_that_is_all_or_nothing() -> None:
    assert Etcd2Store(["h:1"], StoreOptions()).transaction_limit == 1


def test_the_url_names_the_members() -> None:
    assert Etcd2Store(["a:1", "b:2"], StoreOptions(), tls=True).url == "etcd2s://a:1,b:2"
