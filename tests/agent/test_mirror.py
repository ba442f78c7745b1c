from __future__ import annotations

import pytest

from catflap.agent.mirror import READY_PATHS, Mirror
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
    assert content.drain() == [("/a", b"1"), ("/b", b"2")]
    assert not content.pending


def test_a_later_snapshot_is_a_difference() -> None:
    content = mirror(a=b"1", b=b"2", c=b"3")
    content.drain()
    content.take(Snapshot(9, {"/a": b"1", "/b": b"X", "/d": b"4"}))
    assert content.drain() == [("/b", b"X"), ("/c", None), ("/d", b"4")]


def test_changes_are_merged_until_drained() -> None:
    content = mirror(a=b"1")
    content.drain()
    content.take(Delta(2, (("/a", b"2"), ("/b", b"1"))))
    content.take(Delta(3, (("/a", b"3"), ("/b", None))))
    assert content.drain() == [("/a", b"3"), ("/b", None)]


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
