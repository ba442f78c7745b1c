"""Selectors as values: canonical text, equality, matching."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Mapping
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catflap.model.selector import Selector, SelectorError, conjunction, parse_selector, prefixed
from catflap.model.selector_nodes import Has
from catflap.model.selector_parser import MAX_NESTING

Labels: TypeAlias = Mapping[str, str]
Sample: TypeAlias = tuple[str, Callable[[Labels], bool]]  # a text, and a naive evaluation of what it means

LABELS = ("a", "b", "in", "not", "projectcalico.org/x")
VALUES = ("", "x", "xy", "yx", "'", '"', "ü")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", "all()"),
        (" \t\r\n", "all()"),
        ("all( )", "all()"),
        ("global()", "global()"),
        ("(all())", "all()"),
        ("a=='x'", 'a == "x"'),
        ("a=='\"'", "a == '\"'"),
        ('a  !=\n"x"', 'a != "x"'),
        ('a in{"z","x" , "z",}', 'a in {"x", "z"}'),
        ("a in {}", "a in {}"),
        ('a notin {"x"}', 'a not in {"x"}'),
        ('a not\tin {"x"}', 'a not in {"x"}'),
        ('a startswith "s"', 'a starts with "s"'),
        ('a ends  with "s"', 'a ends with "s"'),
        ('a contains "s"', 'a contains "s"'),
        ("has( a )", "has(a)"),
        ("! has(a)", "!has(a)"),
        ("!!!has(a)", "!has(a)"),
        ("!(!has(a))", "has(a)"),
        ('! a == "b" && c == "d"', '(!a == "b" && c == "d")'),
        ("has(a)||has(b)&&has(c)", "(has(a) || (has(b) && has(c)))"),
        ("(has(a) && has(b)) && has(c)", "(has(a) && has(b) && has(c))"),
        ("has(a) || (has(b) || has(c))", "(has(a) || has(b) || has(c))"),
        ("!(has(a) && has(b))", "!(has(a) && has(b))"),
    ],
)
def test_canonical_text(text: str, canonical: str) -> None:
    assert str(parse_selector(text)) == canonical
    assert str(parse_selector(canonical)) == canonical


@pytest.mark.parametrize(
    ("text", "if_missing", "matching", "other"),
    [
        ('a == "x"', False, "x", "y"),
        ('a != "x"', True, "y", "x"),
        ('a in {"x", "z"}', False, "z", "y"),
        ('a not in {"x", "z"}', True, "y", "z"),
        ('a contains "x"', False, "wxy", "y"),
        ('a starts with "x"', False, "xy", "yx"),
        ('a ends with "x"', False, "yx", "xy"),
        ('!(a == "x")', True, "y", "x"),
        ('!(a != "x")', False, "x", "y"),
    ],
)
def test_comparisons(text: str, if_missing: bool, matching: str, other: str) -> None:
    selector = parse_selector(text)

    assert selector.matches({"b": "x"}) is if_missing
    assert selector.matches({"a": matching})
    assert not selector.matches({"a": other})


@pytest.mark.parametrize("operation", ["contains", "starts with", "ends with"])
def test_an_empty_substring_needs_the_label(operation: str) -> None:
    selector = parse_selector(f'a {operation} ""')

    assert selector.matches({"a": ""})
    assert not selector.matches({})


@pytest.mark.parametrize(("text", "expected"), [("all()", True), ("global()", True), ("!all()", False)])
def test_constants(text: str, expected: bool) -> None:
    assert parse_selector(text).matches({}) is expected


def test_has_is_about_the_name_only() -> None:
    assert parse_selector("has(a)").matches({"a": ""})
    assert not parse_selector("has(a)").matches({"b": "a"})


def test_equal_selectors_are_written_differently() -> None:
    one, other = parse_selector('a=="x"'), parse_selector("( a == 'x' )")

    assert one == other
    assert hash(one) == hash(other)
    assert one != parse_selector('a == "y"')
    assert one != 'a == "x"'


def test_the_same_text_is_parsed_once() -> None:
    assert parse_selector("has(cached)") is parse_selector("has(cached)")


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda selector: pickle.loads(pickle.dumps(selector))])  # noqa: S301 - our own pickle
def test_copies_are_equal_and_work(clone: Callable[[Selector], Selector]) -> None:
    selector = parse_selector('a == "x" && has(b)')

    assert clone(selector) == selector
    assert clone(selector).matches({"a": "x", "b": ""})


def test_a_selector_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        parse_selector("all()")._text = "has(a)"  # type: ignore[misc]  # that it is refused is the point


def test_the_representation_is_an_expression() -> None:
    assert repr(parse_selector("has(a)")) == "parse_selector('has(a)')"


def test_errors_are_value_errors_with_a_position() -> None:
    with pytest.raises(ValueError, match=r"expected '==' at position 2") as caught:
        parse_selector("a = 'x'")

    assert isinstance(caught.value, SelectorError)
    assert caught.value.position == 2


def test_the_expression_is_there_as_a_tree() -> None:
    assert parse_selector("(has(a))").node == Has("a")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all()", "all()"),
        ("global()", "global()"),
        ('a == "x"', 'p.a == "x"'),
        ('a != "x" || has(b)', '(p.a != "x" || has(p.b))'),
        ('!(a in {"y", "x"} && b not in {})', '!(p.a in {"x", "y"} && p.b not in {})'),
        ('in starts with "in"', 'p.in starts with "in"'),
    ],
)
def test_a_prefix_comes_before_the_names_of_labels_only(text: str, expected: str) -> None:
    assert str(prefixed(parse_selector(text), "p.")) == expected


@pytest.mark.parametrize("prefix", ["a b", "a" * 512])
def test_a_prefix_that_gives_no_label_names_is_an_error(prefix: str) -> None:
    with pytest.raises(SelectorError):
        prefixed(parse_selector("has(x)"), prefix)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((), "all()"),
        (("all()", "all()"), "all()"),
        (("all()", "has(a)"), "has(a)"),
        (("global()", "has(a)"), "(global() && has(a))"),
        (("has(a)", "!has(b)"), "(has(a) && !has(b))"),
        (("has(a) && has(b)", "has(c)"), "(has(a) && has(b) && has(c))"),
        (("has(a) || has(b)", "has(c)"), "((has(a) || has(b)) && has(c))"),
    ],
)
def test_a_conjunction_drops_what_says_nothing_and_is_flat(texts: tuple[str, ...], expected: str) -> None:
    assert str(conjunction(*map(parse_selector, texts))) == expected


def test_a_conjunction_that_nests_too_deeply_is_an_error() -> None:
    deepest = parse_selector("!(a in {} || " * (MAX_NESTING // 2) + "has(b)" + ")" * (MAX_NESTING // 2))

    with pytest.raises(SelectorError, match="levels"):
        conjunction(deepest, parse_selector("!(has(a) || has(b))"), deepest)


def _quoted(value: str) -> str:
    return f"'{value}'" if '"' in value else f'"{value}"'


_labels = st.sampled_from(LABELS)
_values = st.sampled_from(VALUES)
_blanks = st.sampled_from(("", " ", "\n", "\t "))


@st.composite
def _comparisons(draw: st.DrawFn) -> Sample:
    label, value, gap = draw(_labels), draw(_values), draw(_blanks)
    members = draw(st.lists(_values, max_size=3))
    braces = "{" + f"{gap},".join(map(_quoted, members)) + "}"
    samples: list[Sample] = [
        (f"{label}{gap}=={gap}{_quoted(value)}", lambda labels: label in labels and labels[label] == value),
        (
            f"{label}{gap}!={gap}{_quoted(value)}",
            lambda labels: not (label in labels and labels[label] == value),
        ),
        (f"{label} in{gap}{braces}", lambda labels: label in labels and labels[label] in members),
        (f"{label} not {gap}in{braces}", lambda labels: not (label in labels and labels[label] in members)),
        (f"{label} contains{gap}{_quoted(value)}", lambda labels: label in labels and value in labels[label]),
        (
            f"{label} starts with {_quoted(value)}",
            lambda labels: label in labels and labels[label][: len(value)] == value,
        ),
        (
            f"{label} endswith {_quoted(value)}",
            lambda labels: (
                label in labels and labels[label][max(len(labels[label]) - len(value), 0) :] == value
            ),
        ),
        (f"has({gap}{label}{gap})", lambda labels: label in labels),
        (f"all({gap})", lambda _labels: True),
    ]
    return draw(st.sampled_from(samples))


def _combined(inner: st.SearchStrategy[Sample]) -> st.SearchStrategy[Sample]:
    return st.one_of(
        st.builds(lambda one, gap: (f"!{gap}({one[0]})", lambda labels: not one[1](labels)), inner, _blanks),
        st.builds(
            lambda parts, gap: (
                f"{gap}&&{gap}".join(f"({text})" for text, _ in parts),
                lambda labels: all(evaluate(labels) for _, evaluate in parts),
            ),
            st.lists(inner, min_size=2, max_size=4),
            _blanks,
        ),
        st.builds(
            lambda parts: (
                "||".join(f"({text})" for text, _ in parts),
                lambda labels: any(evaluate(labels) for _, evaluate in parts),
            ),
            st.lists(inner, min_size=2, max_size=4),
        ),
    )


_samples = st.recursive(_comparisons(), _combined, max_leaves=8)
_endpoints = st.dictionaries(_labels, _values, max_size=len(LABELS))


@settings(max_examples=300, deadline=None)
@given(sample=_samples, labels=_endpoints)
def test_matches_like_a_naive_evaluation_and_survives_a_round_trip(sample: Sample, labels: Labels) -> None:
    text, evaluate = sample
    selector = parse_selector(text)
    again = parse_selector(str(selector))

    assert selector.matches(labels) is evaluate(labels)
    assert again == selector
    assert again.matches(labels) is selector.matches(labels)


def test_a_very_long_selector_is_read_like_any_other() -> None:
    text = " || ".join(f'role == "{"x" * 100}{number}"' for number in range(20))
    assert parse_selector(text) == parse_selector(text)
    assert parse_selector(text).matches({"role": "x" * 100 + "7"})
