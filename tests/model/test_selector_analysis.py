from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catflap.model.selector import Selector, parse_selector
from catflap.model.selector_analysis import Requirement, prefixed_node
from catflap.model.selector_nodes import Always, Has, Not


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all()", ()),
        ("!has(a)", ()),
        ('a != "x"', ()),
        ('a not in {"x"}', ()),
        ("has(a)", ({("a", None)},)),
        ('a contains ""', ({("a", None)},)),
        ('a == "x"', ({("a", "x")},)),
        ('a in {"x", "y"}', ({("a", "x"), ("a", "y")},)),
        ("a in {}", (set(),)),
        ('a == "x" && b != "y" && has(c)', ({("a", "x")}, {("c", None)})),
        ('a == "x" || has(b)', ({("a", "x"), ("b", None)},)),
        ('a == "x" || b != "y"', ()),
        ('(a in {"x", "y"} && b == "z") || c == "w"', ({("b", "z"), ("c", "w")},)),
    ],
)
def test_requirements(text: str, expected: tuple[Requirement, ...]) -> None:
    assert parse_selector(text).requirements() == expected


def meets(labels: dict[str, str], requirement: Requirement) -> bool:
    return any(
        label in labels if value is None else labels.get(label) == value for label, value in requirement
    )


CLAUSES = (
    "all()",
    "has(a)",
    'a == "x"',
    'b != "x"',
    'a in {"x", "y"}',
    "b in {}",
    'b not in {"y"}',
    'b starts with "x"',
)
SELECTORS: st.SearchStrategy[Selector] = st.recursive(
    st.sampled_from(CLAUSES),
    lambda inner: st.one_of(
        inner.map("!({})".format),
        st.lists(inner, min_size=2, max_size=3).map(" && ".join).map("({})".format),
        st.lists(inner, min_size=2, max_size=3).map(" || ".join).map("({})".format),
    ),
).map(parse_selector)
LABELS = st.dictionaries(st.sampled_from("ab"), st.sampled_from(("x", "y", "z")))


@given(SELECTORS, LABELS)
def test_whatever_matches_meets_every_requirement(selector: Selector, labels: dict[str, str]) -> None:
    if selector.matches(labels):
        assert all(meets(labels, requirement) for requirement in selector.requirements())


@given(SELECTORS, LABELS)
def test_under_a_prefix_it_means_the_same_about_other_labels(
    selector: Selector, labels: dict[str, str]
) -> None:
    elsewhere = {"p." + name: value for name, value in labels.items()}
    matches = prefixed_node(selector.node, "p.").predicate()

    assert matches(elsewhere) is selector.matches(labels)


def test_a_prefix_leaves_all_alone() -> None:
    assert prefixed_node(Not(Always("all()")), "p.") == Not(Always("all()"))
    assert prefixed_node(Not(Has("a")), "p.") == Not(Has("p.a"))
