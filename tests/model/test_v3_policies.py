"""Policies of everybody, of a namespace, and staged ones."""

from __future__ import annotations

import math
from typing import Any

import pytest
from tests.model.v3_reading import read, refusal

from catflap.model.resources import Action, Direction, Policy, PolicyKind, Rule, StagedPolicy
from catflap.model.selector import parse_selector

ALL = parse_selector("all()")
INGRESS = frozenset({Direction.INGRESS})
NAMESPACE = 'projectcalico.org/namespace == "ns"'


def deep_selector() -> str:
    """A selector that nests as deeply as one may."""
    text = "has(a)"
    for level in range(100):
        text = f"has(a) {'||' if level % 2 else '&&'} ({text})"
    return text


@pytest.mark.parametrize(
    ("spec", "policy"),
    [
        (None, Policy("x", "default", ALL, math.inf)),
        ({"tier": "t", "order": 5, "selector": "has(a)"}, Policy("x", "t", parse_selector("has(a)"), 5.0)),
        ({"selector": "", "order": None, "types": []}, Policy("x", "default", ALL, math.inf)),
        ({"types": ["Egress"]}, Policy("x", "default", ALL, types=frozenset({Direction.EGRESS}))),
        (
            {"ingress": [{"action": "Allow"}], "egress": [{"action": "Deny"}]},
            Policy("x", "default", ALL, ingress=(Rule(Action.ALLOW),), egress=(Rule(Action.DENY),)),
        ),
        (
            {"doNotTrack": False, "preDNAT": None, "namespaceSelector": "", "performanceHints": ["x"]},
            Policy("x", "default", ALL),
        ),
        ({"applyOnForward": True}, Policy("x", "default", ALL, apply_on_forward=True)),
        (
            {"doNotTrack": True, "applyOnForward": True},
            Policy("x", "default", ALL, kind=PolicyKind.UNTRACKED, apply_on_forward=True),
        ),
        (
            {"preDNAT": True, "ingress": [{"action": "Reject"}]},
            Policy(
                "x",
                "default",
                ALL,
                ingress=(Rule(Action.REJECT),),
                types=INGRESS,
                kind=PolicyKind.PRE_DNAT,
                apply_on_forward=True,
            ),
        ),
    ],
)
def test_policies(spec: Any, policy: Policy) -> None:
    assert read("GlobalNetworkPolicy", spec) == (policy,)


@pytest.mark.parametrize(
    ("spec", "selector"),
    [
        ({"namespaceSelector": "all()"}, "has(projectcalico.org/namespace)"),
        ({"namespaceSelector": "global()"}, "!has(projectcalico.org/namespace)"),
        ({"namespaceSelector": "team == 'a'", "selector": "has(b)"}, 'pcns.team == "a" && has(b)'),
        ({"serviceAccountSelector": "all()"}, "has(projectcalico.org/serviceaccount)"),
        (
            {
                "serviceAccountSelector": "!has(x)",
                "namespaceSelector": "has(y)",
                "selector": "has(a) || has(b)",
            },
            "has(pcns.y) && !has(pcsa.x) && (has(a) || has(b))",
        ),
    ],
)
def test_namespaces_and_service_accounts_are_labels(spec: Any, selector: str) -> None:
    assert read("GlobalNetworkPolicy", spec) == (Policy("x", "default", parse_selector(selector)),)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"tier": "a b"}, "spec.tier: 'a b' is not the name of a tier."),
        ({"order": "5"}, "spec.order: expected a number, got '5'."),
        ({"selector": "a ="}, "spec.selector: 'a =' is not a selector: expected '==' at position 2."),
        ({"selctor": "has(a)"}, "spec.selctor: unknown field. Did you mean 'selector'?"),
        (
            {"types": ["ingress"]},
            "spec.types[0]: 'ingress' is no direction; write Ingress or Egress. Did you mean 'Ingress'?",
        ),
        ({"applyOnForward": "no"}, "spec.applyOnForward: expected true or false, got 'no'."),
        (
            {"doNotTrack": True, "preDNAT": True},
            "spec.preDNAT: cannot stand together with 'doNotTrack': write two policies.",
        ),
        (
            {"doNotTrack": True, "applyOnForward": False},
            (
                "spec.applyOnForward: cannot be false with 'doNotTrack', which always holds for forwarded packets, "
                "too: remove it."
            ),
        ),
        (
            {"preDNAT": True, "types": ["Ingress", "Egress"]},
            (
                "spec.types: cannot contain egress with 'preDNAT', since destinations are translated on the way in: "
                "write another policy for egress."
            ),
        ),
        (
            {"doNotTrack": True, "egress": [{"action": "Reject"}]},
            (
                "spec.egress[0].action: cannot be 'Reject' with 'doNotTrack': the answer to an untracked packet would "
                "itself be dropped as invalid; write 'Deny'."
            ),
        ),
        (
            {"namespaceSelector": f"has({'x' * 510})"},
            (
                "spec.namespaceSelector: with 'pcns.' before each label it is not a selector: "
                "label longer than 512 characters at position 4."
            ),
        ),
        (
            {"namespaceSelector": "has(a)", "selector": deep_selector()},
            (
                "spec.selector: cannot be combined with what else must match: "
                "more than 100 levels with all parentheses written out at position 0."
            ),
        ),
        ({"stagedAction": "Set"}, "spec.stagedAction: unknown field."),
    ],
)
def test_refused_policies(spec: Any, reason: str) -> None:
    assert refusal("GlobalNetworkPolicy", spec) == (reason,)


