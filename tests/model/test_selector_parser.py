"""The grammar: what is refused and where, and limits."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catflap.model.selector_nodes import And, Equal, Has, Member, Not, Or
from catflap.model.selector_parser import MAX_LABEL, MAX_NESTING, SelectorError, parse


@pytest.mark.parametrize(
    ("text", "reason", "position"),
    [
        ("a", "expected an operator", 1),
        ("a b", "expected an operator", 2),
        ("a inf {'x'}", "expected an operator", 2),
        ("has (a)", "expected an operator", 4),
        ("all ()", "expected an operator", 4),
        ("not has(a)", "expected an operator", 4),
        ("a not 'x'", "expected an operator", 2),
        ("a = 'x'", "expected '=='", 2),
        ("has(a) & has(b)", "expected '&&'", 7),
        ("has(a) | has(b)", "expected '||'", 7),
        ("a == b", "expected a quoted string after '=='", 5),
        ("a == ", "expected a quoted string after '=='", 5),
        ("a in 'x'", "expected a set in braces after 'in'", 5),
        ("a in {'x' 'y'}", "expected ',' or '}'", 10),
        ("a in {,}", "expected a quoted string or '}' in the set", 6),
        ("a in {'x'", "expected ',' or '}'", 9),
        ("a == 'x", "unterminated string", 5),
        ("a == \"x'", "unterminated string", 5),
        ("has(a", "expected ')' after the label of has()", 5),
        ("has()", "expected a label", 4),
        ("has('a')", "expected a label", 4),
        ("(has(a)", "expected ')'", 7),
        (")", "expected a label, has(), all(), '!' or '('", 0),
        ("()", "expected a label, has(), all(), '!' or '('", 1),
        ("!", "expected a label, has(), all(), '!' or '('", 1),
        ("'b' == a", "expected a label, has(), all(), '!' or '('", 0),
        ("has(a) &&", "expected a label, has(), all(), '!' or '('", 9),
        ("a == 'x' c", "expected '&&', '||' or the end", 9),
        ("%", "unexpected character '%'", 0),
        ("ä == 'x'", "unexpected character 'ä'", 0),
        ("a == 'x' \x00", "unexpected character '\\x00'", 9),
    ],
)
def test_refusals_name_the_reason_and_the_position(text: str, reason: str, position: int) -> None:
    with pytest.raises(SelectorError) as caught:
        parse(text)

    assert str(caught.value).startswith(reason)
    assert str(caught.value).endswith(f"at position {position}")
    assert caught.value.position == position


@pytest.mark.parametrize(
    "label", ["in", "not", "has", "all", "contains", "starts", "with", "-", "a.b/c-d_E", "1"]
)
def test_words_are_labels_where_a_label_stands(label: str) -> None:
    assert parse(f"{label} == 'x'") == Equal(label, "x")
    assert parse(f"{label} in {{'x'}}") == Member(label, frozenset("x"))
    assert parse(f"{label} not in {{'x'}}") == Member(label, frozenset("x"), negated=True)


def test_not_binds_tighter_than_and_which_binds_tighter_than_or() -> None:
    assert parse("!has(a) && has(b) || has(c)") == Or((And((Not(Has("a")), Has("b"))), Has("c")))


def test_strings_hold_anything_but_their_quote() -> None:
    assert parse("a == '\n\\t\"'") == Equal("a", '\n\\t"')


@pytest.mark.parametrize(
    "text",
    ["!" * 5000 + "has(a)", "(" * 100_000, "!(" * 5000 + "has(a)", "((has(a)) || " * 3000],
    ids=["not", "parentheses", "both", "groups"],
)
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(SelectorError, match=f"more than {MAX_NESTING} levels"):
        parse(text)


def test_nesting_up_to_the_limit_is_read() -> None:
    assert parse("(" * MAX_NESTING + "has(a)" + ")" * MAX_NESTING) == Has("a")
    assert parse("!" * MAX_NESTING + "has(a)") == Has("a")


def test_the_canonical_text_may_not_nest_too_deeply_either() -> None:
    source = "has(a) || has(b) && (" * 60 + "has(c)" + ")" * 60

    with pytest.raises(SelectorError, match="levels with all parentheses written out at position 0"):
        parse(source)


def test_many_operands_are_no_nesting() -> None:
    node = parse(" && ".join(["(has(a) || !has(b))"] * 5000))

    assert isinstance(node, And)
    assert len(node.operands) == 5000


def test_labels_have_a_greatest_length() -> None:
    assert parse(f"has({'a' * MAX_LABEL})") == Has("a" * MAX_LABEL)
    with pytest.raises(SelectorError, match="label longer than 512 characters at position 4"):
        parse(f"has({'a' * (MAX_LABEL + 1)})")


_pieces = st.sampled_from(
    [*"abc!(){},&|='\" \n\t=", "==", "&&", "||", "in", "not in", "has(", "all()", "'x'"]
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(), st.lists(_pieces).map("".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(SelectorError):
        canonical = parse(text).text
        assert parse(canonical).text == canonical
