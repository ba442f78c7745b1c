"""What users should know about policies that are stored and not enforced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from catflap.model.resources import Policy, ResourceKey, StagedPolicy
from catflap.policy.rules import policy_title
from catflap.policy.tiers import TierTable

_NAMED = 5  # staged policies in one notice


def policy_notices(
    policies: Mapping[ResourceKey, Policy], staged: Mapping[ResourceKey, StagedPolicy], tiers: TierTable
) -> tuple[str, ...]:
    """One notice for each policy in a missing tier, and one for all staged policies together."""
    return (*_in_missing_tiers(policies, tiers), *_staged(staged))


def _in_missing_tiers(policies: Mapping[ResourceKey, Policy], tiers: TierTable) -> Iterator[str]:
    missing = {name for name in {policy.tier for policy in policies.values()} if tiers.get(name) is None}
    for key in sorted(key for key, policy in policies.items() if policy.tier in missing):
        yield f"Ignoring policy {policy_title(key, policies[key])} because its tier metadata is missing."


def _staged(staged: Mapping[ResourceKey, StagedPolicy]) -> Iterator[str]:
    names = [f"{policy.tier}/{policy.name}" for _, policy in sorted(staged.items())]
    if len(names) == 1:
        yield f"Staged policy {names[0]} is not enforced"
    elif names:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield f"{len(names)} staged policies are not enforced: {', '.join(names[:_NAMED])}{more}"
