"""Policies of a namespace: what reading adds to their selectors is not written again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.model.v3_reading import read

from catflap.model.encoded_values import Gaps, NotRepresentableError
from catflap.model.resources import Peer, Policy
from catflap.model.selector import parse_selector
from catflap.model.v3_encode_namespaces import peer_selectors, policy_selector
from catflap.model.v3_encode_policies import encode_policy

HERE = "projectcalico.org/namespace == 'ns'"
SELECTORS = st.sampled_from(
    ["", "all()", "global()", "has(a)", "has(a) && b == 'x'", "has(a) || !has(b)", "!(has(a) && all())"]
)
ACCOUNTS = st.fixed_dictionaries(
    {}, optional={"names": st.lists(st.sampled_from(["web", "db"])), "selector": SELECTORS}
)
PEERS = st.fixed_dictionaries(
    {},
    optional={
        "selector": SELECTORS,
        "notSelector": SELECTORS,
        "namespaceSelector": SELECTORS,
        "serviceAccounts": ACCOUNTS,
    },
)


def policy_of(spec: dict[str, Any]) -> Policy:
    [policy] = read("NetworkPolicy", spec, namespace="ns")
    assert isinstance(policy, Policy)
    return policy


@given(SELECTORS, SELECTORS, PEERS)
def test_any_policy_of_a_namespace_is_read_as_what_was_written(
    selector: str, account: str, peer: Any
) -> None:
    rules = [{"action": "Allow", "source": peer}]
    policy = policy_of({"selector": selector, "serviceAccountSelector": account, "ingress": rules})
    gaps = Gaps()

    again = encode_policy(policy, "ns", gaps)

    gaps.raise_if_any()
    assert policy_of(again) == policy


@pytest.mark.parametrize(
    ("read_as", "written"),
    [
        (HERE, "all()"),
        (f"{HERE} && has(a)", "has(a)"),
        (f"{HERE} && has(a) && has(b)", "has(a) && has(b)"),
        (f"{HERE} && (has(a) || has(b))", "(has(a) || has(b))"),
    ],
)
def test_the_term_of_the_own_namespace_is_not_written(read_as: str, written: str) -> None:
    gaps = Gaps()

    assert policy_selector(parse_selector(read_as), "ns", gaps) == written
    assert peer_selectors(Peer(selector=parse_selector(read_as)), "ns", "source", gaps) == {
        "selector": written
    }
    gaps.raise_if_any()


@pytest.mark.parametrize(
    ("read_as", "namespaces", "rest"),
    [
        ("has(projectcalico.org/namespace)", "all()", None),
        ("!has(projectcalico.org/namespace) && has(a)", "global()", "has(a)"),
        ("pcns.team == 'x' && has(pcns.a) && has(a)", 'team == "x" && has(a)', "has(a)"),
        ("pcns.a == 'x' || !(has(pcns.b) && has(pcns.c))", '(a == "x" || !(has(b) && has(c)))', None),
    ],
)
def test_the_terms_of_other_namespaces_are_a_selector_of_them(
    read_as: str, namespaces: str, rest: str | None
) -> None:
    gaps = Gaps()

    assert peer_selectors(Peer(selector=parse_selector(read_as)), "ns", "source", gaps) == {
        "namespaceSelector": namespaces,
        "selector": rest,
    }
    gaps.raise_if_any()


def refusal(gaps: Gaps) -> str:
    with pytest.raises(NotRepresentableError) as caught:
        gaps.raise_if_any()
    return str(caught.value)


@pytest.mark.parametrize(
    "text", ["all()", "has(a)", "has(a) || has(pcns.b)", "projectcalico.org/namespace == 'other'"]
)
def test_what_is_in_no_namespace_is_refused(text: str) -> None:
    selector, of_policy, of_peer = parse_selector(text), Gaps(), Gaps()
    policy_selector(selector, "ns", of_policy)
    peer_selectors(Peer(selector=selector), "ns", "inbound_rules[0].source", of_peer)

    why = "selects outside of the namespace 'ns' and names no other; use a GlobalNetworkPolicy."
    assert refusal(of_policy) == f"spec.selector: {why}"
    assert refusal(of_peer) == f"inbound_rules[0].source.selector: {why}"


def test_a_negation_alone_selects_everywhere_and_is_refused() -> None:
    gaps = Gaps()
    peer_selectors(Peer(not_selector=parse_selector("has(a)")), "ns", "source", gaps)

    assert refusal(gaps).startswith("source.notSelector: selects outside of the namespace 'ns'")


def test_a_peer_that_is_not_selected_has_no_selector() -> None:
    assert peer_selectors(Peer(nets=("10.0.0.0/8",)), "ns", "source", Gaps()) == {}
