from __future__ import annotations

import math
from typing import Any

import pytest

from catflap.model.encoded_values import (
    Gaps,
    NotRepresentableError,
    host_networks,
    number,
    ports,
    stated,
)
from catflap.model.resources import PortRange


def test_nothing_is_raised_without_a_gap() -> None:
    Gaps().raise_if_any()


def test_every_gap_is_a_reason_with_its_remedy() -> None:
    gaps = Gaps()
    gaps.add("spec.a", "is odd", "remove it")
    gaps.add("spec.b", "is even", "keep it")

    with pytest.raises(NotRepresentableError) as caught:
        gaps.raise_if_any()

    assert caught.value.reasons == ("spec.a: is odd; remove it.", "spec.b: is even; keep it.")
    assert str(caught.value) == "spec.a: is odd; remove it. spec.b: is even; keep it."


@pytest.mark.parametrize("nothing", [None, False, "", [], (), {}, frozenset()])
def test_a_field_that_says_nothing_is_left_out(nothing: object) -> None:
    assert stated({"a": nothing, "b": 1}) == {"b": 1}


@pytest.mark.parametrize("something", [0, 0.0, True, "0", [0], {"": None}])
def test_a_field_that_says_something_stays(something: object) -> None:
    assert stated({"a": something}) == {"a": something}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (100.0, "100"),
        (-5.0, "-5"),
        (0.0, "0"),
        (2.5, "2.5"),
        (1e300, "1e+300"),
        (2.0**53, "9007199254740992.0"),
    ],
)
def test_numbers_are_written_as_people_write_them(value: float, written: str) -> None:
    assert str(number(value)) == written
    assert math.isclose(number(value), value, rel_tol=0)


def test_ports_are_numbers_then_names() -> None:
    written: list[Any] = ports((PortRange(80, 80), PortRange(0, 9)), ("http",))

    assert written == [80, "0:9", "http"]


def test_addresses_are_networks_of_one_address() -> None:
    assert host_networks(["192.0.2.1", "::1"]) == ["192.0.2.1/32", "::1/128"]
