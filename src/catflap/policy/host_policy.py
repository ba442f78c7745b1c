"""The result of policy: what one host enforces on each of its interfaces, in order, with nothing left to look up.

Rendering, explaining and comparing all read the same `HostPolicy`. It is a plain immutable value.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from catflap.model.resources import Action, Direction, IcmpMatch, IpVersion, PortRange, ResourceKey


class FailsafePort(msgspec.Struct, frozen=True):
    """Ports that stay open whatever policy says: the local port inbound, the remote port outbound.

    ``net`` limits the other end: the source inbound, the destination outbound. None is any address.
    """

    protocol: int
    ports: PortRange
    net: str | None = None


class Failsafe(msgspec.Struct, frozen=True):
    """The failsafe lists of a host."""

    inbound: tuple[FailsafePort, ...] = ()
    outbound: tuple[FailsafePort, ...] = ()


class IpSet(msgspec.Struct, frozen=True):
    """The addresses and networks that a selector or tag stands for, both IP versions together.

    ``id`` is short, stable and made of letters, digits and dashes; ``description`` is the selector or tag.
    """

    id: str
    description: str
    members: frozenset[str]


class MatchPeer(msgspec.Struct, frozen=True):
    """`model.Peer` with selectors and tags replaced by ids of IP sets: in all of ``ip_sets``, in none of ``not_…``."""

    nets: tuple[str, ...] = ()
    not_nets: tuple[str, ...] = ()
    ip_sets: tuple[str, ...] = ()
    not_ip_sets: tuple[str, ...] = ()
    ports: tuple[PortRange, ...] = ()
    not_ports: tuple[PortRange, ...] = ()


class MatchRule(msgspec.Struct, frozen=True):
    """`model.Rule` with resolved peers. ``number`` is its place in the policy's list as written, from 0."""

    number: int
    action: Action
    ip_version: IpVersion | None = None
    protocol: int | None = None
    not_protocol: int | None = None
    icmp: IcmpMatch | None = None
    not_icmp: IcmpMatch | None = None
    source: MatchPeer = MatchPeer()
    destination: MatchPeer = MatchPeer()
    log_prefix: str | None = None


class RuleLists(msgspec.Struct, frozen=True):
    """The rules of one policy or profile. ``title`` names it for people (``default/webserver``)."""

    key: ResourceKey
    title: str
    ingress: tuple[MatchRule, ...]
    egress: tuple[MatchRule, ...]

    def rules(self, direction: Direction) -> tuple[MatchRule, ...]:
        """The list of one direction."""
        return self.ingress if direction is Direction.INGRESS else self.egress


class TierStep(msgspec.Struct, frozen=True):
    """One tier as it applies to an interface and direction: its policies in order, then its default action."""

    name: str
    policies: tuple[ResourceKey, ...]
    default_action: Action = Action.DENY


class ProfileStep(msgspec.Struct, frozen=True):
    """A profile of the endpoint; ``key`` is None where the endpoint names a profile that does not exist."""

    name: str
    key: ResourceKey | None


class DirectionPolicy(msgspec.Struct, frozen=True):
    """What decides about new connections in one direction, in order: tiers, profiles, then deny."""

    tiers: tuple[TierStep, ...] = ()
    profiles: tuple[ProfileStep, ...] = ()


class InterfacePolicy(msgspec.Struct, frozen=True):
    """A policed interface, and the endpoint that says so."""

    interface: str
    endpoint: ResourceKey
    ingress: DirectionPolicy
    egress: DirectionPolicy

    def direction(self, direction: Direction) -> DirectionPolicy:
        """The policy of one direction."""
        return self.ingress if direction is Direction.INGRESS else self.egress


class HostPolicy(msgspec.Struct, frozen=True):
    """All that one host enforces. Interfaces are sorted by name and unique; those not listed are left alone.

    Every key in a `TierStep` is in ``policies``, every one in a `ProfileStep` in ``profiles``, every set id of a rule
    in ``ip_sets``; nothing else is.
    """

    interfaces: tuple[InterfacePolicy, ...] = ()
    policies: Mapping[ResourceKey, RuleLists] = {}
    profiles: Mapping[ResourceKey, RuleLists] = {}
    ip_sets: Mapping[str, IpSet] = {}
    failsafe: Failsafe = Failsafe()
