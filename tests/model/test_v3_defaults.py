from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catflap.model.v3_defaults import filled, with_bookkeeping

NOW = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
RULES = [{"action": "Allow"}]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


def policy(spec: Any, kind: str = "GlobalNetworkPolicy") -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "x"}, "spec": spec}


@pytest.mark.parametrize(
    ("spec", "types"),
    [
        ({}, ["Ingress"]),
        ({"ingress": [], "egress": []}, ["Ingress"]),
        ({"types": []}, ["Ingress"]),
        ({"types": None}, ["Ingress"]),
        ({"ingress": RULES}, ["Ingress"]),
        ({"egress": RULES}, ["Egress"]),
        ({"ingress": RULES, "egress": RULES}, ["Ingress", "Egress"]),
        ({"egress": RULES, "types": ["Ingress"]}, ["Ingress"]),
    ],
)
@pytest.mark.parametrize("kind", ["GlobalNetworkPolicy", "NetworkPolicy", "StagedGlobalNetworkPolicy"])
def test_types_are_those_of_the_rules(spec: dict[str, Any], types: list[str], kind: str) -> None:
    assert filled(policy(spec, kind)) == policy({**spec, "types": types}, kind)


@pytest.mark.parametrize(
    "document",
    [
        policy({}, "Tier"),
        policy({"stagedAction": "Delete"}, "StagedGlobalNetworkPolicy"),
        policy(None),
        policy([]),
        {"kind": []},
        {},
    ],
)
def test_what_has_no_types_gets_none(document: dict[str, Any]) -> None:
    assert filled(document) == document


@given(st.fixed_dictionaries({}, optional={"kind": ANYTHING, "spec": ANYTHING, "metadata": ANYTHING}))
def test_invalid_documents_are_no_fault_here(document: dict[str, Any]) -> None:
    before = copy.deepcopy(document)

    filled(document)
    with_bookkeeping(document, previous=document, now=NOW, uid="u")

    assert document == before


def test_a_new_object_gets_identifier_and_time() -> None:
    document = {"metadata": {"name": "x", "uid": "copied", "resourceVersion": "7"}, "spec": {}}

    assert with_bookkeeping(document, previous=None, now=NOW, uid="u1") == {
        "metadata": {"name": "x", "uid": "u1", "creationTimestamp": "2026-02-28T23:30:00Z"},
        "spec": {},
    }


def test_a_known_object_keeps_them() -> None:
    stored = with_bookkeeping({"metadata": {"name": "x"}}, previous=None, now=NOW, uid="u1")

    later = with_bookkeeping({"metadata": {"name": "x"}}, previous=stored, now=datetime.now(UTC), uid="u2")

    assert later == stored


@pytest.mark.parametrize("previous", [{}, {"metadata": None}, {"metadata": {"uid": None}}])
def test_an_object_that_never_had_them_gets_them(previous: dict[str, Any]) -> None:
    document = with_bookkeeping({"metadata": {"name": "x"}}, previous=previous, now=NOW, uid="u1")

    assert document["metadata"]["uid"] == "u1"
