from __future__ import annotations

from typing import Any

import pytest

from catflap.model.encoded_values import Gaps, NotRepresentableError
from catflap.model.resources import (
    LAST,
    Action,
    Direction,
    Policy,
    PolicyKind,
    ProfileRules,
    Rule,
    StagedPolicy,
    Tier,
)
from catflap.model.selector import parse_selector
from catflap.model.v3_encode_policies import (
    encode_policy,
    encode_profile_rules,
    encode_staged_policy,
    encode_tier,
)

USUAL = {"tier": "default", "selector": "all()", "types": ["Ingress", "Egress"]}


def made(**fields: Any) -> Policy:
    return Policy("p", "default", parse_selector(""), **fields)


def encoded(**fields: Any) -> dict[str, Any]:
    gaps = Gaps()
    spec = encode_policy(made(**fields), "", gaps)
    gaps.raise_if_any()
    return spec


@pytest.mark.parametrize(
    ("fields", "written"),
    [
        ({}, {}),
        ({"order": 0.0}, {"order": 0}),
        ({"types": frozenset({Direction.EGRESS})}, {"types": ["Egress"]}),
        ({"apply_on_forward": True}, {"applyOnForward": True}),
        (
            {"kind": PolicyKind.UNTRACKED, "apply_on_forward": True},
            {"doNotTrack": True, "applyOnForward": True},
        ),
        (
            {"kind": PolicyKind.PRE_DNAT, "apply_on_forward": True},
            {"preDNAT": True, "applyOnForward": True},
        ),
        ({"egress": (Rule(Action.REJECT),)}, {"egress": [{"action": "Reject"}]}),
    ],
)
def test_tier_selector_and_types_are_always_given(fields: Any, written: Any) -> None:
    assert encoded(**fields) == {**USUAL, **written}


def test_fields_stand_in_the_usual_order() -> None:
    rules = (Rule(Action.PASS),)

    spec = encoded(order=1.0, ingress=rules, egress=rules, apply_on_forward=True)

    assert list(spec) == ["tier", "order", "selector", "types", "applyOnForward", "ingress", "egress"]


def test_the_policy_of_a_namespace_is_for_no_forwarded_traffic() -> None:
    gaps = Gaps()
    policy = Policy(
        "p", "default", parse_selector("projectcalico.org/namespace == 'ns'"), apply_on_forward=True
    )
    encode_policy(policy, "ns", gaps)

    with pytest.raises(
        NotRepresentableError, match=r"^spec\.applyOnForward: .*; use a GlobalNetworkPolicy\.$"
    ):
        gaps.raise_if_any()


def test_staged_policies() -> None:
    gaps = Gaps()

    assert encode_staged_policy(StagedPolicy("p", "default", "Set", made()), gaps) == USUAL
    assert encode_staged_policy(StagedPolicy("p", "default", "Learn", made()), gaps) == {
        "stagedAction": "Learn",
        **USUAL,
    }
    assert encode_staged_policy(StagedPolicy("p", "t", "Delete"), gaps) == {
        "stagedAction": "Delete",
        "tier": "t",
    }


def test_tiers() -> None:
    gaps = Gaps()

    assert encode_tier(Tier("t", 5.0), gaps) == {"order": 5}
    assert encode_tier(Tier("t", -0.5, Action.PASS), gaps) == {"order": -0.5, "defaultAction": "Pass"}
    gaps.raise_if_any()


def test_a_tier_after_every_number_is_refused() -> None:
    gaps = Gaps()
    encode_tier(Tier("t", LAST), gaps)

    with pytest.raises(NotRepresentableError, match=r"^order: comes after every number"):
        gaps.raise_if_any()


def test_a_profile_without_rules_says_nothing() -> None:
    assert encode_profile_rules(ProfileRules("p"), Gaps()) == {}
    assert encode_profile_rules(ProfileRules("p", (Rule(Action.LOG),)), Gaps()) == {
        "ingress": [{"action": "Log"}]
    }
