"""Namespaces and service accounts as labels."""

from __future__ import annotations

from typing import Any

import pytest

from catflap.model.fields import Fields
from catflap.model.selector import parse_selector
from catflap.model.v3_selectors import (
    combined,
    in_namespace,
    labels_in,
    namespace_selector,
    service_account_selector,
    service_accounts,
)
from catflap.model.validation import Reasons

NAMESPACED = "has(projectcalico.org/namespace)"


def fields(**values: Any) -> Fields:
    return Fields(values, "spec", Reasons())


@pytest.mark.parametrize(
    ("written", "selector"),
    [
        ("a == 'b' && !has(c)", 'pcns.a == "b" && !has(pcns.c)'),
        ("a in {'b'} || c contains 'd'", 'pcns.a in {"b"} || pcns.c contains "d"'),
        ("all()", NAMESPACED),
        ("global()", f"!{NAMESPACED}"),
        ("!global()", NAMESPACED),
        ("all() && a == 'all()'", f'{NAMESPACED} && pcns.a == "all()"'),
        ("has(a) || global()", f"has(pcns.a) || !{NAMESPACED}"),
    ],
)
def test_selectors_of_namespaces(written: str, selector: str) -> None:
    assert namespace_selector(fields(namespaceSelector=written)) == parse_selector(selector)


@pytest.mark.parametrize("forged", ["projectcalico.org/namespace", "pcns.team", "pcsa.role"])
def test_nothing_can_pretend_to_be_in_another_namespace(forged: str) -> None:
    labels = {"role": "web", forged: "forged"}
    assert labels_in("ns", labels) == {"role": "web", "projectcalico.org/namespace": "ns"}


def test_selectors_of_service_accounts() -> None:
    assert service_account_selector(fields(x="has(a)"), "x") == parse_selector("has(pcsa.a)")
    assert service_account_selector(fields(x="all()"), "x") == parse_selector(
        "has(projectcalico.org/serviceaccount)"
    )


@pytest.mark.parametrize("value", [None, "", " "])
def test_blank_selectors_are_absent(value: str | None) -> None:
    assert namespace_selector(fields(namespaceSelector=value)) is None


@pytest.mark.parametrize("value", [None, {}, {"names": []}, {"names": None, "selector": ""}])
def test_empty_service_accounts_are_absent(value: Any) -> None:
    assert service_accounts(fields(serviceAccounts=value)) is None


def test_names_and_selector_of_service_accounts_hold_together() -> None:
    value = {"names": ["b", "a", "b"], "selector": "has(x)"}

    assert service_accounts(fields(serviceAccounts=value)) == parse_selector(
        'projectcalico.org/serviceaccount in {"a", "b"} && has(pcsa.x)'
    )


def test_being_in_a_namespace_is_a_label() -> None:
    selector = in_namespace("ns")

    assert selector.matches({"projectcalico.org/namespace": "ns"})
    assert not selector.matches({"projectcalico.org/namespace": "ns2"})
    assert not selector.matches({})


def test_what_is_combined_must_match_together() -> None:
    a, b = parse_selector("has(a) || has(c)"), parse_selector("has(b)")

    assert combined(fields(), "x", None, None) is None
    assert combined(fields(), "x", None, b) == b
    assert combined(fields(), "x", a, None, b) == parse_selector("(has(a) || has(c)) && has(b)")
