"""Policies, tiers and the rules of profiles as the guide's encoding writes them: the opposite of `v1_policy`."""

from __future__ import annotations

from typing import Any

from catflap.model.encoded_values import USE_ETCD3, Gaps, number, stated
from catflap.model.policy_kinds import KindFlags
from catflap.model.resources import LAST, Action, Direction, Policy, PolicyKind, ProfileRules, Tier
from catflap.model.v1_encode_rules import encode_rules


def encode_policy(policy: Policy, gaps: Gaps) -> dict[str, Any]:
    """A policy. What the old agent did not know is left out where it would say nothing new."""
    untracked, pre_dnat = policy.kind is PolicyKind.UNTRACKED, policy.kind is PolicyKind.PRE_DNAT
    usual_types = KindFlags(untracked, pre_dnat).default_types
    types = (
        [] if policy.types == usual_types else [each.lower() for each in Direction if each in policy.types]
    )
    flags = {
        "untracked": untracked,
        "pre_dnat": pre_dnat,
        "apply_on_forward": policy.apply_on_forward and policy.kind is PolicyKind.NORMAL,
    }
    return {
        "selector": str(policy.selector),
        **stated({"order": _order(policy.order), "types": types, **flags}),
        **_rules(policy, gaps),
    }


def encode_profile_rules(rules: ProfileRules, gaps: Gaps) -> dict[str, Any]:
    """The rules of a profile."""
    return _rules(rules, gaps)


def _rules(carrier: Policy | ProfileRules, gaps: Gaps) -> dict[str, Any]:
    return {
        "inbound_rules": encode_rules(carrier.ingress, "spec.ingress", gaps),
        "outbound_rules": encode_rules(carrier.egress, "spec.egress", gaps),
    }


def encode_tier(tier: Tier, gaps: Gaps) -> dict[str, Any]:
    """The metadata of a tier."""
    if tier.default_action is not Action.DENY:
        gaps.add("spec.defaultAction", f"is {tier.default_action}, and in /calico/v1 always Deny", USE_ETCD3)
    return stated({"order": _order(tier.order)})


def _order(order: float) -> float | None:
    return None if order == LAST else number(order)
