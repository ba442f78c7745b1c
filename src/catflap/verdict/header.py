"""What the rules of one stage see of a packet, parsed: a stage before destination translation sees other values.

Fields that a packet does not have (ports of ICMP, an ICMP type of TCP) are None, whatever its maker wrote there.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from catflap.model.resources import ICMP_VERSIONS, PORT_PROTOCOLS, IpVersion
from catflap.policy.host_policy import SocketAddress
from catflap.verdict.networks import Address, parse_address
from catflap.verdict.packet import Packet

IcmpValues: TypeAlias = tuple[int, int | None]  # type and code


class Header(msgspec.Struct, frozen=True):
    """The fields that rules compare. The sockets are what ports, by number or by name, are compared with."""

    version: IpVersion
    protocol: int
    source: Address
    destination: Address
    source_port: int | None
    destination_port: int | None
    source_socket: SocketAddress | None
    destination_socket: SocketAddress | None
    icmp: IcmpValues | None
    hop_limit: int


def translated(packet: Packet) -> Header:
    """What stages after destination translation see."""
    return _header(packet, packet.destination, packet.destination_port)


def original(packet: Packet) -> Header:
    """What stages before destination translation see: the destination that the sender wrote."""
    address, port = packet.original_destination, packet.original_destination_port
    return _header(
        packet,
        packet.destination if address is None else address,
        packet.destination_port if port is None else port,
    )


def is_translated(packet: Packet) -> bool:
    """Whether the destination was replaced on the way, so that the two headers differ."""
    return packet.original_destination is not None or packet.original_destination_port is not None


def _header(packet: Packet, destination: str, destination_port: int | None) -> Header:
    source = parse_address(packet.source)
    has_ports = packet.protocol in PORT_PROTOCOLS
    source_port = packet.source_port if has_ports else None
    destination_port = destination_port if has_ports else None
    return Header(
        version=source.version,
        protocol=packet.protocol,
        source=source,
        destination=parse_address(destination),
        source_port=source_port,
        destination_port=destination_port,
        source_socket=_socket(packet.source, packet.protocol, source_port),
        destination_socket=_socket(destination, packet.protocol, destination_port),
        icmp=_icmp(packet, source.version),
        hop_limit=packet.hop_limit,
    )


def _socket(address: str, protocol: int, port: int | None) -> SocketAddress | None:
    return None if port is None else SocketAddress(address, protocol, port)


def _icmp(packet: Packet, version: IpVersion) -> IcmpValues | None:
    """Type and code; ICMP is a protocol of IPv4 only, ICMPv6 one of IPv6 only."""
    if packet.icmp_type is None or ICMP_VERSIONS.get(packet.protocol) != version:
        return None
    return packet.icmp_type, packet.icmp_code
