from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catflap.agent.mirror import READY_PATHS, Mirror
from catflap.model.changes import CHANGE_PATH
from catflap.store.api import Delta, Snapshot

V1_READY, V3_READY = READY_PATHS
CLUSTER_READY = (
    b'{"kind":"ClusterInformation","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},'
    b'"spec":{"datastoreReady":true}}'
)


def mirror(**entries: bytes) -> Mirror:
    result = Mirror()
    result.take(Snapshot(1, {f"/{name}": value for name, value in entries.items()}))
    return result


def test_a_first_snapshot_is_all_new() -> None:
    content = mirror(b=b"2", a=b"1")
    assert content.pending == 2
    assert list(content.drain()) == [("/b", b"2"), ("/a", b"1")]
    assert not content.pending


def test_a_later_snapshot_is_a_difference() -> None:
    content = mirror(a=b"1", b=b"2", c=b"3")
    content.drain()
    content.take(Snapshot(9, {"/a": b"1", "/b": b"X", "/d": b"4"}))
    assert sorted(content.drain()) == [("/b", b"X"), ("/c", None), ("/d", b"4")]


def test_changes_are_merged_until_drained() -> None:
    content = mirror(a=b"1")
    content.drain()
    content.take(Delta(2, (("/a", b"2"), ("/b", b"1"))))
    content.take(Delta(3, (("/a", b"3"), ("/b", None))))
    assert sorted(content.drain()) == [("/a", b"3"), ("/b", None)]


def test_what_changes_while_it_is_drained_comes_next_time() -> None:
    content = mirror(a=b"1")
    drained = content.drain()
    content.take(Delta(2, (("/a", b"2"),)))
    assert list(drained) == [("/a", b"1")]
    assert list(content.drain()) == [("/a", b"2")]


def test_of_what_is_decoded_no_bytes_are_kept() -> None:
    value = bytes(1000)
    content = mirror(a=value)
    held = sys.getrefcount(value)
    content.drain()
    assert sys.getrefcount(value) == held - 1


def test_a_snapshot_is_emptied_so_that_nothing_is_kept_twice() -> None:
    snapshot = Snapshot(1, {"/a": b"1", READY_PATHS[0]: b"true"})
    content = Mirror()
    content.take(snapshot)
    assert not snapshot.entries
    assert content.pending == 2


class MirrorOfBytes:
    """What the mirror must be the same as: it keeps every byte."""

    def __init__(self) -> None:
        self.entries: dict[str, bytes] = {}
        self.decoded: dict[str, bytes] = {}

    def take(self, event: Snapshot | Delta) -> None:
        if isinstance(event, Snapshot):
            self.entries = dict(event.entries)
            return
        for path, value in event.changes:
            self.entries.pop(path, None)
            if value is not None:
                self.entries[path] = value


PATHS = st.sampled_from(["/a", "/b", "/c", *READY_PATHS, CHANGE_PATH])
VALUES = st.sampled_from([b"", b"1", b"true", b"false"])
EVENTS = st.one_of(
    st.dictionaries(PATHS, VALUES).map(lambda entries: Snapshot(1, entries)),
    st.dictionaries(PATHS, VALUES | st.none()).map(lambda changes: Delta(1, tuple(changes.items()))),
    st.none(),  # drain
)


@given(st.lists(EVENTS, max_size=12))
def test_whoever_takes_what_is_drained_has_what_the_store_has(
    events: list[Snapshot | Delta | None],
) -> None:
    content, model = Mirror(), MirrorOfBytes()
    for event in [*events, None]:
        if event is not None:
            model.take(event)
            content.take(event)  # which empties a snapshot
        else:
            for path, value in content.drain():
                model.decoded.pop(path, None)
                if value is not None:
                    model.decoded[path] = value
            assert model.decoded == model.entries
        assert content.change_header == model.entries.get(CHANGE_PATH)
        assert content.empty is not bool(model.entries)


def test_the_same_value_again_and_deleting_nothing_change_nothing() -> None:
    content = mirror(a=b"1")
    content.drain()
    content.take(Delta(2, (("/a", b"1"), ("/x", None))))
    assert not content.pending


@pytest.mark.parametrize(
    ("v1", "v3", "reason"),
    [
        (None, None, "/calico/v1/Ready is not set; 'catflap init' sets it"),
        (b"true", None, None),
        (None, CLUSTER_READY, None),
        (b"true", CLUSTER_READY, None),
        (b"True", None, "/calico/v1/Ready is 'True', not true"),
        (b"true\n", None, "/calico/v1/Ready is 'true\\n', not true"),
        (b"", None, "/calico/v1/Ready is '', not true"),
        (b"\xff", None, "/calico/v1/Ready is"),
        (b"false", CLUSTER_READY, "/calico/v1/Ready is 'false', not true"),
        (b"true", CLUSTER_READY.replace(b"true", b"false"), "clusterinformations/default is"),
        (None, b"{}", "clusterinformations/default is '{}', not true"),
    ],
)
def test_readiness(v1: bytes | None, v3: bytes | None, reason: str | None) -> None:
    content = Mirror()
    entries = {path: value for path, value in ((V1_READY, v1), (V3_READY, v3)) if value is not None}
    content.take(Snapshot(1, entries))
    found = content.not_ready_reason()
    assert (found is None) == (reason is None)
    assert reason is None or reason in (found or "")


def test_entries_of_policy_are_counted() -> None:
    content = Mirror()
    content.take(Snapshot(1, {V1_READY: b"true", V3_READY: b"x", "/calico/tunnel": b"1"}))
    assert content.entries == 2
    content.take(Delta(2, ((V1_READY, b"false"), ("/calico/v1/a", b"1"), ("/calico/v1/none", None))))
    assert content.entries == 3
    content.take(Delta(3, ((V1_READY, None), ("/calico/tunnel", None))))
    assert content.entries == 2
    content.take(Snapshot(4, {"/calico/v1/a": b"2"}))
    assert content.entries == 1
