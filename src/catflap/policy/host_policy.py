"""The result of policy: what one host enforces on each of its interfaces, in order, with nothing left to look up.

Rendering, explaining and comparing all read the same `HostPolicy`. It is a plain immutable value.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import msgspec

from catflap.model.resources import (
    Action,
    Direction,
    IcmpMatch,
    IpVersion,
    PolicyKind,
    PortRange,
    ResourceKey,
)

LOOPBACK = "lo"  # only its exact name covers it
ACCEPT_MARK = 0x0100_0000  # the lowest bit of the old system's default IptablesMarkMask


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
    members: AbstractSet[str]


class SocketAddress(msgspec.Struct, frozen=True, order=True):
    """An address, an IP protocol number and a port."""

    address: str
    protocol: int
    port: int


class PortSet(msgspec.Struct, frozen=True):
    """What the named ports of a rule stand for: the addresses, protocols and ports of the endpoints that have one.

    ``id`` is as that of an `IpSet`; ``description`` names the ports, the protocol and the selector.
    """

    id: str
    description: str
    members: AbstractSet[SocketAddress]


class MatchPeer(msgspec.Struct, frozen=True):
    """`model.Peer` with selectors, tags and named ports replaced by ids of sets.

    The address is in all of ``ip_sets`` and in none of ``not_ip_sets``. The port is in ``ports``, or address, protocol
    and port are in one of ``port_sets`` (where either is given); the port is not in ``not_ports``, and address,
    protocol and port are in none of ``not_port_sets``.
    """

    nets: tuple[str, ...] = ()
    not_nets: tuple[str, ...] = ()
    ip_sets: tuple[str, ...] = ()
    not_ip_sets: tuple[str, ...] = ()
    ports: tuple[PortRange, ...] = ()
    not_ports: tuple[PortRange, ...] = ()
    port_sets: tuple[str, ...] = ()
    not_port_sets: tuple[str, ...] = ()


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
    annotations: Mapping[str, str] = {}


class RuleLists(msgspec.Struct, frozen=True):
    """The rules of one policy or profile. ``title`` names it for people (``default/webserver``)."""

    key: ResourceKey
    title: str
    ingress: tuple[MatchRule, ...]
    egress: tuple[MatchRule, ...]
    kind: PolicyKind = PolicyKind.NORMAL

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


def is_pattern(interface: str) -> bool:
    """Whether this stands for all interfaces whose names begin alike (``eth*``, ``*``)."""
    return interface.endswith("*")


class InterfacePolicy(msgspec.Struct, frozen=True):
    """A policed interface, and the endpoint that says so.

    ``interface`` is an exact name or a prefix pattern (``eth*``, ``*``). ``ingress`` and ``egress`` govern the host's
    own traffic. The other fields hold the tiers of the other kinds of policy, where there are any: of forwarded traffic
    that enters or leaves by the interface, of packets before connection tracking, and before destination translation.
    """

    interface: str
    endpoint: ResourceKey
    ingress: DirectionPolicy
    egress: DirectionPolicy
    forward_ingress: tuple[TierStep, ...] = ()
    forward_egress: tuple[TierStep, ...] = ()
    untracked_ingress: tuple[TierStep, ...] = ()
    untracked_egress: tuple[TierStep, ...] = ()
    pre_dnat: tuple[TierStep, ...] = ()

    def direction(self, direction: Direction) -> DirectionPolicy:
        """The policy of one direction."""
        return self.ingress if direction is Direction.INGRESS else self.egress

    @property
    def is_pattern(self) -> bool:
        """Whether this is for all interfaces whose names begin alike."""
        return is_pattern(self.interface)


class WorkloadPolicy(msgspec.Struct, frozen=True):
    """A workload's interface on this host. ``ingress`` is what reaches the workload, ``egress`` what it sends.

    It may send from its ``addresses`` and ``spoofable_nets`` only, and where ``mac`` is known, with this one only.
    """

    interface: str
    endpoint: ResourceKey
    ingress: DirectionPolicy
    egress: DirectionPolicy
    mac: str | None = None
    addresses: tuple[str, ...] = ()
    spoofable_nets: tuple[str, ...] = ()
    gateway6: str | None = None


class HostPolicy(msgspec.Struct, frozen=True):
    """All that one host enforces.

    ``interfaces``: exact names first, sorted; then patterns in the order in which they are tried; ``*`` last. Each is
    unique. Interfaces that none of them covers are left alone. Patterns never cover ``lo``, nor workload interfaces
    (``*`` covers the latter for forwarded packets and before destination translation).

    ``workloads`` are sorted by interface. Any other interface whose name begins with one of ``workload_prefixes`` is
    blocked. ``workload_to_host`` (Deny or Allow) is what becomes of packets from workloads to the host that their
    own egress policy allows.

    Every key in a `TierStep` is in ``policies``, every one in a `ProfileStep` in ``profiles``, every set id of a rule
    in ``ip_sets`` or ``port_sets``; nothing else is. ``accept_mark`` is one bit of the packet mark: it tells later
    hooks that policy before connection tracking or destination translation has accepted the packet.
    """

    interfaces: tuple[InterfacePolicy, ...] = ()
    policies: Mapping[ResourceKey, RuleLists] = {}
    profiles: Mapping[ResourceKey, RuleLists] = {}
    ip_sets: Mapping[str, IpSet] = {}
    failsafe: Failsafe = Failsafe()
    port_sets: Mapping[str, PortSet] = {}
    workloads: tuple[WorkloadPolicy, ...] = ()
    workload_prefixes: tuple[str, ...] = ()
    workload_to_host: Action = Action.DENY
    accept_mark: int = ACCEPT_MARK
