"""Reading documents field by field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from catflap.model.fields import Fields
from catflap.model.selector import parse_selector
from catflap.model.validation import InvalidObjectError, Reasons


def fields(value: Any) -> Fields:
    return Fields(value, "spec", Reasons())


def found(subject: Fields) -> tuple[str, ...]:
    with pytest.raises(InvalidObjectError) as caught:
        subject.reasons.raise_if_any()
    return caught.value.reasons


def test_absent_fields() -> None:
    subject = fields({"null": None})

    for name in ("null", "missing"):
        assert subject.value(name) is None
        assert subject.text(name) is None
        assert subject.flag(name) is None
        assert subject.number(name) is None
        assert subject.selector(name) is None
        assert list(subject.items(name)) == []
        assert subject.labels(name) == {}
        assert subject.object(name).text("x") is None
    subject.close()
    subject.reasons.raise_if_any()


@pytest.mark.parametrize(("value", "empty"), [(None, True), ({}, True), ([], True), ({"x": None}, False)])
def test_an_object_without_fields_is_empty(value: Any, empty: bool) -> None:
    assert fields(value).is_empty is empty


def test_present_fields() -> None:
    subject = fields(
        {"t": "x", "f": False, "n": 2, "s": "has(a)", "i": ["a", "b"], "l": {"a/b": "c"}, "o": {"t": "y"}}
    )

    assert subject.text("t") == "x"
    assert subject.flag("f") is False
    assert subject.number("n") == 2.0
    assert subject.selector("s") == parse_selector("has(a)")
    assert list(subject.texts("i")) == [("i[0]", "a"), ("i[1]", "b")]
    assert subject.labels("l") == {"a/b": "c"}
    assert subject.object("o").text("t") == "y"
    subject.close()
    subject.reasons.raise_if_any()


@pytest.mark.parametrize(
    ("read", "value", "reason"),
    [
        (Fields.text, 1, "spec.x: expected a string, got 1."),
        (Fields.flag, 1, "spec.x: expected true or false, got 1."),
        (Fields.flag, "true", "spec.x: expected true or false, got 'true'."),
        (Fields.number, "1", "spec.x: expected a number, got '1'."),
        (Fields.number, True, "spec.x: expected a number, got True."),
        (Fields.selector, ["a"], "spec.x: expected a string, got ['a']."),
        (Fields.selector, "a = 'b'", "spec.x: \"a = 'b'\" is not a selector: expected '==' at position 2."),
        (Fields.object, [], "spec.x: expected an object, got []."),
        (Fields.strings, [], "spec.x: expected an object, got []."),
        (Fields.strings, {"k": 1}, "spec.x: value of 'k': expected a string, got 1."),
        (
            Fields.labels,
            {"a b": ""},
            "spec.x: 'a b' is not a label name; use letters, digits, '_', '.', '-' and '/'.",
        ),
    ],
)
def test_wrong_types(read: Callable[[Fields, str], Any], value: Any, reason: str) -> None:
    subject = fields({"x": value})
    read(subject, "x")

    assert found(subject) == (reason,)


def test_wrong_lists() -> None:
    subject = fields({"x": "a", "y": ["a", 1]})

    assert list(subject.texts("x")) == []
    assert list(subject.texts("y")) == [("y[0]", "a")]
    assert found(subject) == ("spec.x: expected a list, got 'a'.", "spec.y[1]: expected a string, got 1.")


def test_lists_of_objects_know_where_each_stands() -> None:
    subject = fields({"x": [{"a": "b"}, 1]})
    first, second = subject.objects("x")

    assert first.text("a") == "b"
    assert second.path("a") == "spec.x[1].a"
    assert found(subject) == ("spec.x[1]: expected an object, got 1.",)


def test_blank_selectors_are_absent() -> None:
    assert fields({"x": " "}).selector("x") is None


@pytest.mark.parametrize("value", ["x", ["x"], {"x": 1}, True])
def test_unsupported_fields(value: Any) -> None:
    subject = fields({"x": value})
    subject.unsupported("x", "because")

    assert found(subject) == ("spec.x: not supported by this version: because.",)


@pytest.mark.parametrize("value", ["", [], {}, False, None])
def test_empty_unsupported_fields_do_no_harm(value: Any) -> None:
    subject = fields({"x": value})
    subject.unsupported("x", "because")
    subject.close()

    subject.reasons.raise_if_any()


def test_unknown_fields_are_named_with_what_was_probably_meant() -> None:
    subject = fields({"selctor": "", "zzz": 1, "known": 1, "skipped": 1})
    subject.selector("selector")
    subject.value("known")
    subject.skip("skipped")
    subject.close()

    assert found(subject) == (
        "spec.selctor: unknown field. Did you mean 'selector'?",
        "spec.zzz: unknown field.",
    )


def test_everything_leaves_nothing_unknown() -> None:
    subject = fields({"a": 1, "b": [2]})

    assert subject.everything() == {"a": 1, "b": [2]}
    subject.close()
    subject.reasons.raise_if_any()


def test_the_whole_document_has_no_path() -> None:
    subject = Fields("text", "", Reasons())

    assert subject.path("kind") == "kind"
    assert found(subject) == ("document: expected an object, got 'text'.",)