@pytest.mark.parametrize(
    ("spec", "selector"),
    [
        (None, NAMESPACE),
        ({"selector": "has(a)"}, f"{NAMESPACE} && has(a)"),
        ({"selector": "has(a) || has(b)"}, f"{NAMESPACE} && (has(a) || has(b))"),
        ({"serviceAccountSelector": "has(a)"}, f"{NAMESPACE} && has(pcsa.a)"),
    ],
)
def test_the_policy_of_a_namespace_selects_nothing_outside_of_it(spec: Any, selector: str) -> None:
    assert read("NetworkPolicy", spec, namespace="ns") == (Policy("x", "default", parse_selector(selector)),)


def test_the_rules_of_a_namespace_mean_peers_in_it() -> None:
    spec = {"ingress": [{"action": "Allow", "source": {"selector": "has(a)"}}]}
    (policy,) = read("NetworkPolicy", spec, namespace="ns")

    assert isinstance(policy, Policy)
    assert policy.ingress[0].source.selector == parse_selector(f"{NAMESPACE} && has(a)")


@pytest.mark.parametrize("field", ["doNotTrack", "preDNAT", "applyOnForward", "namespaceSelector"])
def test_fields_that_the_policy_of_a_namespace_has_not(field: str) -> None:
    assert refusal("NetworkPolicy", {field: True})[0].startswith(f"spec.{field}: ")


@pytest.mark.parametrize(
    ("spec", "staged"),
    [
        (None, StagedPolicy("x", "default", "Set", Policy("x", "default", ALL))),
        (
            {"stagedAction": "Ignore", "tier": "t", "order": 1},
            StagedPolicy("x", "t", "Ignore", Policy("x", "t", ALL, order=1)),
        ),
        ({"stagedAction": "Delete", "tier": "t"}, StagedPolicy("x", "t", "Delete")),
    ],
)
def test_staged_policies(spec: Any, staged: StagedPolicy) -> None:
    assert read("StagedGlobalNetworkPolicy", spec) == (staged,)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (
            {"stagedAction": "set"},
            "spec.stagedAction: 'set' is none; write Set, Delete, Learn, Ignore. Did you mean 'Set'?",
        ),
        ({"stagedAction": "Delete", "order": "x"}, "spec.order: expected a number, got 'x'."),
        ({"ingress": [{}]}, "spec.ingress[0].action: is missing; write Allow, Deny, Reject, Log or Pass."),
    ],
)
def test_refused_staged_policies(spec: Any, reason: str) -> None:
    assert refusal("StagedGlobalNetworkPolicy", spec) == (reason,)
