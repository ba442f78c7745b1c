from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store.etcd3.fake_etcd import deletion, put

from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.history import KEPT, NOTHING, Position, Witness, newest
from catflap.store.supervisor import ResyncNeededError

EMPTY = Witness(b"/a", range_end=b"/b")
OTHER_HISTORY = "the store's history is another one: /calico/v1/a was "


def header(revision: int = 20, cluster_id: int = 1, raft_term: int = 2) -> pb.ResponseHeader:
    return pb.ResponseHeader(cluster_id=cluster_id, revision=revision, raft_term=raft_term)


def answer(*found: pb.Event | None, header: pb.ResponseHeader = header(30)) -> pb.TxnResponse:  # noqa: B008 - never changed
    """What the reads of the witnesses find."""
    reads = [pb.RangeResponse(kvs=[] if event is None else [event.kv]) for event in found]
    return pb.TxnResponse(header=header, responses=[pb.ResponseOp(response_range=read) for read in reads])


def position_of(*entries: pb.Event) -> Position:
    """At revision 20."""
    return Position(header(), newest([EMPTY], [event.kv for event in entries]))


def looked_up(position: Position) -> list[tuple[bytes, int]]:
    return [(witness.key.removeprefix(b"/calico/v1/"), witness.revision) for witness in position.witnesses]


def test_the_newest_entry_is_the_witness() -> None:
    assert looked_up(position_of(put(12, "c"), put(14, "a"), put(13, "b"))) == [(b"a", 14)]


def test_a_store_without_entries_is_known_by_that() -> None:
    assert position_of().witnesses == [EMPTY]


def test_the_newest_change_is_the_witness_from_then_on() -> None:
    position = position_of(put(14, "a"))
    position.advance([put(21, "b"), put(22, "c")])
    assert position.revision == 22
    assert looked_up(position) == [(b"c", 22)]


def test_after_a_deletion_the_newest_entry_that_is_left_is_looked_up_too() -> None:
    position = position_of(put(13, "x"), put(14, "a"))
    position.advance([put(21, "b")])
    position.advance([deletion(22, "b")])
    assert looked_up(position) == [(b"a", 14), (b"b", NOTHING)]
    position.advance([deletion(23, "a")])
    assert looked_up(position) == [(b"x", 13), (b"a", NOTHING)]


def test_what_was_deleted_entirely_proves_nothing_but_is_watched_for() -> None:
    position = position_of(put(14, "a"))
    position.advance([deletion(21, "a")])
    with pytest.raises(ResyncNeededError, match="nothing that was delivered is left"):
        position.request(then=True)
    assert len(position.request(then=False).success) == 1


@pytest.mark.parametrize("revision", [19, 20])
def test_what_was_delivered_is_not_taken_again(revision: int) -> None:
    with pytest.raises(ResyncNeededError, match=f"went back to revision {revision} from 20"):
        position_of().advance([put(revision, "b")])


def test_progress_never_goes_back() -> None:
    position = position_of(put(14, "a"))
    position.progress(25)
    position.progress(24)
    assert position.revision == 25
    assert looked_up(position) == [(b"a", 14)]


def test_the_witnesses_are_read_as_they_were_or_as_they_are() -> None:
    position = position_of()
    (then,) = [operation.request_range for operation in position.request(then=True).success]
    assert (then.key, then.range_end, then.revision, then.keys_only) == (b"/a", b"/b", 20, False)
    (now,) = [operation.request_range for operation in position.request(then=False).success]
    assert (now.key, now.range_end, now.revision, now.keys_only) == (b"/a", b"/b", 0, True)


def deleted(standing: pb.Event, gone: str) -> Position:
    """At revision 20, where something was deleted."""
    position = Position(header(18), newest([EMPTY], [standing.kv]))
    position.advance([deletion(20, gone)])
    return position


A_STANDS = put(14, "a", "v")


