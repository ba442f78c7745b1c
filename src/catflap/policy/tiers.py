"""The order of tiers and of the policies in them.

Tiers and policies sort by (order, name). One without an order comes last, except that a v3 tier without one has order
1,000,000, as ever. The tier ``default`` exists without metadata, among the last and with default action Deny, since the
guide relies on it; a policy in any other tier that has no metadata is not enforced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from catflap.model.resources import DEFAULT_TIER, Kind, Policy, ResourceKey, Tier
from catflap.policy.host_policy import TierStep
from catflap.policy.precedence import winner
from catflap.policy.tables import put

IMPLICIT_DEFAULT_TIER = Tier(DEFAULT_TIER)


class TierGroup(msgspec.Struct, frozen=True):
    """A tier and the policies in it that apply to one endpoint, in order."""

    name: str
    tier: Tier
    policies: tuple[tuple[ResourceKey, Policy], ...]


class TierTable:
    """The tiers there are."""

    def __init__(self) -> None:
        self._tiers: dict[ResourceKey, Tier] = {}

    def set_tier(self, key: ResourceKey, tier: Tier | None) -> None:
        """Add, replace or (None) remove a tier."""
        put(self._tiers, key, tier)

    def get(self, name: str) -> Tier | None:
        """The tier of that name; None if it has no metadata."""
        key = winner(self._tiers, Kind.TIER, name)
        if key is not None:
            return self._tiers[key]
        return IMPLICIT_DEFAULT_TIER if name == DEFAULT_TIER else None

    def group(self, policies: Iterable[tuple[ResourceKey, Policy]]) -> tuple[TierGroup, ...]:
        """The policies that apply to one endpoint grouped by tier, all in order; without those in missing tiers."""
        grouped: dict[str, list[tuple[float, str, ResourceKey, Policy]]] = {}
        for key, policy in policies:
            grouped.setdefault(policy.tier, []).append((policy.order, policy.name, key, policy))
        tiers = [(tier.order, name, tier) for name in grouped if (tier := self.get(name)) is not None]
        return tuple(
            TierGroup(name, tier, tuple((key, policy) for _, _, key, policy in sorted(grouped[name])))
            for _, name, tier in sorted(tiers, key=lambda entry: entry[:2])
        )


def tier_steps(groups: Iterable[TierGroup], wanted: Callable[[Policy], bool]) -> tuple[TierStep, ...]:
    """The steps of one list of policies. A tier without a wanted one does not appear: it neither denies nor passes."""
    steps = []
    for group in groups:
        keys = tuple(key for key, policy in group.policies if wanted(policy))
        if keys:
            steps.append(TierStep(group.name, keys, group.tier.default_action))
    return tuple(steps)
