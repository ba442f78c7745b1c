from __future__ import annotations

from typing import Any

import pytest
from tests.check.documents import check, document, fields, found, policy

RuleSpec = dict[str, Any]


def peer(**fields_of_peer: Any) -> RuleSpec:
    return {"source": fields_of_peer}


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"source": {"nets": ["10.0.0.0/8"]}, "destination": {"nets": ["::/0"]}}, ""),
        ({"protocol": "TCP", "notProtocol": 6}, ".notProtocol"),
        ({"protocol": "ICMP", "icmp": {"type": 8}, "notICMP": {"type": 8}}, ".notICMP"),
        (peer(nets=["10.1.0.0/16"], notNets=["10.0.0.0/8"]), ".source.notNets"),
        (peer(notNets=["0.0.0.0/0", "::/0"]), ".source.notNets"),
        (peer(selector="has(a)", notSelector="has(a)"), ".source.notSelector"),
        ({"protocol": "TCP", **peer(ports=[80], notPorts=["1:100"])}, ".source.notPorts"),
    ],
)
def test_rules_that_can_never_match(rule: RuleSpec, field: str) -> None:
    both = policy("p", ingress=[{"action": "Deny", **rule}])
    assert fields("rule-never-matches", both) == [f"spec.ingress[0]{field}"]


@pytest.mark.parametrize(
    "rule",
    [
        {"source": {"nets": ["10.0.0.0/8", "::/0"]}, "destination": {"nets": ["::/0"]}},
        {"protocol": "TCP", "notProtocol": "UDP"},
        {"protocol": "ICMP", "icmp": {"type": 8}, "notICMP": {"type": 8, "code": 1}},
        peer(nets=["10.0.0.0/8"], notNets=["10.1.0.0/16"]),
        peer(notNets=["0.0.0.0/0"]),  # IPv6 is left
        {"protocol": "TCP", **peer(ports=[80, 443], notPorts=[80])},
    ],
)
def test_rules_that_can_match(rule: RuleSpec) -> None:
    assert check(policy("p", ingress=[{"action": "Deny", **rule}])).findings == ()


def test_a_rule_behind_one_that_takes_everything_is_shadowed() -> None:
    rules = [
        {"action": "Log"},
        {"action": "Deny", "protocol": "UDP"},
        {"action": "Allow", "protocol": "TCP", "destination": {"ports": [80]}},
        {"action": "Log", "protocol": "UDP"},
        {"action": "Deny"},
        {"action": "Deny", "protocol": "TCP", "destination": {"ports": [80]}},
    ]
    findings = found("rule-shadowed", policy("p", ingress=rules))
    assert [each.field for each in findings] == ["spec.ingress[3]", "spec.ingress[5]"]
    assert "spec.ingress[1] (Deny) takes" in findings[0].message
    assert "spec.ingress[2] (Allow) takes" in findings[1].message


def test_the_other_direction_and_other_policies_shadow_nothing() -> None:
    deny = {"action": "Deny"}
    types = ["Ingress", "Egress"]
    assert (
        check(policy("p", types=types, ingress=[deny], egress=[deny]), policy("q", ingress=[deny])).findings
        == ()
    )


def test_rules_of_profiles_are_looked_at() -> None:
    rules = [{"action": "Allow"}, {"action": "Deny", "protocol": "TCP"}]
    assert fields("rule-shadowed", document("Profile", "x", {"egress": rules})) == ["spec.egress[1]"]


@pytest.mark.parametrize(
    ("rule", "is_open"),
    [
        ({"action": "Allow"}, True),
        ({"action": "Allow", "protocol": "TCP"}, True),
        ({"action": "Allow", **peer(nets=["::/0", "0.0.0.0/0"])}, True),
        ({"action": "Allow", **peer(nets=["0.0.0.0/0", "10.0.0.0/8"])}, True),
        ({"action": "Deny"}, False),
        ({"action": "Allow", "protocol": "ICMP"}, False),
        ({"action": "Allow", **peer(nets=["10.0.0.0/8"])}, False),
        ({"action": "Allow", **peer(selector="has(a)")}, False),
        ({"action": "Allow", **peer(nets=["0.0.0.0/0"], notNets=["10.0.0.0/8"])}, False),
        ({"action": "Allow", "protocol": "TCP", "destination": {"ports": [80]}}, False),
    ],
)
def test_what_is_wide_open(rule: RuleSpec, is_open: bool) -> None:
    assert fields("wide-open", policy("p", ingress=[rule])) == (["spec.ingress[0]"] if is_open else [])


def test_egress_and_profiles_may_be_open() -> None:
    allow = [{"action": "Allow"}]
    profile = document("Profile", "x", {"ingress": allow, "egress": allow})
    assert check(policy("p", types=["Egress"], egress=allow), profile).findings == ()


@pytest.mark.parametrize(
    ("spec", "places"),
    [
        ({"ingress": [{"action": "Log"}]}, ["spec.ingress"]),
        ({"ingress": [{"action": "Log"}, {"action": "Pass"}]}, []),
        ({"ingress": []}, []),
        ({"ingress": [{"action": "Log"}], "tier": "passing"}, []),
        ({"ingress": [{"action": "Log"}], "types": ["Egress"]}, []),
    ],
)
def test_policies_that_only_log(spec: RuleSpec, places: list[str]) -> None:
    passing = document("Tier", "passing", {"defaultAction": "Pass"})
    assert fields("log-only", passing, policy("p", **spec)) == places
