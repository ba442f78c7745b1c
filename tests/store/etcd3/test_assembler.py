from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.store.etcd3.fake_etcd import deletion, put

from catflap.store.api import Delta
from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.assembler import Assembler, decode_path, merge


def test_an_answer_is_one_delta() -> None:
    delta = Assembler().add([put(5, "a", "1"), deletion(5, "b")], fragment=False)
    assert delta == Delta(5, (("/calico/v1/a", b"1"), ("/calico/v1/b", None)))


def test_an_answer_without_events_is_no_delta() -> None:
    assert Assembler().add([], fragment=False) is None


def test_a_revision_split_over_fragments_waits_for_its_end() -> None:
    assembler = Assembler()
    first = assembler.add([put(4, "a"), put(5, "b")], fragment=True)
    assert first is not None
    assert first.revision == 4
    assert assembler.waiting
    assert assembler.add([put(5, "c")], fragment=True) is None
    last = assembler.add([put(5, "d")], fragment=False)
    assert last is not None
    assert [path for path, _ in last.changes] == ["/calico/v1/b", "/calico/v1/c", "/calico/v1/d"]
    assert not assembler.waiting


def test_several_values_of_a_path_become_the_last_one() -> None:
    delta = merge([put(1, "a", "old"), put(2, "b"), put(3, "a", "new")])
    assert delta == Delta(3, (("/calico/v1/b", b"v"), ("/calico/v1/a", b"new")))


def test_bytes_that_are_no_text_are_shown_in_the_path() -> None:
    assert decode_path(b"/calico/v1/\xff/\xc3\xbc") == "/calico/v1/\\xff/ü"


@given(st.lists(st.integers(1, 3), min_size=1, max_size=12), st.lists(st.integers(1, 4), max_size=12))
def test_no_cut_into_fragments_loses_or_splits_a_revision(sizes: list[int], cuts: list[int]) -> None:
    events = [put(number, f"{number}/{part}") for number, size in enumerate(sizes) for part in range(size)]
    assembler = Assembler()
    deltas, rest = [], events
    for cut in cuts:
        deltas.append(assembler.add(rest[:cut], fragment=True))
        rest = rest[cut:]
    deltas.append(assembler.add(rest, fragment=False))
    revisions = [_revisions(delta, events) for delta in deltas if delta is not None]
    assert sum(revisions, []) == list(range(len(sizes)))  # noqa: RUF017 - a handful of short lists
    assert sum(len(delta.changes) for delta in deltas if delta is not None) == len(events)


def _revisions(delta: Delta, events: list[pb.Event]) -> list[int]:
    by_path = {decode_path(event.kv.key): event.kv.mod_revision for event in events}
    return sorted({by_path[path] for path, _ in delta.changes})
