"""Draws packets for a policy: most aimed at a rule that they shall meet or just miss, the others from the pools.

The policy only says where to aim. It must never decide what is expected of a packet.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from catflap.model.resources import (
    ICMP,
    ICMPV6,
    MAX_PORT,
    PORT_PROTOCOLS,
    SCTP,
    TCP,
    UDP,
    Action,
    Direction,
    IpVersion,
    ip_version_of,
)
from catflap.policy.host_policy import HostPolicy, MatchRule
from catflap.prove import pools
from catflap.prove.draw import Draw
from catflap.prove.near import LOWEST_OTHER_PORT, Near, conditions
from catflap.prove.sample import TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, Fault, Flow, Sample
from catflap.prove.topology import (
    CABLES,
    LINK_LOCAL,
    LINK_LOCAL_PEER,
    LOCAL,
    REMOTE,
    ROUTES,
    TRANSLATIONS,
    WORKLOADS,
)

_VERSIONS: Final[tuple[IpVersion, ...]] = (4, 6)
_ICMP_OF: Final[dict[IpVersion, int]] = {4: ICMP, 6: ICMPV6}
_TRACKED: Final = (TCP, UDP, SCTP)  # protocols that a known connection may have; ICMP echo besides
_MACS: Final = (None, "02:aa:aa:aa:aa:aa", "02:00:00:00:02:05", "02:00:00:00:02:06")


def _of_version(addresses: Sequence[str]) -> dict[IpVersion, tuple[str, ...]]:
    return {
        version: tuple(each for each in addresses if ip_version_of(each) == version) for version in _VERSIONS
    }


_LOCAL: Final = _of_version([each for found in LOCAL.values() for each in found])
_REMOTE: Final = _of_version([each for found in REMOTE.values() for each in found])
_EVERY: Final = {version: (*_LOCAL[version], *_REMOTE[version]) for version in _VERSIONS}
_TRANSLATED: Final = {
    version: tuple(target for target in TRANSLATIONS if ip_version_of(target.address) == version)
    for version in _VERSIONS
}


def samples(draw: Draw, policy: HostPolicy, count: int) -> list[Sample]:
    """Packets for a host that enforces this policy."""
    aim = _Aim(draw, policy)
    return [aim.sample() for _ in range(count)]


class _Aim:
    """What there is to aim at in a policy."""

    def __init__(self, draw: Draw, policy: HostPolicy) -> None:
        self._draw = draw
        self._policy = policy
        self._nears: dict[tuple[int, str], Near] = {}
        any_packet = MatchRule(0, Action.ALLOW)
        self._rules = [any_packet] + [
            rule
            for table in (policy.policies, policy.profiles)
            for lists in table.values()
            for direction in Direction
            for rule in lists.rules(direction)
        ]
        self._policed = _policed(policy) or CABLES

    def sample(self) -> Sample:
        """One packet."""
        draw = self._draw
        interface = None if draw.chance(0.25) else self._interface()
        version = draw.pick(_VERSIONS)
        change = draw.weighted(
            (6, None), (16, _of_known_connection), (5, _error_about), (4, _faulty), (69, _as_it_is)
        )
        if change is None:
            return _service(draw, version, interface or "cali1")
        near = self._near(draw.number(0, len(self._rules) - 1) if draw.chance(0.6) else 0)
        return change(draw, self._plain(near, near.version or version, interface))

    def _near(self, index: int) -> Near:
        """What is near one of the rules."""
        rule, draw = self._rules[index], self._draw
        asked = conditions(rule)
        missed = draw.pick(asked) if asked and draw.chance(0.5) else ""
        if (index, missed) not in self._nears:
            self._nears[index, missed] = Near(self._policy, rule, missed)
        return self._nears[index, missed]

    def _interface(self) -> str:
        """A cable, more often one that policy knows."""
        return self._draw.pick(self._policed if self._draw.chance(0.8) else CABLES)

    def _plain(self, near: Near, version: IpVersion, interface: str | None) -> Sample:
        draw = self._draw
        protocol = near.protocol(draw, version)
        sources, destinations = _sources(interface, version, draw), self._destinations(interface, version)
        source = near.address(draw, "source", sources, _EVERY[version])
        destination = near.address(draw, "destination", destinations, _EVERY[version])
        fields: dict[str, Any] = {}
        if protocol in PORT_PROTOCOLS:
            fields["source_port"] = near.port(draw, "source", other=draw.chance(0.6))
            fields["destination_port"] = near.port(draw, "destination", other=False)
            if draw.chance(0.12):
                destination, fields["destination_port"] = draw.pick(_TRANSLATED[version])
        if protocol in (ICMP, ICMPV6):
            fields["icmp_type"], fields["icmp_code"] = near.icmp(draw, protocol)
        return Sample(
            interface=interface,
            source=_routable(source, destination, version, draw),
            destination=destination,
            protocol=protocol,
            hop_limit=draw.weighted((4, 64), (1, 255), (1, 254)),
            source_mac=draw.pick(_MACS) if interface and draw.chance(0.2) else None,
            tcp_flags=draw.weighted((8, TCP_SYN), (1, TCP_ACK), (1, TCP_RST), (1, TCP_FIN | TCP_ACK)),
            extension=draw.chance(0.1),
            fragmented=draw.chance(0.05),
            **fields,
        )

    def _destinations(self, interface: str | None, version: IpVersion) -> Sequence[str]:
        draw = self._draw
        if interface and version == 6 and draw.chance(0.05):  # noqa: PLR2004  # the IP version
            return (LINK_LOCAL,)
        if draw.chance(0.45 if interface else 0.15):
            return _LOCAL[version]
        return [each for each in REMOTE[self._interface()] if ip_version_of(each) == version]


def _policed(policy: HostPolicy) -> list[str]:
    """The cables that an endpoint of this host polices."""
    known = {workload.interface for workload in policy.workloads}
    names = [interface.interface for interface in policy.interfaces]
    patterns = tuple(name[:-1] for name in names if name.endswith("*"))
    return [name for name in CABLES if name in known or name in names or _is_like(name, patterns, policy)]


def _is_like(name: str, patterns: tuple[str, ...], policy: HostPolicy) -> bool:
    return name.startswith(patterns) and not name.startswith(policy.workload_prefixes)


def _routable(source: str, destination: str, version: IpVersion, draw: Draw) -> str:
    """Some sources are not routed, whatever policy says."""
    if ipaddress.ip_address(source).is_link_local and ROUTES.get(destination) != "lo":
        return draw.pick(_REMOTE[version])
    return source


def _sources(interface: str | None, version: IpVersion, draw: Draw) -> Sequence[str]:
    if interface is None:
        return _LOCAL[version] if draw.chance(0.8) else _REMOTE[version]
    own = [each for each in REMOTE[interface] if ip_version_of(each) == version]
    if draw.chance(0.7 if interface in (*WORKLOADS, "tap0") else 0.3):
        return own
    if version == 6 and draw.chance(0.1):  # noqa: PLR2004  # the IP version
        return (LINK_LOCAL_PEER,)
    return _REMOTE[version] if draw.chance(0.8) else _LOCAL[version]


def _as_it_is(_: Draw, sample: Sample) -> Sample:
    return sample


def _of_known_connection(draw: Draw, sample: Sample) -> Sample:
    """A packet of a connection that the kernel knows, in either direction, where it can be."""
    echo = sample.protocol in (ICMP, ICMPV6) and sample.icmp_type in (8, 128)
    if sample.protocol not in _TRACKED and not echo:
        return sample
    number = draw.number(LOWEST_OTHER_PORT, MAX_PORT)
    flow = Flow(
        protocol=sample.protocol,
        source=sample.source,
        destination=sample.destination,
        source_port=number if sample.icmp_type is not None else sample.source_port or 0,
        destination_port=0 if sample.icmp_type is not None else sample.destination_port or 0,
    )
    if sample.icmp_type is None and draw.chance(0.5):
        flow = flow.reversed
    return msgspec.structs.replace(
        sample, known=flow, tcp_flags=TCP_ACK, icmp_code=None if sample.icmp_type is None else 0
    )


def _error_about(draw: Draw, sample: Sample) -> Sample:
    """An ICMP error that quotes a packet of a known connection, sent to whoever sent that packet."""
    version = sample.ip_version
    flow = Flow(
        protocol=draw.pick((TCP, UDP)),
        source=sample.destination,
        destination=draw.pick(_REMOTE[version]),
        source_port=draw.number(1, MAX_PORT),
        destination_port=draw.pick(pools.SINGLE_PORTS),
    )
    return msgspec.structs.replace(
        sample,
        protocol=_ICMP_OF[version],
        source_port=None,
        destination_port=None,
        icmp_type=draw.pick({4: (3, 11), 6: (1, 3)}[version]),
        icmp_code=draw.pick((0, 1)),
        known=flow,
        quotes=True,
    )


def _faulty(draw: Draw, sample: Sample) -> Sample:
    return msgspec.structs.replace(
        sample, fault=draw.pick((Fault.CHECKSUM, Fault.FLAGS)) if sample.protocol == TCP else Fault.CHECKSUM
    )


def _service(draw: Draw, version: IpVersion, interface: str) -> Sample:
    """What workloads and IPv6 need: DHCP, neighbour discovery, multicast listener reports, DNS."""
    if version == 4:  # noqa: PLR2004  # the IP version
        ports = draw.weighted((4, (68, 67)), (1, (67, 68)), (1, (68, 68)))
        anonymous = draw.chance(0.6)
        source = "0.0.0.0" if anonymous else draw.pick(_REMOTE[4])  # noqa: S104  # a packet's source
        destination = "255.255.255.255" if anonymous or draw.chance(0.5) else draw.pick(_LOCAL[4])
        return _datagram(interface, source, destination, ports)
    if draw.chance(0.25):
        ports = draw.weighted((3, (546, 547)), (1, (547, 546)), (2, (5353, 53)))
        return _datagram(interface, LINK_LOCAL_PEER, draw.pick((LINK_LOCAL, "ff02::1")), ports)
    return Sample(
        interface=interface,
        source=draw.pick(("::", LINK_LOCAL_PEER, *_REMOTE[6][:2])),
        destination=draw.pick(("ff02::1", LINK_LOCAL, *_LOCAL[6])),
        protocol=ICMPV6,
        icmp_type=draw.pick(pools.ICMP_TYPES[ICMPV6]),
        icmp_code=0,
        hop_limit=draw.pick((255, 64)),
        extension=draw.chance(0.3),
    )


def _datagram(interface: str, source: str, destination: str, ports: tuple[int, int]) -> Sample:
    return Sample(
        interface=interface,
        source=source,
        destination=destination,
        protocol=UDP,
        source_port=ports[0],
        destination_port=ports[1],
        hop_limit=255,
    )
