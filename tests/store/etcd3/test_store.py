"""The v3 store against a real etcd: faults, bursts, permissions, and writes whose answer is lost."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.store.etcd3.fake_etcd import FakeEtcd
from tests.store.following import Following

from catflap.lab.etcd import EtcdServer, free_port
from catflap.store import (
    ABSENT,
    Connected,
    Delta,
    Disconnected,
    Snapshot,
    StoreConflictError,
    StoreDeniedError,
    StoreError,
    StoreOptions,
    StoreUnavailableError,
)
from catflap.store.etcd3 import Etcd3Store
from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.connection import Connection
from catflap.store.etcd3.credentials import Login
from catflap.store.etcd3.follower import DEFAULT_TUNING, Etcd3Session, Tuning
from catflap.store.supervisor import ResyncNeededError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from catflap.store import StoreEvent

MEBIBYTE = 1 << 20
NOBODY = StoreOptions()


def user(name: str, password: str = "secret") -> StoreOptions:  # noqa: S107 - of a server that lives for a test
    return StoreOptions(username=name, password=password)


@pytest.fixture
async def store(etcd: EtcdServer) -> AsyncIterator[Etcd3Store]:
    store = Etcd3Store([etcd.endpoint], NOBODY)
    yield store
    await store.close()


@asynccontextmanager
async def following(
    *servers: EtcdServer,
    options: StoreOptions = NOBODY,
    tuning: Tuning = DEFAULT_TUNING,
) -> AsyncIterator[tuple[Etcd3Store, Following]]:
    store = Etcd3Store([server.endpoint for server in servers], options, tuning=tuning)
    try:
        yield store, Following(store.follow())
    finally:
        await store.close()


def new_session() -> Etcd3Session:
    login = Login(NOBODY)
    return Etcd3Session(lambda endpoint: Connection(endpoint, login, None))


async def first_of(session: Etcd3Session, server: EtcdServer) -> StoreEvent:
    """What a new session begins with."""
    async with aclosing(session.run(server.endpoint)) as events:
        return await anext(events)


# Faults of the server


@pytest.mark.parametrize("crash", [True, False], ids=["SIGKILL", "SIGTERM"])
async def test_a_restart_loses_nothing_and_repeats_nothing(own_etcd: EtcdServer, crash: bool) -> None:
    async with following(own_etcd) as (store, follower):
        await follower.next(Snapshot)
        for number in range(20):
            await store.write([(f"/calico/v1/{number:03}", b"before")])
        (own_etcd.kill if crash else own_etcd.stop)()
        await follower.until(lambda seen: seen.count(Disconnected) == 1)
        with pytest.raises(StoreUnavailableError):
            await store.write([("/calico/v1/lost", b"x")])
        own_etcd.start()
        for number in range(20, 40):
            await store.write([(f"/calico/v1/{number:03}", b"after")])
        await follower.until(lambda seen: "/calico/v1/039" in seen.entries)
    assert follower.changed_paths() == [f"/calico/v1/{number:03}" for number in range(40)]
    assert (follower.count(Snapshot), follower.count(Connected)) == (1, 1)


async def test_etcd_may_come_up_after_its_followers() -> None:
    port = free_port()
    store = Etcd3Store([f"127.0.0.1:{port}"], NOBODY)
    follower = Following(store.follow())
    assert "refused" in (await follower.next(Disconnected)).reason
    with EtcdServer(port=port) as server:
        server.etcdctl("put", "/calico/v1/Ready", "true")
        await follower.until(lambda seen: "/calico/v1/Ready" in seen.entries)
        await store.close()


async def test_a_wiped_store_leads_to_a_snapshot(own_etcd: EtcdServer) -> None:
    async with following(own_etcd) as (store, follower):
        await follower.next(Snapshot)
        for number in range(20):
            await store.write([(f"/calico/v1/{number}", b"old")])
        await follower.until(lambda seen: len(seen.entries) == 20)
        own_etcd.kill()
        own_etcd.wipe()
        own_etcd.start()
        await store.write([("/calico/v1/new", b"new")])
        await follower.until(lambda seen: "/calico/v1/new" in seen.entries)
    assert dict(follower.entries) == {"/calico/v1/new": b"new"}


async def test_history_compacted_while_away_leads_to_a_snapshot(etcd: EtcdServer, store: Etcd3Store) -> None:
    session = new_session()
    await first_of(session, etcd)
    await store.write([("/calico/v1/a", b"1")])
    revision = await store.write([("/calico/v1/b", b"1")])
    etcd.etcdctl("compact", str(revision))
    with pytest.raises(ResyncNeededError, match="compacted"):
        await first_of(session, etcd)
    session.forget()
    snapshot = await first_of(session, etcd)
    assert isinstance(snapshot, Snapshot)
    assert set(snapshot.entries) == {"/calico/v1/a", "/calico/v1/b"}


async def test_history_compacted_up_to_what_was_delivered_is_enough(
    etcd: EtcdServer, store: Etcd3Store
) -> None:
    session = new_session()
    snapshot = await first_of(session, etcd)
    assert isinstance(snapshot, Snapshot)
    await store.write([("/calico/v1/a", b"1")])
    etcd.etcdctl("compact", str(snapshot.revision))
    async with aclosing(session.run(etcd.endpoint)) as events:
        assert isinstance(await anext(events), Connected)
        delta = await anext(events)
    assert isinstance(delta, Delta)
    assert delta.changes == (("/calico/v1/a", b"1"),)


async def test_a_frozen_server_is_noticed_and_taken_up_again(own_etcd: EtcdServer) -> None:
    async with following(own_etcd, tuning=Tuning(silence=0.1)) as (store, follower):
        await follower.next(Snapshot)
        own_etcd.freeze()
        await follower.next(Disconnected)
        own_etcd.thaw()
        await follower.until(lambda seen: seen.count(Connected) == 1)
        await store.write([("/calico/v1/a", b"1")])
        await follower.next(Delta)


async def test_a_cluster_survives_its_members(members: list[EtcdServer]) -> None:
    async with following(*members) as (store, all_members), following(members[0]) as (_, one_member):
        await all_members.next(Snapshot)
        await one_member.next(Snapshot)
        members[0].kill()
        await one_member.next(Disconnected)
        await write_persistently(store, "/calico/v1/while-away")
        members[0].start()
        await write_persistently(store, "/calico/v1/afterwards")
        for follower in (all_members, one_member):
            await follower.until(lambda seen: "/calico/v1/afterwards" in seen.entries)
            assert follower.changed_paths() == ["/calico/v1/while-away", "/calico/v1/afterwards"]
            assert follower.count(Snapshot) == 1
    assert all_members.count(Disconnected) == 0


async def write_persistently(store: Etcd3Store, path: str) -> None:
    """Write once through an election: nothing that may have been done is repeated."""
    async with asyncio.timeout(10):
        while await store_value(store, path) is None:
            try:
                await store.write([(path, b"x")])
            except StoreUnavailableError:
                continue


async def store_value(store: Etcd3Store, path: str) -> bytes | None:
    try:
        return await store.get(path)
    except StoreUnavailableError:
        return None


# Sizes and shapes


async def test_a_burst_of_2000_changes_arrives_whole_and_in_order(
    etcd: EtcdServer, store: Etcd3Store
) -> None:
    follower = Following(store.follow())
    await follower.next(Snapshot)
    login = Login(NOBODY)
    async with Connection(etcd.endpoint, login, None) as connection:
        for number in range(2000):
            put = pb.PutRequest(key=f"/calico/v1/{number:04}".encode(), value=b"x" * 100)
            await connection.transact(pb.TxnRequest(success=[pb.RequestOp(request_put=put)]))
    await follower.until(lambda seen: len(seen.entries) == 2000)
    assert follower.changed_paths() == [f"/calico/v1/{number:04}" for number in range(2000)]


async def test_catching_up_on_many_megabytes_keeps_revisions_whole(
    etcd: EtcdServer, store: Etcd3Store
) -> None:
    session = new_session()
    await first_of(session, etcd)
    for number in range(12):
        await store.write([(f"/calico/v1/{number:02}/{part}", b"x" * (MEBIBYTE // 10)) for part in range(10)])
    follower = Following(session.run(etcd.endpoint))
    await follower.until(lambda seen: len(seen.entries) == 120)
    deltas = [event for event in follower.events if isinstance(event, Delta)]
    assert len(deltas) > 1  # it came in fragments
    assert all(len(delta.changes) % 10 == 0 for delta in deltas)
    assert len(follower.changed_paths()) == 120


async def test_a_recursive_deletion_is_one_delta(etcd: EtcdServer, store: Etcd3Store) -> None:
    await store.write([(f"/calico/v1/host/{number}", b"x") for number in range(100)])
    follower = Following(store.follow())
    await follower.next(Snapshot)
    etcd.etcdctl("del", "--prefix", "/calico/v1/host/")
    assert len((await follower.next(Delta)).changes) == 100
    assert follower.entries == {}


async def test_a_key_that_is_no_text_disturbs_nobody(etcd: EtcdServer, store: Etcd3Store) -> None:
    follower = Following(store.follow())
    await follower.next(Snapshot)
    async with Connection(etcd.endpoint, Login(NOBODY), None) as connection:
        put = pb.PutRequest(key=b"/calico/v1/\xff\xfe", value=b"\x00\xff")
        await connection.transact(pb.TxnRequest(success=[pb.RequestOp(request_put=put)]))
    assert (await follower.next(Delta)).changes == (("/calico/v1/\\xff\\xfe", b"\x00\xff"),)
    snapshot = await Following(store.follow()).next(Snapshot)
    assert snapshot.entries == {"/calico/v1/\\xff\\xfe": b"\x00\xff"}


async def test_keys_outside_of_the_trees_are_left_out(etcd: EtcdServer, store: Etcd3Store) -> None:
    etcd.etcdctl("put", "/calico/felix/v1/host/h/status", "up")
    etcd.etcdctl("put", "/calico/v2/x", "x")
    follower = Following(store.follow())
    await follower.next(Snapshot)
    assert follower.entries == {}


# Writes


async def test_too_many_changes_for_a_transaction_are_refused(store: Etcd3Store) -> None:
    with pytest.raises(StoreError, match="129 changes are too many"):
        await store.write([(f"/calico/v1/{number}", b"") for number in range(129)])
    assert await store.write([(f"/calico/v1/{number}", b"") for number in range(128)])


async def test_a_path_twice_in_one_write_is_refused(store: Etcd3Store) -> None:
    with pytest.raises(StoreError, match="/calico/v1/a is changed twice"):
        await store.write([("/calico/v1/a", b"1"), ("/calico/v1/a", None)])


async def test_a_write_that_etcd_refuses_is_an_error(store: Etcd3Store) -> None:
    with pytest.raises(StoreError, match="larger than max"):
        await store.write([("/calico/v1/a", b"x" * 2 * MEBIBYTE)])


@pytest.mark.parametrize("mebibytes", [1.7, 2.5])  # etcd refuses the first, its gRPC the second
async def test_a_write_that_is_too_large_tells_what_to_do(store: Etcd3Store, mebibytes: float) -> None:
    with pytest.raises(StoreError, match="write fewer or smaller objects at once"):
        await store.write([("/calico/v1/a", b"x" * int(mebibytes * MEBIBYTE))])


async def test_a_store_that_is_full_tells_what_to_do() -> None:
    with EtcdServer(arguments=["--quota-backend-bytes=100000"]) as server:
        store = Etcd3Store([server.endpoint], NOBODY)
        with pytest.raises(StoreError, match=r"database space exceeded .*etcdctl alarm disarm"):
            await store.write([("/calico/v1/a", b"x" * 100_000)])
        await store.close()


async def test_a_conflict_tells_what_is_there_now(store: Etcd3Store) -> None:
    first = await store.write([("/calico/v1/a", b"1"), ("/calico/v1/b", b"1")])
    second = await store.write([("/calico/v1/a", b"2")])
    with pytest.raises(
        StoreConflictError, match=f"a changed at revision {second}, after revision {first}"
    ) as caught:
        await store.write([("/calico/v1/a", b"3")], {"/calico/v1/a": first, "/calico/v1/b": first})
    assert caught.value.paths == ("/calico/v1/a",)


async def test_as_many_versions_as_changes_can_be_expected(store: Etcd3Store) -> None:
    assert store.transaction_limit == 128
    changes = [(f"/calico/v1/{number}", b"1") for number in range(store.transaction_limit)]
    revision = await store.write(changes, dict.fromkeys(dict(changes), ABSENT))
    await store.write(changes, dict.fromkeys(dict(changes), revision))
    with pytest.raises(StoreConflictError, match="and 123 more") as caught:
        await store.write(changes, dict.fromkeys(dict(changes), revision))
    assert len(caught.value.paths) == 128


async def test_a_key_that_is_no_text_is_read_changed_and_deleted(etcd: EtcdServer, store: Etcd3Store) -> None:
    async with Connection(etcd.endpoint, Login(NOBODY), None) as connection:
        put = pb.PutRequest(key=b"/calico/v1/\xff", value=b"old")
        await connection.transact(pb.TxnRequest(success=[pb.RequestOp(request_put=put)]))
    path = r"/calico/v1/\xff"
    entry = (await store.read("/calico/v1/")).entries[path]
    await store.write([(path, b"new")], {path: entry.version})
    assert await store.get(path) == b"new"
    assert list((await store.read("/calico/v1/")).entries) == [path]
    await store.write([(path, None)])
    assert (await store.read("/calico/v1/")).entries == {}


async def test_a_call_on_a_connection_that_is_given_up_is_an_error_and_no_cancellation() -> None:
    async with FakeEtcd() as server:
        store = Etcd3Store([server.endpoint], NOBODY)
        connection, _ = await store._members.reach()
        server.answering.clear()
        reading = asyncio.create_task(connection.range(pb.RangeRequest(key=b"/a")))
        await until_asked(server, 2)
        await store._members.close()
        with pytest.raises(StoreUnavailableError, match="given up"):
            await reading
        getting = asyncio.create_task(store.get("/a"))
        await until_asked(server, 3)
        getting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await getting
        await store.close()


async def until_asked(server: FakeEtcd, times: int) -> None:
    async with asyncio.timeout(10):
        while len(server.reads) < times:
            await asyncio.sleep(0.001)


CHANGES = [("/calico/v1/a", b"new"), ("/calico/v1/b", None)]


def lose_answers(monkeypatch: pytest.MonkeyPatch, *, done: bool) -> None:
    """Let writes fail with an unknown outcome; ``done`` tells whether etcd gets them."""
    transact = Connection.transact

    async def losing(self: Connection, request: pb.TxnRequest) -> pb.TxnResponse:
        if not any(operation.HasField("request_range") for operation in request.success):
            if done:
                await transact(self, request)
            raise StoreUnavailableError("connection lost")
        return await transact(self, request)

    monkeypatch.setattr(Connection, "transact", losing)


async def test_a_write_whose_answer_is_lost_is_found_to_be_done(
    store: Etcd3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await store.write([("/calico/v1/b", b"old")])
    lose_answers(monkeypatch, done=True)
    assert await store.write(CHANGES, {"/calico/v1/b": before, "/calico/v1/a": ABSENT}) == before + 1


async def test_a_deletion_whose_answer_is_lost_is_found_to_be_done(
    store: Etcd3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await store.write([("/calico/v1/b", b"old")])
    lose_answers(monkeypatch, done=True)
    assert await store.write([("/calico/v1/b", None)], {"/calico/v1/b": before}) == before + 1


async def test_a_conflict_whose_answer_is_lost_is_no_success(
    store: Etcd3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.write([("/calico/v1/a", b"new")])
    lose_answers(monkeypatch, done=True)
    with pytest.raises(StoreUnavailableError, match="does not hold what was written"):
        await store.write(CHANGES, {"/calico/v1/a": ABSENT})


async def test_a_lost_answer_of_a_store_that_stays_away_is_an_unknown_outcome(own_etcd: EtcdServer) -> None:
    store = Etcd3Store([own_etcd.endpoint], NOBODY)
    connection, _ = await store._members.reach()
    transact = connection.transact

    async def dying(request: pb.TxnRequest) -> pb.TxnResponse:
        own_etcd.kill()
        return await transact(request)

    connection.transact = dying  # type: ignore[assignment, method-assign]  # the server dies at this moment
    with pytest.raises(StoreUnavailableError, match=r"cannot be read now: .*it may still have been done"):
        await store.write(CHANGES)
    await store.close()


@pytest.mark.parametrize("old", [b"old", b"new"])
async def test_a_write_that_was_not_done_is_an_error(
    store: Etcd3Store, monkeypatch: pytest.MonkeyPatch, old: bytes
) -> None:
    await store.write([("/calico/v1/a", old)])
    lose_answers(monkeypatch, done=False)
    with pytest.raises(StoreUnavailableError, match="read the objects before trying again"):
        await store.write(CHANGES)
    assert await store.get("/calico/v1/a") == old


async def test_a_dead_endpoint_does_not_hinder(etcd: EtcdServer) -> None:
    store = Etcd3Store([f"127.0.0.1:{free_port()}", etcd.endpoint], NOBODY)
    for _ in range(5):  # the order is random
        await store.write([("/calico/v1/a", b"1")])
        assert await store.get("/calico/v1/a") == b"1"
        await store._members.close()
    await store.close()


async def test_no_endpoint_at_all_names_each_with_its_reason() -> None:
    endpoints = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    store = Etcd3Store(endpoints, NOBODY)
    with pytest.raises(StoreUnavailableError) as caught:
        await store.get("/calico/v1/a")
    assert all(endpoint in str(caught.value) for endpoint in endpoints)


# Users


@pytest.fixture
def guarded_etcd(own_etcd: EtcdServer) -> EtcdServer:
    """With users: `root` may do all, `reader` may read Catflap's range, `stranger` nothing."""
    for command in (
        "user add root:secret",
        "user add reader:secret",
        "user add stranger:secret",
        "role add reader",
        "role grant-permission reader read /calico/resources/v3/ /calico/v10",
        "user grant-role root root",
        "user grant-role reader reader",
        "auth enable",
    ):
        own_etcd.etcdctl(*command.split())
    return own_etcd


