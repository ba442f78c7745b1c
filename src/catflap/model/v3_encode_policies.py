"""Policies, tiers and profiles as ``projectcalico.org/v3`` documents write them: the opposite of `v3_policies`."""

from __future__ import annotations

from typing import Any

from catflap.model.encoded_values import Gaps, number, stated
from catflap.model.resources import (
    LAST,
    Action,
    Direction,
    Policy,
    PolicyKind,
    ProfileRules,
    StagedPolicy,
    Tier,
)
from catflap.model.v3_encode_namespaces import policy_selector
from catflap.model.v3_encode_rules import encode_rules
from catflap.model.v3_policies import SET


def encode_policy(policy: Policy, namespace: str, gaps: Gaps) -> dict[str, Any]:
    """A policy, for everybody or of a namespace. Tier, selector and types are always given, as other tools do."""
    if namespace and policy.apply_on_forward:
        gaps.add(
            "spec.applyOnForward", "a NetworkPolicy is for no forwarded traffic", "use a GlobalNetworkPolicy"
        )
    selector = policy_selector(policy.selector, namespace, gaps) if namespace else str(policy.selector)
    return stated(
        {
            "tier": policy.tier,
            "order": None if policy.order == LAST else number(policy.order),
            "selector": selector,
            "types": [direction.value for direction in Direction if direction in policy.types],
            "doNotTrack": policy.kind is PolicyKind.UNTRACKED,
            "preDNAT": policy.kind is PolicyKind.PRE_DNAT,
            "applyOnForward": policy.apply_on_forward,
            **encode_rules(policy, namespace, gaps),
        }
    )


def encode_staged_policy(staged: StagedPolicy, gaps: Gaps) -> dict[str, Any]:
    """A policy that is only proposed; of the policy that it proposes to delete nothing is known but name and tier."""
    action = {} if staged.staged_action == SET else {"stagedAction": staged.staged_action}
    if staged.policy is None:
        return {**action, "tier": staged.tier}
    return {**action, **encode_policy(staged.policy, "", gaps)}


def encode_tier(tier: Tier, gaps: Gaps) -> dict[str, Any]:
    """A tier. Without a number v3 tiers are in the middle, not last."""
    if tier.order == LAST:
        gaps.add("order", "comes after every number, which no v3 tier can", "give the tier a number")
        return {}
    default_action = None if tier.default_action is Action.DENY else tier.default_action.value
    return stated({"order": number(tier.order), "defaultAction": default_action})


def encode_profile_rules(rules: ProfileRules, gaps: Gaps) -> dict[str, Any]:
    """The rules of a profile."""
    return stated(encode_rules(rules, "", gaps))