@pytest.mark.parametrize(
    ("position", "found"),
    [
        (position_of(), [None]),
        (position_of(A_STANDS), [A_STANDS]),
        (deleted(A_STANDS, "b"), [A_STANDS, None]),
    ],
)
def test_the_same_history_is_recognized(position: Position, found: list[pb.Event | None]) -> None:
    position.check_past(answer(*found))
    assert not position.is_behind(answer(*found))


@pytest.mark.parametrize(
    ("found", "now"),
    [
        (None, "absent"),
        (put(13, "a"), "set in revision 13"),
        (put(15, "a"), "set in revision 15"),
        (put(14, "a", "w"), "has another value"),
    ],
)
def test_another_past_is_another_history(found: pb.Event | None, now: str) -> None:
    with pytest.raises(ResyncNeededError, match=f"{OTHER_HISTORY}set in revision 14 .* {now} .*backup"):
        position_of(A_STANDS).check_past(answer(found))


def test_what_was_deleted_is_not_there_in_the_same_history() -> None:
    with pytest.raises(
        ResyncNeededError, match="/calico/v1/b was absent as delivered, and is set in revision 9"
    ):
        deleted(A_STANDS, "b").check_past(answer(A_STANDS, put(9, "b")))


@pytest.mark.parametrize(
    ("position", "found"),
    [
        (position_of(), [put(21, "a")]),
        (position_of(A_STANDS), [put(21, "a")]),
        (position_of(A_STANDS), [None]),
        (deleted(A_STANDS, "b"), [A_STANDS, put(21, "b")]),
    ],
)
def test_a_change_after_what_was_delivered_shows_that_the_watch_is_behind(
    position: Position, found: list[pb.Event | None]
) -> None:
    assert position.is_behind(answer(*found))


@pytest.mark.parametrize(
    ("position", "found"),
    [
        (position_of(), [put(20, "a")]),
        (position_of(A_STANDS), [put(13, "a")]),
        (position_of(A_STANDS), [put(20, "a")]),
        (deleted(A_STANDS, "b"), [A_STANDS, put(19, "b")]),
        (deleted(A_STANDS, "b"), [None, put(19, "b")]),
    ],
)
def test_a_present_that_contradicts_what_was_delivered_is_another_history(
    position: Position, found: list[pb.Event | None]
) -> None:
    with pytest.raises(ResyncNeededError, match="history is another one"):
        position.is_behind(answer(*found))


@pytest.mark.parametrize(
    ("answered", "reason"),
    [
        (header(cluster_id=10), r"another cluster answers \(a, was 1\)"),
        (header(revision=19), "went back to revision 19 from 20"),
        (header(raft_term=1), "went back to term 1 from 2"),
    ],
)
def test_a_header_of_another_history_is_refused(answered: pb.ResponseHeader, reason: str) -> None:
    with pytest.raises(ResyncNeededError, match=reason):
        position_of().check_past(answer(None, header=answered))
    with pytest.raises(ResyncNeededError, match=reason):
        position_of().is_behind(answer(None, header=answered))


def test_a_later_term_counts_from_then_on() -> None:
    position = position_of()
    position.check_past(answer(None, header=header(raft_term=5)))
    with pytest.raises(ResyncNeededError, match="went back to term 4 from 5"):
        position.check_past(answer(None, header=header(raft_term=4)))


@given(st.lists(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=40), max_size=8))
def test_what_is_looked_up_is_in_the_store_just_so(batches: list[list[tuple[int, bool]]]) -> None:
    position = position_of()
    store: dict[bytes, int] = {}
    revision = 20
    for batch in batches:
        events = []
        for key, is_put in batch:
            revision += 1
            event = put(revision, str(key)) if is_put else deletion(revision, str(key))
            events.append(event)
            store.pop(event.kv.key, None)
            if is_put:
                store[event.kv.key] = revision
        position.advance(events)
        assert len(position._standing) <= KEPT
        for witness in position.witnesses:
            assert store.get(witness.key, NOTHING) == witness.revision
