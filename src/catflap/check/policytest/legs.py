"""The way of a test's packet: which hosts see it, and as what.

A packet from one endpoint to another is seen by both hosts. Between two endpoints of one host it is seen once, and on
the loopback interface where neither is a workload's.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from catflap.check.policytest.document import PolicyTest
from catflap.check.policytest.ends import Station
from catflap.model.resources import PORT_PROTOCOLS, Direction
from catflap.policy.host_policy import LOOPBACK
from catflap.verdict.packet import SOURCE_PORT, Packet, Path

UPLINK = "?"  # by which workloads' packets enter and leave a host: a name that only the endpoint '*' covers


class Leg(msgspec.Struct, frozen=True):
    """A packet as one host sees it, and the directions of policy that it meets there."""

    host: str
    packet: Packet
    directions: frozenset[Direction]


class Headers(msgspec.Struct, frozen=True):
    """What the packet is, wherever it is seen."""

    test: PolicyTest
    source: str
    destination: str
    port: int | None

    def packet(self, path: Path, interface: str, out_interface: str | None = None) -> Packet:
        """The packet on its way through a host."""
        test = self.test
        return Packet(
            path=path,
            interface=interface,
            out_interface=out_interface,
            source=self.source,
            destination=self.destination,
            protocol=test.protocol,
            source_port=SOURCE_PORT if test.protocol in PORT_PROTOCOLS else None,
            destination_port=self.port,
            icmp_type=test.icmp.type if test.icmp else None,
            icmp_code=test.icmp.code if test.icmp else None,
        )


def legs(origin: Station, target: Station, headers: Headers) -> list[Leg]:
    """All legs that the test is about; none where neither end is an endpoint."""
    wanted = headers.test.direction
    return [each for each in _legs(origin, target, headers) if wanted is None or wanted in each.directions]


def _legs(origin: Station, target: Station, headers: Headers) -> Iterator[Leg]:
    if origin.host is not None and origin.host == target.host:
        yield from _within(origin.host, origin, target, headers)
        return
    if origin.host is not None:
        packet = (
            headers.packet(Path.FORWARD, origin.interface, UPLINK)
            if origin.is_workload
            else headers.packet(Path.OUT, origin.interface)
        )
        yield Leg(origin.host, packet, frozenset({Direction.EGRESS}))
    if target.host is not None:
        packet = (
            headers.packet(Path.FORWARD, UPLINK, target.interface)
            if target.is_workload
            else headers.packet(Path.IN, target.interface)
        )
        yield Leg(target.host, packet, frozenset({Direction.INGRESS}))


def _within(host: str, origin: Station, target: Station, headers: Headers) -> Iterator[Leg]:
    both = frozenset(Direction)
    match origin.is_workload, target.is_workload:
        case True, True:
            yield Leg(host, headers.packet(Path.FORWARD, origin.interface, target.interface), both)
        case True, False:
            yield Leg(host, headers.packet(Path.IN, origin.interface), both)
        case False, True:
            yield Leg(host, headers.packet(Path.OUT, target.interface), both)
        case _:
            yield Leg(host, headers.packet(Path.OUT, LOOPBACK), frozenset({Direction.EGRESS}))
            yield Leg(host, headers.packet(Path.IN, LOOPBACK), frozenset({Direction.INGRESS}))
