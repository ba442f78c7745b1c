"""Collecting reasons, quoting, reading JSON."""

from __future__ import annotations

import pytest

from catflap.model.validation import (
    MAX_REASONS,
    InvalidObjectError,
    Reasons,
    finite_number,
    is_integer,
    read_json,
    read_text,
    show,
)


def test_no_reason_raises_nothing() -> None:
    Reasons().raise_if_any()


def test_all_reasons_are_kept_in_order() -> None:
    reasons = Reasons()
    reasons.add("One.")
    reasons.add("Two.")

    with pytest.raises(InvalidObjectError, match=r"One\. Two\.") as caught:
        reasons.raise_if_any()
    assert caught.value.reasons == ("One.", "Two.")


def test_hopeless_objects_are_given_up() -> None:
    reasons = Reasons()
    for _ in range(MAX_REASONS - 1):
        reasons.add("No.")

    with pytest.raises(InvalidObjectError, match="the rest was not looked at") as caught:
        reasons.add("No.")
    assert len(caught.value.reasons) == MAX_REASONS + 1


def test_quoting_is_bounded() -> None:
    deep: object = "x"
    for _ in range(100_000):
        deep = [deep]

    assert len(show(deep)) < 50
    assert len(show("x" * 100_000)) < 200
    assert len(show({str(number): ["x" * 1000] * 1000 for number in range(1000)})) < 100_000
    assert show({"a": [1, None, "b"]}) == "{'a': [1, None, 'b']}"


@pytest.mark.parametrize(
    ("value", "expected"), [(1, True), (0, True), (True, False), (1.0, False), ("1", False)]
)
def test_integers(value: object, expected: bool) -> None:
    assert is_integer(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0),
        (-2.5, -2.5),
        (True, None),
        ("1", None),
        (None, None),
        (10**400, None),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_finite_numbers(value: object, expected: float | None) -> None:
    assert finite_number(value) == expected


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"{} x",
        b"NaN",
        b"Infinity",
        b"1e999",
        b"\xff",
        b'"\xff"',
        b'"\\ud800 lone"',
        b"1" * 100_000,
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    ],
    ids=lambda raw: raw[:12].hex(),
)
def test_not_json(raw: bytes) -> None:
    with pytest.raises(InvalidObjectError, match=r"^Failed to decode JSON: .+\.$"):
        read_json(raw)


def test_json() -> None:
    assert read_json(b'{"a": [1, null]}') == {"a": [1, None]}


def test_text() -> None:
    assert read_text("grün".encode()) == "grün"
    with pytest.raises(InvalidObjectError, match=r"Not UTF-8 text: invalid start byte \(byte 1\)\."):
        read_text(b"x\xff")


def test_a_number_that_python_refuses_to_write_out_is_quoted_all_the_same() -> None:
    assert show({"n": [16**9000]}) == "{'n': [<a huge number>]}"
