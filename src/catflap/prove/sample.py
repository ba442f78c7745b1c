"""A packet to be sent, and the connection it shall belong to. Plain values that can be written to a file."""

from __future__ import annotations

import enum

import msgspec

from catflap.model.resources import IpVersion, ip_version_of

TCP_FIN, TCP_SYN, TCP_RST, TCP_ACK = 0x01, 0x02, 0x04, 0x10


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """A connection that the kernel shall know and has seen replies of, as its first packet went.

    For ICMP the ports are the echo identifier and nothing.
    """

    protocol: int
    source: str
    destination: str
    source_port: int = 0
    destination_port: int = 0

    @property
    def reversed(self) -> Flow:
        """The same connection as its replies go."""
        return Flow(
            protocol=self.protocol,
            source=self.destination,
            destination=self.source,
            source_port=self.destination_port,
            destination_port=self.source_port,
        )


class Fault(enum.StrEnum):
    """What may be wrong with a packet, so that connection tracking calls it invalid."""

    CHECKSUM = "checksum"  # seen on received packets only
    FLAGS = "flags"  # TCP flags that contradict each other


class Sample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One packet.

    ``interface`` is where it is received; None where the host sends it itself. ``known`` is a connection that is put
    into connection tracking before, to which the packet (``established``) or the packet that an ICMP error quotes
    (``related``) belongs. ``extension``: options stand before the payload, in the IPv4 header or in
    an IPv6 extension header. ``fragmented``: it is sent in two fragments.
    """

    interface: str | None
    source: str
    destination: str
    protocol: int
    source_port: int | None = None
    destination_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    hop_limit: int = 64
    source_mac: str | None = None
    tcp_flags: int = TCP_SYN
    known: Flow | None = None
    quotes: bool = False  # the payload quotes the reply direction of ``known``
    fault: Fault | None = None
    extension: bool = False
    fragmented: bool = False

    @property
    def ip_version(self) -> IpVersion:
        """The IP version of its addresses."""
        return ip_version_of(self.source)
