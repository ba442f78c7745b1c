"""Draws the fields of packets that meet a rule, or that miss it by one of the things that it asks for.

A packet that misses a rule in many ways proves little about it: only one that would match, were a single condition
left out or turned round, tells whether that condition is there.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable, Sequence
from typing import Final

from catflap.model.resources import (
    ICMP_VERSIONS,
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

LOWEST_OTHER_PORT: Final = 40000
_ICMP_OF: Final = {version: protocol for protocol, version in ICMP_VERSIONS.items() if protocol}
_ENDS: Final = ("source", "destination")
_FIELDS_OF_RULE: Final = ("protocol", "not_protocol", "icmp", "not_icmp")
_FIELDS_OF_PEER: Final = MatchPeer.__struct_fields__


class Near:
    """One rule, and which of its conditions the packet shall not meet: mostly none, else one of them."""

    def __init__(self, draw: Draw, policy: HostPolicy, rule: MatchRule) -> None:
        self._draw = draw
        self._policy = policy
        self._rule = rule
        asked = [name for name in _FIELDS_OF_RULE if getattr(rule, name) is not None]
        asked += [
            f"{end}.{name}" for end in _ENDS for name in _FIELDS_OF_PEER if getattr(getattr(rule, end), name)
        ]
        self._missed = draw.pick(asked) if asked and draw.chance(0.5) else ""

    def protocol(self, version: IpVersion) -> int:
        """An IP protocol number that exists in this IP version."""
        rule, possible = self._rule, _protocols(version)
        if rule.protocol in possible and self._missed != "protocol":
            return rule.protocol
        if rule.not_protocol in possible and self._missed == "not_protocol":
            return rule.not_protocol
        others = [each for each in possible if each not in (rule.protocol, rule.not_protocol)]
        common = self._draw.weighted((5, TCP), (5, UDP), (2, _ICMP_OF[version]), (1, SCTP), (2, None))
        return common if common in others else self._draw.pick(others)

    def address(self, end: str, pool: Sequence[str], wide_pool: Sequence[str]) -> str:
        """An address for an end, of the first pool if it has one that suits, else of the other."""
        fits = self._address_test(end)
        for candidates in (pool, wide_pool):
            suitable = [address for address in candidates if fits(address)]
            if suitable:
                return self._draw.pick(suitable)
        return self._draw.pick(pool)

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

    def port(self, end: str, *, other: bool) -> int:
        """A port for an end, at the edge of what the rule names; ``other``: else a high one, not a usual one."""
        peer: MatchPeer = getattr(self._rule, end)
        named = self._sockets((*peer.port_sets, *peer.not_port_sets))
        ranges = [*peer.ports, *peer.not_ports, *(PortRange(each.port, each.port) for each in named)]
        suitable = [port for port in _edges(ranges) if self._port_fits(end, peer, port)]
        if suitable and (not other or peer.ports or peer.port_sets or self._misses_ports(end)):
            return self._draw.pick(suitable)
        if other:
            return self._draw.number(LOWEST_OTHER_PORT, MAX_PORT)
        return self._draw.pick(pools.SINGLE_PORTS)

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

    def icmp(self, protocol: int) -> tuple[int, int]:
        """An ICMP type and code."""
        rule, draw = self._rule, self._draw
        match: IcmpMatch | None = rule.icmp if self._missed != "icmp" else None
        if rule.not_icmp and (match is None or self._missed == "not_icmp") and draw.chance(0.7):
            match = rule.not_icmp
        icmp_type = draw.pick(pools.ICMP_TYPES[protocol]) if match is None else match.type
        code = None if match is None or draw.chance(0.2) else match.code
        return icmp_type, draw.pick(pools.ICMP_CODES) if code is None else code


def _protocols(version: IpVersion) -> tuple[int, ...]:
    return tuple(each for each in pools.PROTOCOL_NUMBERS if ICMP_VERSIONS.get(each, version) == version)


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
