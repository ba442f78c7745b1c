from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catflap.model.selector import Selector, parse_selector
from catflap.model.selector_analysis import Requirement
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


class Counted:
    """A selector that counts how often it is evaluated."""

    def __init__(self, text: str) -> None:
        self._selector = parse_selector(text)
        self.evaluations = 0

    def matches(self, labels: Mapping[str, str]) -> bool:
        self.evaluations += 1
        return self._selector.matches(labels)

    def requirements(self) -> tuple[Requirement, ...]:
        return self._selector.requirements()


@pytest.mark.parametrize(
    ("text", "evaluations"),
    [
        ('role == "web"', 1),
        ('role in {"web", "db"}', 2),
        ("has(role)", 3),
        ('role starts with "w"', 3),
        ('role == "none"', 0),
        ("role in {}", 0),
        ('even == "yes" && role == "web"', 1),
        ('has(role) && even == "yes"', 3),
        ('role == "web" || role == "db"', 2),
        ('role == "web" || !has(even)', 10),
        ("all()", 10),
    ],
)
def test_a_criterion_is_evaluated_for_items_that_can_match_it(text: str, evaluations: int) -> None:
    labels: LabelIndex[int, Counted] = LabelIndex()
    for number in range(10):
        labels.set_item(number, {"even": "yes" if number % 2 == 0 else "no"})
    for number, role in enumerate(("web", "db", "mail")):
        labels.set_item(number, {"even": "yes", "role": role})
    criterion = Counted(text)

    labels.add_criterion(criterion)

    assert criterion.evaluations == evaluations


def test_an_item_is_evaluated_against_criteria_about_its_old_and_new_labels() -> None:
    labels: LabelIndex[str, Counted] = LabelIndex()
    criteria = {
        text: Counted(text) for text in ('a == "x"', 'a == "y"', 'a == "z"', "has(a)", "has(b)", "!has(b)")
    }
    for criterion in criteria.values():
        labels.add_criterion(criterion)

    labels.set_item("item", {"a": "x"})
    labels.set_item("item", {"a": "y"})

    evaluations = {text: criterion.evaluations for text, criterion in criteria.items()}
    assert evaluations == {
        'a == "x"': 2,
        'a == "y"': 1,
        'a == "z"': 0,
        "has(a)": 2,
        "has(b)": 0,
        "!has(b)": 2,
    }


def test_nothing_is_kept_of_what_is_gone() -> None:
    labels = index()
    labels.set_item("a", {"role": "web"})
    labels.remove_item("a")
    labels.remove_criterion(WEB)
    labels.remove_criterion(OTHER)

    assert vars(labels._candidates) == vars(LabelIndex[str, Selector]()._candidates)


SELECTORS = [
    parse_selector(text)
    for text in (
        "all()",
        'a == "x"',
        'a != "x"',
        "has(b)",
        '!(b in {"x", "y"})',
        'a in {"x", "y"} && b == "z"',
        'a == "z" || b == "z"',
        'a == "x" || !has(b)',
        "a in {} || has(a)",
    )
]
LABELS = st.dictionaries(st.sampled_from("ab"), st.sampled_from("xyz"))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("item"), st.integers(0, 3), LABELS),
        st.tuples(st.just("remove"), st.integers(0, 3), st.none()),
        st.tuples(st.just("follow"), st.sampled_from(SELECTORS), st.none()),
        st.tuples(st.just("unfollow"), st.sampled_from(SELECTORS), st.none()),
    ),
    max_size=40,
)


class NaiveIndex:
    """What the index is compared with: all items against all criteria, every time."""

    def __init__(self) -> None:
        self.labels: dict[int, dict[str, str]] = {}
        self.followed: set[Selector] = set()

    def matching(self) -> dict[Selector, set[int]]:
        return {
            selector: {item for item, labels in self.labels.items() if selector.matches(labels)}
            for selector in self.followed
        }


def apply(labels: LabelIndex[int, Selector], naive: NaiveIndex, step: tuple[str, Any, Any]) -> None:
    """Do one step to both; what is said to have changed is what differs in the naive index."""
    operation, subject, value = step
    before = naive.matching()
    if operation == "follow":
        naive.followed.add(subject)
        labels.add_criterion(subject)
        return
    if operation == "unfollow":
        naive.followed.discard(subject)
        labels.remove_criterion(subject)
        return
    if operation == "item":
        naive.labels[subject] = value
        changed = labels.set_item(subject, value)
    else:
        naive.labels.pop(subject, None)
        changed = labels.remove_item(subject)
    after = naive.matching()
    assert changed == {selector for selector in after if before[selector] != after[selector]}


@settings(deadline=None)
@given(STEPS)
def test_any_sequence_gives_what_direct_evaluation_gives(steps: list[tuple[str, Any, Any]]) -> None:
    labels: LabelIndex[int, Selector] = LabelIndex()
    naive = NaiveIndex()
    for step in steps:
        apply(labels, naive, step)

    assert {selector: labels.items(selector) for selector in labels.criteria()} == naive.matching()
