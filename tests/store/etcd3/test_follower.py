"""What a misbehaving or changed server leads to; faults of a real etcd are in test_members.py and test_store.py."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from itertools import chain, repeat
from typing import TYPE_CHECKING

import pytest
from grpc import StatusCode
from tests.store.etcd3.fake_etcd import AbortError, EndError, FakeEtcd, answer, deletion, put
from tests.store.following import Following

from catflap.store.api import Alive, Connected, Delta, Disconnected, Snapshot, StoreOptions
from catflap.store.etcd3 import Etcd3Store
from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.follower import DEFAULT_TUNING, Tuning
from catflap.store.etcd3.paths import RANGE_END, RANGE_START
from catflap.store.pace import Pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HASTE = Pace(first_delay=0.01, longest_delay=0.02, between_resyncs=0.0)


@asynccontextmanager
async def followed(
    server: FakeEtcd, tuning: Tuning = DEFAULT_TUNING, pace: Pace = HASTE
) -> AsyncIterator[Following]:
    store = Etcd3Store([server.endpoint], StoreOptions(), tuning=tuning, pace=pace)
    try:
        yield Following(store.follow())
    finally:
        await store.close()


@pytest.fixture
async def server() -> AsyncIterator[FakeEtcd]:
    async with FakeEtcd() as server:
        yield server


async def test_one_watch_covers_both_trees_and_nothing_beside(server: FakeEtcd) -> None:
    server.entries = dict.fromkeys(
        [b"/calico/felix/v1/x", RANGE_START + b"x", b"/calico/v1/x", b"/calico/v10"], b""
    )
    async with followed(server) as follower:
        await follower.next(Snapshot)
        server.scripts = [[server.created(), answer(put(11, "a"))]]
        await follower.next(Delta)
    assert set(follower.entries) == {"/calico/resources/v3/x", "/calico/v1/x", "/calico/v1/a"}
    (watch,) = server.watches
    assert (watch.key, watch.range_end, watch.start_revision) == (RANGE_START, RANGE_END, 11)
    assert watch.fragment
    assert watch.progress_notify


async def test_a_load_in_pages_is_one_snapshot_of_one_revision(server: FakeEtcd) -> None:
    server.entries = {f"/calico/v1/{number}".encode(): b"v" for number in range(25)}
    async with followed(server, Tuning(page=10)) as follower:
        await follower.next(Snapshot)
    assert len(follower.entries) == 25
    assert [read.revision for read in server.reads if read.limit == 10] == [10, 10, 10]


async def test_pages_that_are_too_large_are_halved(server: FakeEtcd) -> None:
    def refuse(request: pb.RangeRequest) -> None:
        if request.limit > 3:
            raise AbortError(StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max (5 vs. 3)")

    server.entries = {f"/calico/v1/{number}".encode(): b"v" for number in range(5)}
    server.on_range = refuse
    async with followed(server, Tuning(page=10)) as follower:
        await follower.next(Snapshot)
    assert len(follower.entries) == 5


async def test_history_compacted_while_loading_begins_the_load_anew(server: FakeEtcd) -> None:
    def compact(request: pb.RangeRequest) -> None:
        if request.limit and not any(read.limit for read in server.reads[:-1]):
            raise AbortError(
                StatusCode.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted"
            )

    server.on_range = compact
    async with followed(server) as follower:
        await follower.next(Snapshot)
    assert follower.count(Disconnected) == 0


@pytest.mark.parametrize("fault", [EndError(), AbortError(StatusCode.UNAVAILABLE, "etcdserver: no leader")])
async def test_a_stream_that_ends_is_taken_up_after_the_last_whole_revision(
    server: FakeEtcd, fault: EndError | AbortError
) -> None:
    half = answer(put(11, "a"), put(12, "b"), fragment=True)
    server.scripts = [[server.created(), half, fault], [server.created(), answer(put(12, "b"), put(12, "c"))]]
    async with followed(server) as follower:
        await follower.next(Snapshot)
        server.revision = 12
        await follower.until(lambda seen: "/calico/v1/c" in seen.entries)
    assert [watch.start_revision for watch in server.watches] == [11, 12]
    assert follower.changed_paths() == ["/calico/v1/a", "/calico/v1/b", "/calico/v1/c"]
    assert [type(event) for event in follower.events] == [Snapshot, Delta, Disconnected, Connected, Delta]


async def test_answers_that_bring_nothing_are_a_silence_however_many_they_are(server: FakeEtcd) -> None:
    server.scripts = [chain([server.created()], repeat(pb.WatchResponse(header=server.header)))]
    async with followed(server, Tuning(silence=0.1)) as follower:
        await follower.next(Snapshot)
        for _ in range(3):
            await follower.next(Alive)
    assert len(server.watches) == 1


async def test_progress_does_not_excuse_a_change_that_the_watch_has_missed(server: FakeEtcd) -> None:
    server.entries = {b"/calico/v1/a": b"v"}
    server.scripts = [chain([server.created()], repeat(pb.WatchResponse(header=server.header)))]
    async with followed(server, Tuning(silence=0.1, grace=0.1)) as follower:
        await follower.next(Snapshot)
        server.happen(put(11, "a", "new"))
        server.scripts = [[server.created(), answer(put(11, "a", "new"))]]
        await follower.until(lambda seen: seen.entries["/calico/v1/a"] == b"new")


@pytest.mark.parametrize(("watch_id", "resumed_at"), [(0, 21), (-1, 11)])
async def test_only_progress_of_the_watch_itself_counts(
    server: FakeEtcd, watch_id: int, resumed_at: int
) -> None:
    progress = pb.WatchResponse(header=pb.ResponseHeader(revision=20), watch_id=watch_id)
    server.scripts = [[server.created(), progress, EndError()]]
    async with followed(server) as follower:
        await follower.next(Snapshot)
        server.revision = 20
        await follower.until(lambda seen: seen.count(Connected) == 1)
    assert server.watches[-1].start_revision == resumed_at


def refused(server: FakeEtcd, reason: str) -> pb.WatchResponse:
    return pb.WatchResponse(header=server.header, created=True, canceled=True, cancel_reason=reason)


@pytest.mark.parametrize("reason", ["etcdserver: permission denied", ""])
async def test_a_watch_that_is_refused_twice_is_an_outage_that_names_the_permission(
    server: FakeEtcd, reason: str
) -> None:
    server.scripts = [[refused(server, reason)]] * 2
    async with followed(server) as follower:
        await follower.next(Snapshot)
        outage = await follower.next(Disconnected)
        await follower.next(Connected)
    assert "refuses to read /calico/resources/v3/ … /calico/v10" in outage.reason
    assert "one of the roles of scripts/etcd-roles" in outage.reason


@pytest.mark.parametrize("reason", ["etcdserver: permission denied", "etcdserver: invalid auth token"])
async def test_a_watch_that_is_refused_once_is_not_believed(server: FakeEtcd, reason: str) -> None:
    server.scripts = [[refused(server, reason)], [server.created(), answer(put(11, "a"))]]
    async with followed(server) as follower:
        await follower.next(Snapshot)
        await follower.next(Delta)


async def test_a_watch_that_is_refused_for_another_reason_names_it_in_short(server: FakeEtcd) -> None:
    server.scripts = [[refused(server, "too many watches" + 10_000 * "!")]] * 2
    async with followed(server) as follower:
        await follower.next(Snapshot)
        reason = (await follower.next(Disconnected)).reason
    assert "refuses the watch: too many watches" in reason
    assert len(reason) < 1000


async def test_a_refused_read_names_the_whole_range_that_is_needed(server: FakeEtcd) -> None:
    def refuse(_request: pb.RangeRequest) -> None:
        raise AbortError(StatusCode.PERMISSION_DENIED, "etcdserver: permission denied")

    server.happen(put(9, "a"))
    async with followed(server, Tuning(silence=0.01)) as follower:
        await follower.next(Snapshot)
        server.on_range = refuse
        outage = await follower.next(Disconnected)
    assert "refuses to read /calico/resources/v3/ … /calico/v10" in outage.reason


async def test_compacted_history_leads_to_a_snapshot(server: FakeEtcd) -> None:
    server.scripts = [[server.created(), pb.WatchResponse(canceled=True, compact_revision=50)]]
    async with followed(server) as follower:
        await follower.next(Snapshot)
        server.entries = {b"/calico/v1/new": b"1"}
        await follower.next(Snapshot)
    assert "/calico/v1/new" in follower.entries


async def test_an_answer_too_large_to_receive_leads_to_a_snapshot(server: FakeEtcd) -> None:
    server.scripts = [
        [server.created(), AbortError(StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max")]
    ]
    async with followed(server) as follower:
        await follower.next(Snapshot)
        await follower.next(Snapshot)


@pytest.mark.parametrize("changed", ["revision", "cluster_id", "raft_term"])
async def test_another_history_after_a_reconnection_leads_to_a_snapshot(
    server: FakeEtcd, changed: str
) -> None:
    server.scripts = [[server.created(), EndError()]]
    async with followed(server) as follower:
        await follower.next(Snapshot)
        setattr(server, changed, getattr(server, changed) - 1)
        await follower.until(lambda seen: seen.count(Snapshot) == 2)
    assert follower.count(Connected) == 0


@pytest.mark.parametrize(
    ("delivered", "restored"),
    [
        (put(12, "a"), []),
        (put(12, "a"), [put(9, "a")]),
        (put(12, "a"), [put(9, "a"), put(13, "a")]),
        (deletion(12, "a"), [put(9, "a")]),
    ],
    ids=["absent", "older", "newer", "not deleted"],
)
async def test_a_store_restored_from_a_backup_that_grew_beyond_is_another_history(
    server: FakeEtcd, delivered: pb.Event, restored: list[pb.Event]
) -> None:
    server.happen(put(9, "a"))
    cut = asyncio.Event()
    server.scripts = [[server.created(), answer(delivered), cut, EndError()]]
    async with followed(server) as follower:
        await follower.next(Snapshot)
        await follower.next(Delta)
        server.events = restored
        server.happen(put(30, "later"))
        cut.set()
        await follower.until(lambda seen: seen.count(Snapshot) == 2)
    assert follower.count(Connected) == 0


async def test_the_newest_entry_of_a_snapshot_is_known_again_too(server: FakeEtcd) -> None:
    server.happen(put(9, "b"), put(10, "a"))
    server.scripts = [[server.created(), EndError()]]
    async with followed(server) as follower:
        await follower.next(Snapshot)
        server.events = [put(9, "b"), put(20, "c")]
        server.revision = 20
        await follower.until(lambda seen: seen.count(Snapshot) == 2)


async def test_an_answer_of_an_older_revision_than_delivered_leads_to_a_snapshot(server: FakeEtcd) -> None:
    server.scripts = [[server.created(), answer(put(12, "a")), answer(put(11, "b"))]]
    async with followed(server) as follower:
        await follower.next(Snapshot)
        await follower.next(Delta)
        await follower.next(Snapshot)
    assert follower.changed_paths() == ["/calico/v1/a"]


async def test_a_fall_from_a_term_that_was_seen_at_a_reconnection_leads_to_a_snapshot(
    server: FakeEtcd,
) -> None:
    server.scripts = [[server.created(), EndError()], [server.created(), answer(put(11, "a")), EndError()]]
    async with followed(server) as follower:
        await follower.next(Snapshot)
        server.raft_term = 9
        await follower.until(lambda seen: "/calico/v1/a" in seen.entries)
        server.revision, server.raft_term = 11, 8
        await follower.until(lambda seen: seen.count(Snapshot) == 2)
    assert follower.count(Connected) == 1


async def test_a_fall_from_a_term_that_was_seen_in_silence_leads_to_a_snapshot(server: FakeEtcd) -> None:
    reads_of_later_term = 0

    def change_term(_request: pb.RangeRequest) -> None:
        nonlocal reads_of_later_term
        server.raft_term = 9 if reads_of_later_term < 2 else 8
        reads_of_later_term += 1

    async with followed(server, Tuning(silence=0.02)) as follower:
        await follower.next(Snapshot)
        server.on_range = change_term
        await follower.next(Snapshot)


async def test_another_history_behind_a_silent_watch_leads_to_a_snapshot(server: FakeEtcd) -> None:
    async with followed(server, Tuning(silence=0.02)) as follower:
        await follower.next(Snapshot)
        server.revision = 3
        await follower.next(Snapshot)


async def test_a_silent_watch_is_dropped_when_the_server_does_not_serve_reads(server: FakeEtcd) -> None:
    def no_leader(_request: pb.RangeRequest) -> None:
        raise AbortError(StatusCode.UNAVAILABLE, "etcdserver: no leader")

    async with followed(server, Tuning(silence=0.02)) as follower:
        await follower.next(Snapshot)
        server.on_range = no_leader
        assert "no leader" in (await follower.next(Disconnected)).reason


@pytest.mark.parametrize("details", ["etcdserver: too many requests", "etcdserver: no leader"])
async def test_a_member_that_refuses_quickly_is_not_hammered(server: FakeEtcd, details: str) -> None:
    def refuse(_request: pb.RangeRequest) -> None:
        raise AbortError(StatusCode.RESOURCE_EXHAUSTED, details)

    server.on_range = refuse
    pace = Pace(first_delay=0.05, longest_delay=10.0)
    async with followed(server, pace=pace) as follower:
        await follower.next(Disconnected)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await follower.next(Snapshot)
    assert 2 <= len(server.reads) <= 6  # after pauses of 0.05, 0.1, 0.2, 0.4 s, half of that at least


# Silence


async def test_in_silence_the_store_proves_that_it_lives(server: FakeEtcd) -> None:
    async with followed(server, Tuning(silence=0.01)) as follower:
        await follower.next(Snapshot)
        server.revision = 17
        assert await follower.next(Alive) == Alive(17)
        assert await follower.next(Alive) == Alive(17)
    assert len(server.watches) == 1


MISSED = put(12, "a", "new")


async def test_a_watch_that_missed_a_change_is_opened_anew_from_where_it_was(server: FakeEtcd) -> None:
    server.scripts = [
        [server.created(), answer(put(11, "a"))],
        [server.created(), answer(MISSED)],
    ]
    async with followed(server, Tuning(silence=0.02, grace=0.01)) as follower:
        await follower.next(Snapshot)
        await follower.next(Delta)
        server.happen(MISSED)
        await follower.until(lambda seen: seen.entries["/calico/v1/a"] == b"new")
    assert [watch.start_revision for watch in server.watches] == [11, 12]
    assert follower.changed_paths() == ["/calico/v1/a"] * 2
    assert follower.count(Disconnected) + follower.count(Connected) == 0


async def test_what_a_read_sees_first_may_come_a_little_later(server: FakeEtcd) -> None:
    on_its_way = asyncio.Event()

    def deliver(_request: pb.RangeRequest) -> None:
        server.happen(put(11, "a"))
        on_its_way.set()

    server.scripts = [[server.created(), on_its_way, answer(put(11, "a"))]]
    async with followed(server, Tuning(silence=0.02, grace=5.0)) as follower:
        await follower.next(Snapshot)
        server.on_range = deliver
        await follower.next(Delta)
    assert len(server.watches) == 1


async def test_a_member_whose_watches_miss_changes_is_left(server: FakeEtcd) -> None:
    async with followed(server, Tuning(silence=0.02, grace=0.01)) as follower:
        await follower.next(Snapshot)
        server.happen(put(11, "a"))
        outage = await follower.next(Disconnected)
    assert "the watch has missed a change" in outage.reason
    assert follower.count(Alive) == 0  # while the watch is behind, there is no sign of life


async def test_a_member_that_does_not_begin_the_watch_is_left(server: FakeEtcd) -> None:
    server.scripts = [[], []]
    async with followed(server, Tuning(silence=0.02, grace=0.01)) as follower:
        await follower.next(Snapshot)
        assert "the watch does not begin" in (await follower.next(Disconnected)).reason


async def test_a_watch_that_was_silent_for_long_is_opened_anew_if_the_store_went_on(server: FakeEtcd) -> None:
    missed = put(20, "a")
    server.scripts = [[server.created()], [server.created(), answer(missed)]]
    async with followed(server, Tuning(silence=0.01, reopen_after=0.05)) as follower:
        await follower.next(Snapshot)
        server.revision = 20
        await follower.until(lambda seen: "/calico/v1/a" in seen.entries)
    assert [watch.start_revision for watch in server.watches] == [11, 11]
    assert follower.count(Disconnected) + follower.count(Connected) == 0


async def test_a_silence_in_which_nothing_happened_anywhere_is_no_doubt(server: FakeEtcd) -> None:
    async with followed(server, Tuning(silence=0.01, reopen_after=0.02)) as follower:
        await follower.next(Snapshot)
        for _ in range(10):
            await follower.next(Alive)
    assert len(server.watches) == 1


async def test_everything_is_read_anew_now_and_then(server: FakeEtcd) -> None:
    async with followed(server, Tuning(silence=0.01, reload_after=0.05)) as follower:
        await follower.next(Snapshot)
        await follower.next(Snapshot)
    assert follower.count(Disconnected) == 0


async def test_no_more_is_received_than_the_consumer_takes(server: FakeEtcd) -> None:
    count, size = 100, 1 << 20
    changes = [answer(put(11 + number, "a", "x" * size)) for number in range(count)]
    server.scripts = [[server.created(), *changes]]
    async with followed(server) as follower:
        await follower.next(Snapshot)
        await follower.next(Delta)
        sent = 0
        while sent != server.sent:
            sent = server.sent
            await asyncio.sleep(0.1)
        assert sent < count / 3
        await follower.until(lambda seen: seen.count(Delta) == count)
    assert follower.changed_paths() == ["/calico/v1/a"] * count
