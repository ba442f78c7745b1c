from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from catflap.model.selector import Selector, parse_selector
from catflap.policy.label_index import LabelIndex

WEB = parse_selector('role == "web"')
OTHER = parse_selector('role != "web"')


def index() -> LabelIndex[str, Selector]:
    result: LabelIndex[str, Selector] = LabelIndex()
    result.add_criterion(WEB)
    result.add_criterion(OTHER)
    return result


def test_a_new_item_changes_the_criteria_that_it_matches() -> None:
    assert index().set_item("a", {"role": "web"}) == {WEB}


def test_changed_labels_change_both_the_left_and_the_entered_criterion() -> None:
    labels = index()
    labels.set_item("a", {"role": "web"})
    assert labels.set_item("a", {"role": "db"}) == {WEB, OTHER}
    assert labels.items(OTHER) == {"a"}
    assert not labels.items(WEB)


def test_the_same_labels_again_change_nothing() -> None:
    labels = index()
    labels.set_item("a", {"role": "web"})
    assert labels.set_item("a", {"role": "web"}) == set()


def test_removing_an_item_changes_what_it_matched() -> None:
    labels = index()
    labels.set_item("a", {"role": "web"})
    assert labels.remove_item("a") == {WEB}
    assert not labels.items(WEB)


def test_removing_an_unknown_item_changes_nothing() -> None:
    assert index().remove_item("a") == set()


def test_a_criterion_added_later_finds_known_items() -> None:
    labels: LabelIndex[str, Selector] = LabelIndex()
    labels.set_item("a", {"role": "web", "env": "prod"})
    both = parse_selector('role in {"web"} && has(env)')
    labels.add_criterion(both)
    assert labels.items(both) == {"a"}


def test_a_removed_criterion_is_followed_no_longer() -> None:
    labels = index()
    labels.remove_criterion(WEB)
    assert labels.criteria() == {OTHER}
    assert labels.set_item("a", {"role": "web"}) == set()


SELECTORS = [
    parse_selector(text) for text in ("all()", 'a == "x"', 'a != "x"', "has(b)", '!(b in {"x", "y"})')
]
LABELS = st.dictionaries(st.sampled_from("ab"), st.sampled_from("xyz"))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("item"), st.integers(0, 3), LABELS),
        st.tuples(st.just("remove"), st.integers(0, 3), st.none()),
        st.tuples(st.just("follow"), st.sampled_from(SELECTORS), st.none()),
        st.tuples(st.just("unfollow"), st.sampled_from(SELECTORS), st.none()),
    )
)


@given(STEPS)
def test_any_sequence_gives_what_direct_evaluation_gives(steps: list[tuple[str, Any, Any]]) -> None:
    labels: LabelIndex[int, Selector] = LabelIndex()
    items: dict[int, dict[str, str]] = {}
    followed: set[Selector] = set()
    for step, subject, value in steps:
        if step == "item":
            labels.set_item(subject, value)
            items[subject] = value
        elif step == "remove":
            labels.remove_item(subject)
            items.pop(subject, None)
        elif step == "follow":
            labels.add_criterion(subject)
            followed.add(subject)
        else:
            labels.remove_criterion(subject)
            followed.discard(subject)
    assert labels.criteria() == followed
    for selector in followed:
        assert labels.items(selector) == {item for item, known in items.items() if selector.matches(known)}
