from __future__ import annotations

import pytest
from tests.store.etcd3.fake_etcd import deletion, put

from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.history import NOTHING, Cursor, Witness
from catflap.store.supervisor import ResyncNeededError

KEY = b"/calico/v1/a"


def header(revision: int = 20, cluster_id: int = 1, raft_term: int = 2) -> pb.ResponseHeader:
    return pb.ResponseHeader(cluster_id=cluster_id, revision=revision, raft_term=raft_term)


def found(mod_revision: int, answered: pb.ResponseHeader | None = None) -> pb.RangeResponse:
    """The answer to a read of the witness."""
    kvs = [] if mod_revision == NOTHING else [pb.KeyValue(key=KEY, mod_revision=mod_revision)]
    return pb.RangeResponse(header=answered or header(30), kvs=kvs)


def cursor(witnessed: int = 15) -> Cursor:
    """At revision 20, with a witness that was set in ``witnessed`` or is deleted."""
    return Cursor(header(), Witness(KEY, witnessed))


def test_the_witness_is_the_newest_event() -> None:
    position = cursor()
    position.advance([put(21, "b"), put(22, "c")])
    assert (position.revision, position.witness) == (22, Witness(b"/calico/v1/c", 22))


def test_a_deleted_key_is_a_witness_by_its_absence() -> None:
    position = cursor()
    position.advance([put(21, "b"), deletion(22, "b")])
    assert (position.revision, position.witness) == (22, Witness(b"/calico/v1/b", NOTHING))


@pytest.mark.parametrize("revision", [19, 20])
def test_what_was_delivered_is_not_taken_again(revision: int) -> None:
    with pytest.raises(ResyncNeededError, match=f"went back to revision {revision} from 20"):
        cursor().advance([put(revision, "b")])


def test_progress_never_goes_back() -> None:
    position = cursor()
    position.progress(25)
    position.progress(24)
    assert position.revision == 25
    assert position.witness == Witness(KEY, 15)


def test_the_witness_is_read_as_it_was_or_as_it_is() -> None:
    position = Cursor(header(), Witness(b"/a", NOTHING, b"/b"))
    assert position.request(then=True).revision == 20
    request = position.request(then=False)
    assert (request.key, request.range_end, request.revision, request.keys_only) == (b"/a", b"/b", 0, True)


@pytest.mark.parametrize("witnessed", [15, NOTHING])
def test_the_same_history_is_recognized(witnessed: int) -> None:
    cursor(witnessed).check_past(found(witnessed))
    assert not cursor(witnessed).is_behind(found(witnessed))


@pytest.mark.parametrize(("witnessed", "now"), [(15, NOTHING), (15, 14), (15, 16), (NOTHING, 14)])
def test_another_past_is_another_history(witnessed: int, now: int) -> None:
    with pytest.raises(ResyncNeededError, match=r"history is another one: /calico/v1/a was .* backup"):
        cursor(witnessed).check_past(found(now))


@pytest.mark.parametrize(("witnessed", "now"), [(15, 21), (15, NOTHING), (NOTHING, 21)])
def test_a_change_after_what_was_delivered_shows_that_the_watch_is_behind(witnessed: int, now: int) -> None:
    assert cursor(witnessed).is_behind(found(now))


@pytest.mark.parametrize(("witnessed", "now"), [(15, 14), (15, 20), (NOTHING, 14)])
def test_a_present_that_contradicts_what_was_delivered_is_another_history(witnessed: int, now: int) -> None:
    with pytest.raises(ResyncNeededError, match="history is another one"):
        cursor(witnessed).is_behind(found(now))


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
        cursor().check_past(found(15, answered))
    with pytest.raises(ResyncNeededError, match=reason):
        cursor().is_behind(found(15, answered))


def test_a_later_term_counts_from_then_on() -> None:
    position = cursor()
    position.check_past(found(15, header(raft_term=5)))
    with pytest.raises(ResyncNeededError, match="went back to term 4 from 5"):
        position.check_past(found(15, header(raft_term=4)))
