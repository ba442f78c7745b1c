"""The rules that hold whatever policy says: failsafe ports, essential ICMPv6, and what workloads need of their host."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from catflap.model.resources import ICMPV6, UDP, Direction
from catflap.policy.host_policy import Failsafe, FailsafePort
from catflap.verdict.header import Header
from catflap.verdict.networks import Address, Networks

FROM_THE_LINK = 255  # the hop limit that no router lets through (RFC 4861, section 6.1)

_DHCP = (68, 67)  # client to server
_DHCPV6 = (546, 547)
_DNS = 53
_LINK_LOCAL = Networks(["fe80::/10"])


class _Opening(msgspec.Struct, frozen=True):
    protocol: int
    ports: range
    nets: Networks | None  # of the other end

    def lets(self, protocol: int, port: int, other_end: Address) -> bool:
        """Whether it opens this port for this other end."""
        if protocol != self.protocol or port not in self.ports:
            return False
        return self.nets is None or self.nets.cover(other_end)  # [failsafe-net]


class FailsafeLists:
    """The failsafe lists of a host, for packets into it and out of it."""

    def __init__(self, failsafe: Failsafe) -> None:
        self._lists = {
            Direction.INGRESS: _openings(failsafe.inbound),
            Direction.EGRESS: _openings(failsafe.outbound),
        }

    def let(self, header: Header, direction: Direction) -> bool:
        """Whether a packet of this direction goes to a failsafe port."""
        return _any_lets(self._lists[direction], header, header.destination_port, direction)

    def let_reply(self, header: Header, direction: Direction) -> bool:
        """Whether a packet of this direction comes from a failsafe port of the other direction's list."""
        opposite = Direction.EGRESS if direction is Direction.INGRESS else Direction.INGRESS
        return _any_lets(self._lists[opposite], header, header.source_port, direction)


def _openings(ports: Sequence[FailsafePort]) -> tuple[_Opening, ...]:
    return tuple(
        _Opening(
            port.protocol,
            range(port.ports.first, port.ports.last + 1),
            None if port.net is None else Networks([port.net]),
        )
        for port in ports
    )


def _any_lets(openings: Sequence[_Opening], header: Header, port: int | None, direction: Direction) -> bool:
    if port is None:
        return False
    other_end = header.source if direction is Direction.INGRESS else header.destination
    return any(opening.lets(header.protocol, port, other_end) for opening in openings)


def is_essential_icmpv6(header: Header) -> bool:
    """Whether it is one of the messages without which IPv6 does not work (RFC 4890, section 4.4)."""
    match _icmpv6_type(header):
        case 1 | 2 | 3 | 4:  # [icmpv6-errors]
            return True
        case 133 | 134 | 135 | 136 | 137:  # [icmpv6-neighbours]
            return header.hop_limit == FROM_THE_LINK
        case 130 | 131 | 132 | 143:  # [icmpv6-multicast]
            return True
    return False


def _icmpv6_type(header: Header) -> int | None:
    return header.icmp[0] if header.icmp is not None and header.protocol == ICMPV6 else None


def is_workload_service(header: Header) -> bool:
    """Whether it is what a workload needs of its host to work at all."""
    match _icmpv6_type(header):
        case 130 | 131 | 132:  # [workload-icmpv6]
            return True
        case 133 | 135 | 136:
            return header.hop_limit == FROM_THE_LINK
    if header.protocol != UDP:
        return False
    ports = (header.source_port, header.destination_port)
    dhcp = _DHCP if header.version == 4 else _DHCPV6  # noqa: PLR2004 - IPv4
    return ports == dhcp or header.destination_port == _DNS  # [workload-dhcp] [workload-dns]


def may_send_from(sources: Networks, header: Header) -> bool:
    """Whether a workload with these addresses may send from the packet's source address."""
    return (
        sources.cover(header.source)  # [workload-source]
        or _LINK_LOCAL.cover(header.source)  # [workload-link-local]
        or _asks_for_an_address(header)
    )


def _asks_for_an_address(header: Header) -> bool:
    """A host without an address yet: DHCP over IPv4, neighbour discovery and the like over IPv6."""
    if header.source.number != 0:
        return False
    if header.version == 4:  # noqa: PLR2004  # [workload-no-address-4]
        return header.protocol == UDP and (header.source_port, header.destination_port) == _DHCP
    return header.protocol == ICMPV6  # [workload-no-address-6]
