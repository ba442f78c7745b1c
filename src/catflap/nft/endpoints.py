"""The rules of host endpoints, for each stage at which one can have policy.

The order within a chain is the order of safety: what is established, failsafe ports and the ICMPv6 messages that IPv6
cannot do without come before anything that can drop. Only interfaces with policy before connection tracking or
destination translation have rules about the accept mark: it is cleared before it can be set, and looked at later.
"""

from __future__ import annotations

from collections.abc import Sequence

from catflap.model.resources import Direction
from catflap.nft.fixed import ESTABLISHED, INVALID
from catflap.nft.rules import line, mark_text
from catflap.nft.shared import SharedChains
from catflap.policy.host_policy import InterfacePolicy, TierStep

_ALL_BITS = 0xFFFF_FFFF


class EndpointRules:
    """Writes the rules of an interface for one stage; none where its endpoint has no policy for that stage.

    Args:
        shared: takes up the chains that the rules lead to.
        mark: the bit of the packet mark that means that policy has accepted the packet.
    """

    def __init__(self, shared: SharedChains, mark: int) -> None:
        self._shared = shared
        self.clear_mark = line(
            f"meta mark set meta mark and {mark_text(_ALL_BITS ^ mark)}",
            about="policy has not accepted it yet",
        )
        self._accept_marked = line(
            f"meta mark and {mark_text(mark)} != 0 accept", about="policy has accepted it"
        )

    def untracked_ingress(self, item: InterfacePolicy) -> list[str]:
        """Before connection tracking, of what is received."""
        return self._untracked(item.untracked_ingress, Direction.INGRESS)

    def untracked_egress(self, item: InterfacePolicy) -> list[str]:
        """Before connection tracking, of what the host sends."""
        return self._untracked(item.untracked_egress, Direction.EGRESS)

    def pre_dnat(self, item: InterfacePolicy) -> list[str]:
        """Before destination translation."""
        if not item.pre_dnat:
            return []
        return [
            self._accept_marked if item.untracked_ingress else self.clear_mark,
            ESTABLISHED,
            self._shared.failsafe(Direction.INGRESS),
            self._shared.icmpv6(),
            *self._shared.tiers(item.pre_dnat, Direction.INGRESS, default_actions=False),
        ]

    def forward_ingress(self, item: InterfacePolicy) -> list[str]:
        """Of forwarded packets that the interface received."""
        return self._forward(item.forward_ingress, Direction.INGRESS, self._marked_ingress(item))

    def forward_egress(self, item: InterfacePolicy) -> list[str]:
        """Of forwarded packets that leave by the interface."""
        return self._forward(item.forward_egress, Direction.EGRESS, [])

    def ingress(self, item: InterfacePolicy) -> list[str]:
        """Of what is for the host itself."""
        return self._own(item, Direction.INGRESS, self._marked_ingress(item))

    def egress(self, item: InterfacePolicy) -> list[str]:
        """Of what the host itself sends."""
        return self._own(item, Direction.EGRESS, [self._accept_marked] if item.untracked_egress else [])

    def _marked_ingress(self, item: InterfacePolicy) -> list[str]:
        return [self._accept_marked] if item.untracked_ingress or item.pre_dnat else []

    def _untracked(self, tiers: Sequence[TierStep], direction: Direction) -> list[str]:
        """Replies of failsafe ports have to be let through here: no connection tells them."""
        if not tiers:
            return []
        return [
            self.clear_mark,
            self._shared.failsafe(direction),
            self._shared.failsafe_replies(direction),
            self._shared.icmpv6(),
            *self._shared.tiers(tiers, direction, default_actions=False),
        ]

    def _forward(self, tiers: Sequence[TierStep], direction: Direction, marked: list[str]) -> list[str]:
        if not tiers:
            return []
        return [*marked, ESTABLISHED, INVALID, *self._shared.tiers(tiers, direction)]

    def _own(self, item: InterfacePolicy, direction: Direction, marked: list[str]) -> list[str]:
        return [
            *marked,
            ESTABLISHED,
            self._shared.failsafe(direction),
            self._shared.icmpv6(),
            INVALID,
            *self._shared.decision(item.direction(direction), direction, item.endpoint),
        ]
