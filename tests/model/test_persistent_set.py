from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catflap.model import persistent_set as module
from catflap.model.persistent_set import PersistentSet

elements = st.frozensets(st.integers(0, 12))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets that are easily drawn are large enough to share what they have in common."""
    monkeypatch.setattr(module, "_SMALL", 2)
    monkeypatch.setattr(module, "_MOST", 4)


@given(base=elements, steps=st.lists(st.tuples(elements, elements), max_size=6))
def test_it_is_what_a_plain_set_would_be(
    base: frozenset[int], steps: list[tuple[frozenset[int], frozenset[int]]]
) -> None:
    known: list[tuple[PersistentSet[int], frozenset[int]]] = [(PersistentSet(base), base)]
    for added, removed in steps:
        last, plain = known[-1]
        known.append((last.changed(added, removed), (plain - removed) | added))
    for found, plain in known:
        assert found == plain
        assert plain == found
        assert sorted(found) == sorted(plain)
        assert len(found) == len(plain)
        assert hash(found) == hash(plain)
        assert [number for number in range(13) if number in found] == sorted(plain)
        for other, other_plain in known:
            assert found - other == plain - other_plain
            assert found - other_plain == plain - other_plain
            assert plain - other == plain - other_plain
            assert (found == other) == (plain == other_plain)
            assert (found | other) == (plain | other_plain)
            assert (found <= other) == (plain <= other_plain)


def test_each_set_is_related_to_the_one_that_it_was_made_from_however_much_has_changed_by_then() -> None:
    steps = [PersistentSet(range(10))]
    for number in range(20, 40):
        steps.append(steps[-1].changed({number}, {number - 11}))
    assert all(new.is_related_to(old) and old.is_related_to(new) for old, new in pairwise(steps))
    assert not steps[-1].is_related_to(steps[0])


def test_sets_that_were_not_made_from_one_another_are_not_related() -> None:
    first = PersistentSet(range(10))
    assert not first.is_related_to(PersistentSet(range(10)))
    assert not first.is_related_to(frozenset(range(10)))


def test_it_is_no_other_kind_of_thing() -> None:
    assert PersistentSet((1, 2)) != [1, 2]
    assert repr(PersistentSet((1,))) == "PersistentSet({1})"
    assert repr(PersistentSet()) == "PersistentSet()"
