"""The order of tiers and of the policies in them.

Tiers and policies sort by (order, name). One without an order comes last, except that a v3 tier without one has order
1,000,000, as ever. The tier ``default`` exists without metadata, among the last and with default action Deny, since the
guide relies on it; a policy in any other tier that has no metadata is not enforced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from catflap.model.resources import DEFAULT_TIER, Direction, Kind, Policy, ResourceKey, Tier
from catflap.policy.host_policy import TierStep
from catflap.policy.precedence import winner

IMPLICIT_DEFAULT_TIER = Tier(DEFAULT_TIER)


class TierTable:
    """The tiers there are."""

    def __init__(self) -> None:
        self._tiers: dict[ResourceKey, Tier] = {}

    def set_tier(self, key: ResourceKey, tier: Tier | None) -> None:
        """Add, replace or (None) remove a tier."""
        if tier is None:
            self._tiers.pop(key, None)
        else:
            self._tiers[key] = tier

    def get(self, name: str) -> Tier | None:
        """The tier of that name; None if it has no metadata."""
        key = winner(self._tiers, Kind.TIER, name)
        if key is not None:
            return self._tiers[key]
        return IMPLICIT_DEFAULT_TIER if name == DEFAULT_TIER else None

    def steps(
        self, policies: Mapping[ResourceKey, Policy], keys: Iterable[ResourceKey], direction: Direction
    ) -> tuple[TierStep, ...]:
        """The policies that apply to one endpoint and govern this direction, grouped by tier, all in order.

        A tier without such a policy does not appear: it neither denies nor passes.
        """
        grouped: dict[str, list[tuple[float, str, ResourceKey]]] = {}
        for key in keys:
            policy = policies[key]
            if direction in policy.types:
                grouped.setdefault(policy.tier, []).append((policy.order, policy.name, key))
        tiers = [(tier.order, name, tier) for name in grouped if (tier := self.get(name)) is not None]
        tiers.sort(key=lambda entry: entry[:2])
        return tuple(
            TierStep(name, tuple(key for _, _, key in sorted(grouped[name])), tier.default_action)
            for _, name, tier in tiers
        )
