from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.store.etcd3.fake_etcd import deletion, put

from catflap.store.api import Delta
from catflap.store.etcd3.assembler import Assembler, merge


def test_an_answer_is_complete() -> None:
    events = [put(5, "a", "1"), deletion(5, "b")]
    assert Assembler().add(events, fragment=False) == events
    assert merge(events) == Delta(5, (("/calico/v1/a", b"1"), ("/calico/v1/b", None)))


def test_an_answer_without_events_completes_nothing() -> None:
    assert Assembler().add([], fragment=False) == []


def test_a_revision_split_over_fragments_waits_for_its_end() -> None:
    assembler = Assembler()
    assert assembler.add([put(4, "a"), put(5, "b")], fragment=True) == [put(4, "a")]
    assert assembler.waiting
    assert assembler.add([put(5, "c")], fragment=True) == []
    assert assembler.add([put(5, "d")], fragment=False) == [put(5, "b"), put(5, "c"), put(5, "d")]
    assert not assembler.waiting


def test_several_values_of_a_path_become_the_last_one() -> None:
    delta = merge([put(1, "a", "old"), put(2, "b"), put(3, "a", "new")])
    assert delta == Delta(3, (("/calico/v1/b", b"v"), ("/calico/v1/a", b"new")))


@given(st.lists(st.integers(1, 3), min_size=1, max_size=12), st.lists(st.integers(1, 4), max_size=12))
def test_no_cut_into_fragments_loses_or_splits_a_revision(sizes: list[int], cuts: list[int]) -> None:
    events = [put(number, f"{number}/{part}") for number, size in enumerate(sizes) for part in range(size)]
    assembler = Assembler()
    completed, rest = [], events
    for cut in cuts:
        completed.append(assembler.add(rest[:cut], fragment=True))
        rest = rest[cut:]
    completed.append(assembler.add(rest, fragment=False))
    assert [event for some in completed for event in some] == events
    revisions = [{event.kv.mod_revision for event in some} for some in completed]
    assert sum(map(len, revisions)) == len(sizes)  # none is in two of them
