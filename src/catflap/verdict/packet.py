"""A packet as the evaluator sees it: what rules can match, and what connection tracking would say about it."""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from catflap.model.resources import PROTOCOL_NUMBERS, IpVersion, ip_version_of

SOURCE_PORT: Final = 49152  # the first of the dynamic ports (RFC 6335): for packets whose author gives none

_PROTOCOL_NAMES = {number: name for name, number in PROTOCOL_NUMBERS.items()}


class Path(enum.StrEnum):
    """The way of a packet through the host."""

    IN = "in"  # received, for the host itself
    OUT = "out"  # sent by the host itself
    FORWARD = "forward"  # received and sent on


class ConnectionState(enum.StrEnum):
    """What connection tracking says of a packet, were it tracked."""

    NEW = "new"
    ESTABLISHED = "established"
    RELATED = "related"
    INVALID = "invalid"


class Packet(msgspec.Struct, frozen=True, kw_only=True):
    """One packet. Addresses are canonical text of one IP version; protocols are IP protocol numbers.

    ``interface`` is where it came in (`Path.IN`, `Path.FORWARD`) or goes out (`Path.OUT`); ``out_interface`` is where a
    forwarded packet goes out. Ports are None where the protocol has none, ICMP fields None where it is not ICMP.

    ``original_destination`` and ``original_destination_port`` are what destination translation has replaced, where it
    did; ``source_mac`` is that of the frame, None where unknown.
    """

    path: Path
    interface: str
    source: str
    destination: str
    protocol: int
    source_port: int | None = None
    destination_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    state: ConnectionState = ConnectionState.NEW
    out_interface: str | None = None
    hop_limit: int = 64
    original_destination: str | None = None
    original_destination_port: int | None = None
    source_mac: str | None = None

    @property
    def ip_version(self) -> IpVersion:
        """The IP version of its addresses."""
        return ip_version_of(self.source)

    def __str__(self) -> str:
        """As people write it, and as ``catflap explain`` reads it: ``tcp 10.0.0.1:4242 > 10.0.0.2:80``."""
        source = _end(self.source, self.source_port)
        destination = _end(self.destination, self.destination_port)
        icmp = "" if self.icmp_type is None else f" type {self.icmp_type} code {self.icmp_code or 0}"
        return f"{protocol_name(self.protocol)} {source} > {destination}{icmp}"


def protocol_name(number: int) -> str:
    """The name of a protocol where rules know one, else its number."""
    return _PROTOCOL_NAMES.get(number, str(number))


def _end(address: str, port: int | None) -> str:
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