async def test_a_user_follows_and_logs_in_anew_after_a_restart(guarded_etcd: EtcdServer) -> None:
    async with (
        following(guarded_etcd, options=user("root")) as (writer, _),
        following(guarded_etcd, options=user("reader")) as (reader, follower),
    ):
        await follower.next(Snapshot)
        with pytest.raises(
            StoreDeniedError, match="refuses to write /calico/v1/a: user 'reader' has no role"
        ):
            await reader.write([("/calico/v1/a", b"1")])
        with pytest.raises(StoreDeniedError, match="refuses to read /secret: user 'reader' has no role"):
            await reader.get("/secret")
        with pytest.raises(StoreDeniedError, match="refuses to read /calico/felix/ … /calico/felix0"):
            await reader.read("/calico/felix/")
        guarded_etcd.kill()
        guarded_etcd.start()  # it has forgotten all tokens
        await writer.write([("/calico/v1/b", b"2")])
        await follower.until(lambda seen: "/calico/v1/b" in seen.entries)


async def test_a_token_that_is_refused_is_renewed_without_dropping_the_watch(
    guarded_etcd: EtcdServer,
) -> None:
    async with following(guarded_etcd, options=user("root"), tuning=Tuning(silence=0.05)) as (
        store,
        follower,
    ):
        await follower.next(Snapshot)
        store._members.login.token = "stale.1"  # noqa: S105 - no secret
        await store.write([("/calico/v1/a", b"1")])
        await follower.next(Delta)
        assert store._members.login.token != "stale.1"  # noqa: S105 - no secret
    assert follower.count(Disconnected) == 0


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        (NOBODY, "give a user name and password"),
        (user("root", "wrong"), "check user name and password"),
        (user("stranger"), "refuses to read"),
    ],
)
async def test_who_may_not_read_is_told_why(
    guarded_etcd: EtcdServer, options: StoreOptions, remedy: str
) -> None:
    async with following(guarded_etcd, options=options) as (store, follower):
        with pytest.raises(StoreDeniedError, match=remedy):
            await store.get("/calico/v1/Ready")
        assert remedy in (await follower.next(Disconnected)).reason


async def test_another_tree_can_be_followed(etcd: EtcdServer, store: Etcd3Store) -> None:
    tree = "/calico/felix/v1/host/"
    await store.write([(f"{tree}web1/status", b"1"), ("/calico/felix/v1/hosu", b"1")])
    follower = Following(store.follow_tree(tree))
    assert (await follower.next(Snapshot)).entries == {f"{tree}web1/status": b"1"}
    await store.write([("/calico/v1/Ready", b"true")])
    etcd.etcdctl("del", f"{tree}web1/status")
    assert (await follower.next(Delta)).changes == ((f"{tree}web1/status", None),)
