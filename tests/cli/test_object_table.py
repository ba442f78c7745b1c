from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.objects.documents import document, policy

from catflap.cli.object_table import COLUMNS, fitted, tables
from catflap.model import V3_ROOT
from catflap.model.v3_documents import INTERPRETERS, PLURALS
from catflap.objects.stored import StoredObject, stored_objects
from catflap.store import Entry

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
specs = st.dictionaries(
    st.sampled_from(
        ["node", "expectedIPs", "labelsToApply", "order", "ingress", "types", "interfaces", "nets"]
    ),
    anything,
)


def of(kind: str, value: object, path: str = "a") -> list[StoredObject]:
    return stored_objects({f"{V3_ROOT}{PLURALS[kind]}/{path}": Entry(json.dumps(value).encode(), 1)})


def test_every_kind_that_means_something_has_columns() -> None:
    assert set(COLUMNS) == set(INTERPRETERS)


def test_a_policy() -> None:
    item = policy()
    item["spec"] |= {"applyOnForward": True, "preDNAT": True}
    head, line = tables(of("GlobalNetworkPolicy", item, "ssh"))
    assert head.split() == ["NAME", "TIER", "ORDER", "SELECTOR", "TYPES", "RULES", "FLAGS"]
    assert line == "ssh   default  10     all()     Ingress  1 ingress  applyOnForward,preDNAT"


def test_one_table_for_each_kind() -> None:
    lines = list(tables([*of("Tier", document("Tier", "a")), *of("IPPool", document("IPPool", "b"), "b")]))
    assert lines == ["NAME  ORDER  DEFAULT ACTION", "a            Deny", "", "NAME", "b"]


@given(st.sampled_from(sorted(COLUMNS)), specs)
def test_whatever_is_stored_fits(kind: str, spec: dict[str, object]) -> None:
    path = "shop/a" if kind in ("NetworkSet", "NetworkPolicy", "WorkloadEndpoint") else "a"
    [_, line] = tables(of(kind, document(kind, "a", spec), path), with_namespace=True)
    assert len(line) <= 100
    assert line.isprintable()


@pytest.mark.parametrize("value", [7, [], "x", {"spec": 7}, {"metadata": {"labels": 7}}])
def test_what_is_no_document(value: object) -> None:
    [_, line] = tables(of("HostEndpoint", value))
    assert line.split() == ["a", "invalid"]


def test_the_widest_cells_are_cut() -> None:
    first, second = fitted([["short", "x" * 90, "y" * 30], ["longer one", "x", "y"]])
    assert len(first) == 100
    assert first.split() == ["short", "x" * 55 + "…", "y" * 30]
    assert second.startswith("longer one  x ")


def test_names_are_never_cut() -> None:
    [_, line] = tables(of("HostEndpoint", document("HostEndpoint", "n" * 99, {"node": "m" * 99}), "n" * 99))
    assert line.startswith(f"{'n' * 99}  {'m' * 7}…")


def test_letters_of_two_columns() -> None:
    first, second = fitted([["東京", "x"], ["tokyo", "x"]])
    assert (first, second) == ("東京   x", "tokyo  x")
    [line] = fitted([["東" * 60, "x"]])
    assert line == f"{'東' * 48}…  x"
