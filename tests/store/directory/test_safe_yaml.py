from __future__ import annotations

import contextlib
import json
import time
from unittest.mock import patch

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from catflap.store.directory.safe_yaml import (
    MAX_DEPTH,
    MAX_VALUES,
    YamlError,
    _Extent,
    _is_small,
    load_documents,
)


def test_documents_are_the_same_values_as_in_json() -> None:
    text = b"a: [1, 2.5, true, null, x]\n---\n- {b: 'c'}\n---\n"
    assert load_documents(text) == [{"a": [1, 2.5, True, None, "x"]}, [{"b": "c"}], None]


def test_what_looks_like_a_date_stays_text() -> None:
    assert load_documents(b"created: 2026-01-02") == [{"created": "2026-01-02"}]


def test_aliases_and_merged_mappings_are_understood() -> None:
    text = b"base: &base {x: 1, y: 2}\nother:\n  <<: *base\n  y: 3\nagain: *base\n"
    (value,) = load_documents(text)
    assert value["other"] == {"x": 1, "y": 3}
    assert value["again"] == {"x": 1, "y": 2}


def test_a_merged_mapping_may_be_merged_again() -> None:
    text = b"base: &base {x: 1}\nlist: [{inner: &a {<<: *base, x: 2}}]\nb: {<<: *a}\n"
    (value,) = load_documents(text)
    assert value["list"] == [{"inner": {"x": 2}}]
    assert value["b"] == {"x": 2}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [1, 2", "line 2, column 1: did not find expected"),
        ("a: 1\n b: 2", "line 2, column 3: mapping values are not allowed"),
        ("a: 1\nb: 2\na: 3", "line 3, column 1: key 'a' stands twice"),
        ("1: x", "key 1 is no text: write it in quotes"),
        ("yes: x", "key True is no text"),
        ("!!python/object/apply:os.system ['true']", "line 1, column 1: could not determine a constructor"),
        ("!custom x", "could not determine a constructor"),
        ("a: *missing", "undefined alias"),
        ("a: &a [*a]", "alias *a stands inside of what it refers to"),
        ("a: &a {b: *a}", "alias *a stands inside of what it refers to"),
        ("[" * 101 + "]" * 101, "more than 100 levels of nesting"),
        ("[" * 1_000_000, "more than 100 levels of nesting"),
        ("a: \x00", "control characters are not allowed"),
        ("? [a]\n: b", "found unhashable key"),
        ("a: !!int x", "invalid literal"),
        (f"kind: 0x{'f' * 9000}", "line 1, column 7: a number of more than 1000 digits"),
        (f"a: [{'1' * 5000}]", "line 1, column 5: a number of more than 1000 digits"),
        (f"a: 0b{'1' * 100_000}", "more than 1000 digits"),
        (f"a: 1{':1' * 1_000_000}", "more than 1000 digits"),  # to the base 60
        ("a: !!int ''", "a"),
        ("a: !!bool x", "x"),
        ("a: !!float x", "x"),
        ("a: !!timestamp nonsense", "a"),
    ],
)
def test_what_is_no_yaml_or_none_that_is_accepted(text: str, reason: str) -> None:
    with pytest.raises(YamlError) as caught:
        load_documents(text.encode())
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_utf8_are_refused() -> None:
    with pytest.raises(YamlError):
        load_documents(b"a: \xff\xfe\xfd")


def bomb(levels: int, line: str) -> bytes:
    lines = ["l0: &l0 {a: 1, b: 2}"]
    lines += [
        f"l{level}: &l{level} " + line.format(", ".join([f"*l{level - 1}"] * 10))
        for level in range(1, levels)
    ]
    return "\n".join(lines).encode()


@pytest.mark.parametrize("line", ["[{}]", "{{<<: [{}]}}"])
def test_aliases_that_expand_to_very_much_are_refused_at_once(line: str) -> None:
    started = time.monotonic()
    with pytest.raises(YamlError, match="more than 1000000 values"):
        load_documents(bomb(12, line))
    assert time.monotonic() - started < 1


ascii_text = st.text(st.characters(min_codepoint=32, max_codepoint=126))
scalars = st.none() | st.booleans() | st.integers() | ascii_text


@given(st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(ascii_text, inner)))
def test_json_is_yaml(value: object) -> None:
    assert load_documents(json.dumps(value).encode()) == [value]


@given(st.binary(max_size=200))
def test_nothing_else_is_ever_raised(data: bytes) -> None:
    with contextlib.suppress(YamlError):
        load_documents(data)


@given(st.text(alphabet="-?:[]{},\"'|>#&*!ab \t\n", max_size=60))
def test_what_counts_as_small_reaches_no_limit(text: str) -> None:
    with patch.multiple("catflap.store.directory.safe_yaml", MAX_DEPTH=9, MAX_VALUES=60):
        if _is_small(text.encode()):
            try:
                extent = _Extent()
                for event in yaml.parse(text, Loader=yaml.CSafeLoader):
                    extent.add(event)
            except yaml.YAMLError as error:
                assert "more than" not in str(error)  # noqa: PT017 - most texts are no YAML


@pytest.mark.parametrize(
    ("text", "small"),
    [
        ("a: [1, {b: 2}]\n- - - c\n", True),
        ("a: &b 1", True),
        ("a: &b 1\nc: *b", False),
        ("[" * MAX_DEPTH, False),
        ("- " * MAX_DEPTH, False),
        ("a:\r b: 1", False),
        ("a: \u2028 b: 1", False),
        (f"{' ' * MAX_DEPTH}a", False),
        ("x" * MAX_VALUES, False),
        ("", True),
    ],
)
def test_what_is_small_needs_no_counting(text: str, small: bool) -> None:
    assert _is_small(text.encode()) == small
