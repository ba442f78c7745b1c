"""Draws the fields of packets that meet a rule, or that miss it by one of the things that it asks for.

A packet that misses a rule in many ways proves little about it: only one that would match, were a single condition
left out or turned round, tells whether that condition is there.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from catflap.model.resources import (
    ICMP,
    ICMP_VERSIONS,
    ICMPV6,
    MAX_PORT,
    SCTP,
    TCP,
    UDP,
    IcmpMatch,
    IpVersion,
    PortRange,
)
from catflap.policy.host_policy import HostPolicy, MatchPeer, MatchRule, SocketAddress
from catflap.prove import pools
from catflap.prove.draw import Draw
from catflap.prove.topology import LINK_LOCAL, LINK_LOCAL_PEER, LOCAL, REMOTE

LOWEST_OTHER_PORT: Final = 40000
_ICMP_OF: Final[Mapping[IpVersion, int]] = {4: ICMP, 6: ICMPV6}
_PROTOCOLS: Final[Mapping[IpVersion, tuple[int, ...]]] = {
    version: tuple(each for each in pools.PROTOCOL_NUMBERS if ICMP_VERSIONS.get(each, version) == version)
    for version in _ICMP_OF
}
EVERY_ADDRESS: Final = (
    *(address for table in (LOCAL, REMOTE) for addresses in table.values() for address in addresses),
    *(LINK_LOCAL, LINK_LOCAL_PEER),
)
_ENDS: Final = ("source", "destination")
_FIELDS_OF_RULE: Final = ("protocol", "not_protocol", "icmp", "not_icmp")
_FIELDS_OF_PEER: Final = MatchPeer.__struct_fields__


class Near:
    """One rule, and which of its conditions packets shall not meet (empty: none). It is made once for many packets."""

    def __init__(self, policy: HostPolicy, rule: MatchRule, missed: str) -> None:
        self._policy = policy
        self._rule = rule
        self._missed = missed
        self.version = rule.ip_version
        self._suitable = {end: self._suitable_addresses(end) for end in _ENDS}
        self._edges = {end: self._suitable_ports(end) for end in _ENDS}

    def protocol(self, draw: Draw, version: IpVersion) -> int:
        """An IP protocol number that exists in this IP version."""
        rule, possible = self._rule, _PROTOCOLS[version]
        if rule.protocol in possible and self._missed != "protocol":
            return rule.protocol
        if rule.not_protocol in possible and self._missed == "not_protocol":
            return rule.not_protocol
        others = [each for each in possible if each not in (rule.protocol, rule.not_protocol)]
        common = draw.weighted((5, TCP), (5, UDP), (2, _ICMP_OF[version]), (1, SCTP), (2, None))
        return common if common in others else draw.pick(others)

    def address(self, draw: Draw, end: str, pool: Sequence[str], wide_pool: Sequence[str]) -> str:
        """An address for an end, of the first pool if it has one that suits, else of the other."""
        for candidates in (pool, wide_pool):
            suitable = [address for address in candidates if address in self._suitable[end]]
            if suitable:
                return draw.pick(suitable)
        return draw.pick(pool)

    def _suitable_addresses(self, end: str) -> frozenset[str]:
        return frozenset(filter(self._address_test(end), EVERY_ADDRESS))

    def _address_test(self, end: str) -> Callable[[str], bool]:
        peer: MatchPeer = getattr(self._rule, end)

        def member(address: str, set_id: str) -> bool:
            return _lies_in_one(address, tuple(sorted(self._policy.ip_sets[set_id].members)))

        tests: dict[str, Callable[[str], bool]] = {
            "nets": lambda address: _lies_in_one(address, peer.nets),
            "not_nets": lambda address: not _lies_in_one(address, peer.not_nets),
            "ip_sets": lambda address: all(member(address, each) for each in peer.ip_sets),
            "not_ip_sets": lambda address: not any(member(address, each) for each in peer.not_ip_sets),
            "port_sets": lambda address: any(
                each.address == address for each in self._sockets(peer.port_sets)
            ),
        }
        wanted = {name: f"{end}.{name}" != self._missed for name in tests if getattr(peer, name)}
        return lambda address: all(tests[name](address) == good for name, good in wanted.items())

    def port(self, draw: Draw, end: str, *, other: bool) -> int:
        """A port for an end, at the edge of what the rule names; ``other``: else a high one, not a usual one."""
        peer: MatchPeer = getattr(self._rule, end)
        suitable = self._edges[end]
        if suitable and (not other or peer.ports or peer.port_sets or self._misses_ports(end)):
            return draw.pick(suitable)
        return draw.number(LOWEST_OTHER_PORT, MAX_PORT) if other else draw.pick(pools.SINGLE_PORTS)

    def _suitable_ports(self, end: str) -> list[int]:
        peer: MatchPeer = getattr(self._rule, end)
        named = self._sockets((*peer.port_sets, *peer.not_port_sets))
        ranges = [*peer.ports, *peer.not_ports, *(PortRange(each.port, each.port) for each in named)]
        return [port for port in _edges(ranges) if self._port_fits(end, peer, port)]

    def _misses_ports(self, end: str) -> bool:
        return self._missed.startswith(end) and self._missed.endswith("ports")

    def _port_fits(self, end: str, peer: MatchPeer, port: int) -> bool:
        named = [each.port for each in self._sockets(peer.port_sets)]
        inside = _in_ranges(port, peer.ports) or port in named
        if (peer.ports or peer.port_sets) and inside == (
            self._missed in (f"{end}.ports", f"{end}.port_sets")
        ):
            return False
        excluded = _in_ranges(port, peer.not_ports)
        return not peer.not_ports or excluded == (self._missed == f"{end}.not_ports")

    def _sockets(self, set_ids: Sequence[str]) -> list[SocketAddress]:
        return sorted(member for set_id in set_ids for member in self._policy.port_sets[set_id].members)

    def icmp(self, draw: Draw, protocol: int) -> tuple[int, int]:
        """An ICMP type and code."""
        rule = self._rule
        match: IcmpMatch | None = rule.icmp if self._missed != "icmp" else None
        if rule.not_icmp and (match is None or self._missed == "not_icmp") and draw.chance(0.7):
            match = rule.not_icmp
        icmp_type = draw.pick(pools.ICMP_TYPES[protocol]) if match is None else match.type
        code = None if match is None or draw.chance(0.2) else match.code
        return icmp_type, draw.pick(pools.ICMP_CODES) if code is None else code


def conditions(rule: MatchRule) -> list[str]:
    """What a rule asks for, each by a name that `Near` understands."""
    asked = [name for name in _FIELDS_OF_RULE if getattr(rule, name) is not None]
    for end in _ENDS:
        peer = getattr(rule, end)
        asked += [f"{end}.{name}" for name in _FIELDS_OF_PEER if getattr(peer, name)]
    return asked


@functools.lru_cache(maxsize=1 << 16)
def _lies_in_one(address: str, nets: tuple[str, ...]) -> bool:
    parsed = ipaddress.ip_address(address)
    return any(parsed in ipaddress.ip_network(net) for net in nets)


def _in_ranges(port: int, ranges: Sequence[PortRange]) -> bool:
    return any(each.first <= port <= each.last for each in ranges)


def _edges(ranges: Sequence[PortRange]) -> list[int]:
    """The first and last port of each range, and their neighbours outside."""
    found = [port for each in ranges for port in (each.first - 1, each.first, each.last, each.last + 1)]
    return [port for port in found if 0 <= port <= MAX_PORT]
