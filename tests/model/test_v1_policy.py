"""Policies, tiers and profiles in the guide's encoding."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from catflap.model.resources import (
    Action,
    Direction,
    Policy,
    PolicyKind,
    ProfileLabels,
    ProfileRules,
    ProfileTags,
    Resource,
    Rule,
    Tier,
)
from catflap.model.selector import parse_selector
from catflap.model.v1_policy import (
    read_policy,
    read_profile_labels,
    read_profile_rules,
    read_profile_tags,
    read_tier,
)
from catflap.model.validation import InvalidObjectError

ALL = parse_selector("all()")
INGRESS = frozenset({Direction.INGRESS})


def policy(data: Any, tier: str = "default", name: str = "p") -> Resource:
    (resource,) = read_policy(tier, name, msgspec.json.encode(data))
    return resource


def refusal(read: Callable[..., Any], *names: str, data: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidObjectError) as caught:
        read(*names, msgspec.json.encode(data))
    return caught.value.reasons


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"selector": ""}, Policy("p", "default", ALL)),
        ({"selector": "a=='b'"}, Policy("p", "default", parse_selector('a == "b"'))),
        ({"selector": "", "order": 0}, Policy("p", "default", ALL, order=0)),
        ({"selector": "", "order": -1.5}, Policy("p", "default", ALL, order=-1.5)),
        ({"selector": "", "order": "default"}, Policy("p", "default", ALL, order=math.inf)),
        (
            {"selector": "", "inbound_rules": [{}], "outbound_rules": [{"action": "deny"}]},
            Policy("p", "default", ALL, ingress=(Rule(Action.ALLOW),), egress=(Rule(Action.DENY),)),
        ),
        (
            {"selector": "", "types": ["ingress"]},
            Policy("p", "default", ALL, types=frozenset({Direction.INGRESS})),
        ),
        ({"selector": "", "types": ["Egress", "ingress"]}, Policy("p", "default", ALL)),
        ({"selector": "", "types": []}, Policy("p", "default", ALL)),
        (
            {"selector": "", "untracked": False, "pre_dnat": None, "apply_on_forward": False},
            Policy("p", "default", ALL),
        ),
        ({"selector": "", "apply_on_forward": True}, Policy("p", "default", ALL, apply_on_forward=True)),
        (
            {"selector": "", "untracked": True, "apply_on_forward": False},
            Policy("p", "default", ALL, kind=PolicyKind.UNTRACKED, apply_on_forward=True),
        ),
        (
            {"selector": "", "pre_dnat": True, "types": None},
            Policy("p", "default", ALL, types=INGRESS, kind=PolicyKind.PRE_DNAT, apply_on_forward=True),
        ),
        ({"selector": "", "whatever": 1}, Policy("p", "default", ALL)),
    ],
)
def test_policies(data: dict[str, Any], expected: Policy) -> None:
    assert policy(data) == expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ([], "Expected policy 'default/p' to be a dict, not []."),
        ({}, "Profile missing required selector field"),
        ({"selector": None}, "Failed to parse selector None"),
        ({"selector": ["all()"]}, "Failed to parse selector ['all()']"),
        ({"selector": "a = 'b'"}, "Failed to parse selector a = 'b': expected '==' at position 2."),
        ({"selector": "", "order": "10"}, "Order should be a number, or \"default\", not '10'"),
        ({"selector": "", "order": None}, 'Order should be a number, or "default", not None'),
        ({"selector": "", "order": True}, 'Order should be a number, or "default", not True'),
        ({"selector": "", "inbound_rules": None}, "Expected rules[inbound_rules] to be a list."),
        ({"selector": "", "types": "ingress"}, "Expected types to be a list, not 'ingress'."),
        ({"selector": "", "types": ["in"]}, "Types should be 'ingress' and 'egress', not 'in'."),
        ({"selector": "", "types": [1]}, "Types should be 'ingress' and 'egress', not 1."),
        ({"selector": "", "types": False}, "Expected types to be a list, not False."),
        ({"selector": "", "untracked": "no"}, "Field 'untracked' should be true or false, not 'no'."),
        (
            {"selector": "", "apply_on_forward": 1},
            "Field 'apply_on_forward' should be true or false, not 1.",
        ),
        (
            {"selector": "", "untracked": True, "pre_dnat": True},
            "Field 'pre_dnat' cannot stand together with 'untracked': write two policies.",
        ),
        (
            {"selector": "", "pre_dnat": True, "outbound_rules": [{}]},
            (
                "Field 'outbound_rules' must be empty with 'pre_dnat', since destinations are translated on the way "
                "in: write another policy for these rules."
            ),
        ),
        (
            {"selector": "", "untracked": True, "inbound_rules": [{}, {"action": "reject"}]},
            (
                "Field 'inbound_rules[1].action' cannot be 'reject' with 'untracked': the answer to an untracked "
                "packet would itself be dropped as invalid; write 'deny'."
            ),
        ),
    ],
)
def test_refused_policies(data: Any, reason: str) -> None:
    assert refusal(read_policy, "default", "p", data=data) == (reason,)


def test_an_order_beyond_all_numbers_is_refused() -> None:
    with pytest.raises(InvalidObjectError, match="Order should be a number"):
        read_policy("default", "p", b'{"selector": "", "order": 1' + b"0" * 400 + b"}")


def test_all_reasons_of_a_policy_are_named() -> None:
    reasons = refusal(
        read_policy, "a b", "c d", data={"order": "x", "outbound_rules": [{"src_tag": 1}], "untracked": 1}
    )

    assert reasons == (
        "Invalid policy ID ''a b''.",
        "Invalid policy ID ''c d''.",
        "Field 'untracked' should be true or false, not 1.",
        "Profile missing required selector field",
        "Order should be a number, or \"default\", not 'x'",
        "Invalid src_tag: 1.",
    )


@pytest.mark.parametrize(
    ("data", "order"),
    [
        ({}, math.inf),
        ({"order": "default"}, math.inf),
        ({"order": 5, "other": 1}, 5.0),
        ({"order": -0.5}, -0.5),
    ],
)
def test_tiers(data: dict[str, Any], order: float) -> None:
    assert read_tier("t", msgspec.json.encode(data)) == (Tier("t", order, Action.DENY),)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("t", [], "Expected tier data to be a dict not []"),
        ("t", None, "Expected tier data to be a dict not None"),
        ("t", {"order": "5"}, 'Tier data "order" field should be number or "default"'),
        ("t", {"order": None}, 'Tier data "order" field should be number or "default"'),
        ("t", {"order": True}, 'Tier data "order" field should be number or "default"'),
        ("a b", {}, "Invalid tier name ''a b''."),
    ],
)
def test_refused_tiers(name: str, data: Any, reason: str) -> None:
    assert refusal(read_tier, name, data=data) == (reason,)


def test_profile_rules() -> None:
    raw = b'{"inbound_rules": [{"action": "next-tier"}], "outbound_rules": []}'

    assert read_profile_rules("p", raw) == (ProfileRules("p", ingress=(Rule(Action.PASS),)),)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("p", [], "Expected profile 'p' to be a dict, not []."),
        ("p", {"outbound_rules": {}}, "Expected rules[outbound_rules] to be a list."),
        ("a b", {}, "Invalid profile ID ''a b''."),
    ],
)
def test_refused_profile_rules(name: str, data: Any, reason: str) -> None:
    assert refusal(read_profile_rules, name, data=data) == (reason,)


def test_profile_tags() -> None:
    assert read_profile_tags("p", b'["a", "b", "a"]') == (ProfileTags("p", frozenset({"a", "b"})),)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("p", {}, "Expected tags to be a list."),
        ("p", "a", "Expected tags to be a list."),
        ("p", [1], "Expected tag '1' to be a string."),
        ("p", [["a"]], "Expected tag '['a']' to be a string."),
        ("p", ["a b"], "Invalid tag ''a b''."),
        ("a b", [], "Invalid profile_id ''a b''."),
    ],
)
def test_refused_profile_tags(name: str, data: Any, reason: str) -> None:
    assert refusal(read_profile_tags, name, data=data) == (reason,)


def test_profile_labels() -> None:
    assert read_profile_labels("p", b'{"a": "b"}') == (ProfileLabels("p", {"a": "b"}),)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("p", None, "Expected labels to be a dict, not None."),
        ("p", {"a": 1}, "Invalid label value 1."),
        ("p", {"a b": ""}, "Invalid label name 'a b'."),
        ("a b", {}, "Invalid profile_id 'a b'."),
    ],
)
def test_refused_profile_labels(name: str, data: Any, reason: str) -> None:
    assert refusal(read_profile_labels, name, data=data) == (reason,)
