from __future__ import annotations

from typing import Any

import pytest
from tests.check.documents import check, document, endpoint, fields, found, policy

ALLOW_WEB = {"action": "Allow", "protocol": "TCP", "destination": {"ports": [80]}}
ALLOW_DNS = {"action": "Allow", "protocol": "UDP", "destination": {"ports": [53]}}
PASSING = document("Tier", "passing", {"defaultAction": "Pass"})


def test_a_missing_tier_comes_with_the_closest_one() -> None:
    (finding,) = check(document("Tier", "security", {}), policy("p", tier="secruity")).findings
    assert (finding.code, finding.field) == ("missing-tier", "spec.tier")
    assert "Did you mean 'security'?" in finding.message


@pytest.mark.parametrize("tier", [None, "default"])
def test_the_default_tier_is_never_missing(tier: str | None) -> None:
    assert check(policy("p", tier=tier)).findings == ()


def test_the_tier_of_a_staged_policy_is_looked_at_too() -> None:
    staged = document("StagedGlobalNetworkPolicy", "s", {"tier": "none", "types": ["Ingress"]})
    assert fields("missing-tier", staged) == ["spec.tier"]


@pytest.mark.parametrize(
    ("spec", "remedy"),
    [
        ({"ingress": [ALLOW_WEB]}, "egress of what it selects is denied"),
        ({"egress": [ALLOW_WEB]}, "Write types: [Egress], or"),
        ({}, "everything of what it selects is denied"),
    ],
)
def test_a_policy_without_types(spec: dict[str, Any], remedy: str) -> None:
    (finding,) = check(policy("p", types=None, **spec)).findings
    assert (finding.code, finding.field) == ("policy-without-types", "spec.types")
    assert remedy in finding.message


@pytest.mark.parametrize("types", [None, ["Ingress", "Egress"]])
def test_rules_for_both_directions_need_no_types(types: list[str] | None) -> None:
    assert check(policy("p", types=types, ingress=[ALLOW_WEB], egress=[ALLOW_WEB])).findings == ()


def test_a_direction_that_is_governed_without_rules() -> None:
    (finding,) = check(policy("p", types=["Ingress", "Egress"], egress=[ALLOW_WEB])).findings
    assert (finding.code, finding.field) == ("direction-without-rules", "spec.types")
    assert "write types: [Egress]" in finding.message


def test_rules_for_a_direction_that_types_leave_out() -> None:
    (finding,) = check(policy("p", types=["Egress"], ingress=[ALLOW_WEB], egress=[ALLOW_DNS])).findings
    assert (finding.code, finding.field) == ("rules-without-type", "spec.types")
    assert "the rules in spec.ingress are never asked. Add Ingress" in finding.message


@pytest.mark.parametrize(
    "spec",
    [
        {"types": ["Ingress", "Egress"]},  # a default deny, in so many words
        {"types": ["Ingress"], "ingress": [ALLOW_WEB]},
        {"types": None, "ingress": [ALLOW_WEB], "tier": "passing"},
        {"types": ["Ingress", "Egress"], "ingress": [ALLOW_WEB], "tier": "passing"},
        {"types": ["Ingress"], "ingress": [ALLOW_WEB], "preDNAT": True, "applyOnForward": True},
    ],
)
def test_what_says_what_it_means_is_silent(spec: dict[str, Any]) -> None:
    assert check(PASSING, policy("p", **spec)).findings == ()


@pytest.mark.parametrize(
    ("spec", "places"),
    [
        ({"ingress": [ALLOW_DNS]}, ["spec.egress"]),
        ({"egress": [ALLOW_DNS], "ingress": [{"action": "Deny"}]}, ["spec.ingress"]),
        ({"ingress": [ALLOW_DNS], "egress": [ALLOW_DNS]}, []),
        ({"ingress": [{"action": "Deny"}]}, []),
    ],
)
def test_untracked_policy_needs_both_directions(spec: dict[str, Any], places: list[str]) -> None:
    untracked = policy("p", types=["Ingress", "Egress"], doNotTrack=True, applyOnForward=True, **spec)
    assert fields("untracked-one-way", untracked) == places


def test_a_staged_policy_is_noted() -> None:
    staged = document("StagedGlobalNetworkPolicy", "s", {"types": ["Ingress"]})
    assert [each.message for each in found("staged-policy", endpoint("a"), staged)] == [
        "a staged policy is not enforced."
    ]
