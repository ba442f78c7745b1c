"""Samples as bytes: Ethernet frames and IP packets with right checksums, numbered in their IP header. No I/O.

The number stands in IPv4's identification and in the lower half of IPv6's flow label: every packet has one of the two
whatever its protocol, address translation leaves both alone, and an ICMP error quotes them. TCP packets carry it in
their sequence numbers as well, since a reset quotes nothing else.
"""

from __future__ import annotations

import functools
import ipaddress
import struct
from typing import Final

from catflap.model.resources import DCCP, ICMP, ICMPV6, SCTP, TCP, UDP, UDPLITE
from catflap.prove.sample import TCP_FIN, TCP_SYN, Fault, Flow, Sample

MAX_NUMBER: Final = 0xFFFF  # numbers are from 1: the kernel replaces an identification of 0

_ETHERTYPE: Final = {4: b"\x08\x00", 6: b"\x86\xdd"}
_PAYLOAD: Final = b"catflap!"
_FRAGMENT: Final = 44
_DESTINATION_OPTIONS: Final = 60
_IPV4: Final = struct.Struct("!BBHHHBBH8s")
_NO_OPERATIONS: Final = b"\1\1\1\1"  # IPv4 options that do nothing
_ECHO: Final = frozenset({(ICMP, 0), (ICMP, 8), (ICMPV6, 128), (ICMPV6, 129)})
_CRC32C: Final = 0x82F63B78  # the polynomial of RFC 3720, reflected


def frame(sample: Sample, packet: bytes, source_mac: str, destination_mac: str) -> bytes:
    """A packet of the sample as an Ethernet frame. ``source_mac`` counts where the sample has none of its own."""
    macs = _mac(destination_mac) + _mac(sample.source_mac or source_mac)
    return macs + _ETHERTYPE[sample.ip_version] + packet


def packets(sample: Sample, number: int) -> list[bytes]:
    """The sample as one IP packet, or as two fragments of it."""
    addresses = packed(sample.source) + packed(sample.destination)
    payload = _payload(sample, number, addresses)
    make = _ipv4 if sample.ip_version == 4 else _ipv6  # noqa: PLR2004  # the IP version
    cut = (
        len(payload) * 2 // 3 & ~7
    )  # a multiple of eight, behind the header: else IPv6 does not put them together
    if not sample.fragmented or not cut:
        return [make(sample, addresses, number, payload, None)]
    first = make(sample, addresses, number, payload[:cut], 1)
    return [first, make(sample, addresses, number, payload[cut:], cut)]


@functools.lru_cache(maxsize=4096)
def packed(address: str) -> bytes:
    """An address as it stands in headers."""
    return ipaddress.ip_address(address).packed


@functools.lru_cache(maxsize=256)
def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _ipv4(sample: Sample, addresses: bytes, number: int, payload: bytes, fragment: int | None) -> bytes:
    """``fragment``: None for a whole packet, else the offset in bytes, with the lowest bit set where more follow."""
    options = _NO_OPERATIONS if sample.extension else b""
    words = (_IPV4.size + len(options)) // 4
    place = 0 if fragment is None else (fragment & 1) << 13 | fragment >> 3

    def header(checksum: int) -> bytes:
        length = 4 * words + len(payload)
        fixed = (
            0x40 | words,
            0,
            length,
            number,
            place,
            sample.hop_limit,
            sample.protocol,
            checksum,
            addresses,
        )
        return _IPV4.pack(*fixed) + options

    return header(checksum_of(header(0))) + payload


def _ipv6(sample: Sample, addresses: bytes, number: int, payload: bytes, fragment: int | None) -> bytes:
    """``fragment``: as for IPv4."""
    protocol = sample.protocol
    if sample.extension and fragment is None:
        payload = bytes((protocol, 0, 1, 4, 0, 0, 0, 0)) + payload  # one option: four bytes of padding
        protocol = _DESTINATION_OPTIONS
    if fragment is not None:  # the lowest three bits of the offset are flags
        payload = struct.pack("!BBHI", protocol, 0, fragment, number) + payload
        protocol = _FRAGMENT
    return (
        struct.pack("!IHBB", 6 << 28 | number, len(payload), protocol, sample.hop_limit) + addresses + payload
    )


def checksum_of(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of data that is not all zero; never 0, which UDP takes for none."""
    if len(data) % 2:
        data += b"\0"
    return 0xFFFF - int.from_bytes(data) % 0xFFFF


def _payload(sample: Sample, number: int, addresses: bytes) -> bytes:
    match sample.protocol:
        case _ if sample.protocol == TCP:
            return _tcp(sample, number, addresses)
        case _ if sample.protocol in (UDP, UDPLITE):
            return _udp(sample, addresses)
        case _ if sample.protocol == SCTP:
            return _sctp(sample, number)
        case _ if sample.protocol == DCCP:
            return _dccp(sample, number, addresses)
        case _ if sample.protocol in (ICMP, ICMPV6):
            return _icmp(sample, number, addresses)
    return _PAYLOAD


def _summed(sample: Sample, before: bytes, after: bytes, addresses: bytes) -> bytes:
    """The two parts with the checksum in between, over the pseudo header as well."""
    length = len(before) + 2 + len(after)
    total = addresses + struct.pack("!II", length, sample.protocol) + before + b"\0\0" + after
    checksum = checksum_of(total) ^ (0x5555 if sample.fault is Fault.CHECKSUM else 0)
    return before + checksum.to_bytes(2) + after


def _ports(sample: Sample) -> tuple[int, int]:
    return sample.source_port or 0, sample.destination_port or 0


def _tcp(sample: Sample, number: int, addresses: bytes) -> bytes:
    flags = TCP_SYN | TCP_FIN if sample.fault is Fault.FLAGS else sample.tcp_flags
    before = struct.pack("!HHIIBBH", *_ports(sample), number << 16, number << 16, 0x50, flags, 1024)
    return _summed(sample, before, b"\0\0" + _PAYLOAD * 2 * sample.fragmented, addresses)


def _udp(sample: Sample, addresses: bytes) -> bytes:
    """UDP-Lite has the same form; its length field says that the checksum covers everything."""
    before = struct.pack("!HHH", *_ports(sample), 8 + len(_PAYLOAD))
    return _summed(sample, before, _PAYLOAD, addresses)


def _sctp(sample: Sample, number: int) -> bytes:
    """An INIT chunk (RFC 9260), which begins an association."""
    common = struct.pack("!HHI", *_ports(sample), 0)
    chunk = struct.pack("!BBHIIHHI", 1, 0, 20, number, 65536, 1, 1, number)
    checksum = crc32c(common + b"\0\0\0\0" + chunk) ^ (1 if sample.fault is Fault.CHECKSUM else 0)
    return common + checksum.to_bytes(4, "little") + chunk


def _dccp(sample: Sample, number: int, addresses: bytes) -> bytes:
    """A Request (RFC 4340) with its long sequence number."""
    before = struct.pack("!HHBB", *_ports(sample), 5, 0)
    return _summed(sample, before, struct.pack("!BBHII", 1, 0, 0, number, 0), addresses)


def _icmp(sample: Sample, number: int, addresses: bytes) -> bytes:
    before = bytes((sample.icmp_type or 0, sample.icmp_code or 0))
    covered = addresses if sample.protocol == ICMPV6 else b""
    if sample.quotes and sample.known:
        after = b"\0\0\0\0" + packets(_quoted(sample.known), number)[0]
    elif (sample.protocol, sample.icmp_type) in _ECHO:
        after = struct.pack("!HH", sample.known.source_port if sample.known else number, 1) + _PAYLOAD
    else:
        after = b"\0\0\0\0" + bytes(24)
    if covered:
        return _summed(sample, before, after, addresses)
    checksum = checksum_of(before + b"\0\0" + after) ^ (0x5555 if sample.fault is Fault.CHECKSUM else 0)
    return before + checksum.to_bytes(2) + after


def _quoted(flow: Flow) -> Sample:
    return Sample(
        interface=None,
        source=flow.source,
        destination=flow.destination,
        protocol=flow.protocol,
        source_port=flow.source_port,
        destination_port=flow.destination_port,
    )


def crc32c(data: bytes) -> int:
    """The checksum of SCTP (RFC 9260, appendix A)."""
    table, crc = _crc_table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


@functools.cache
def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (_CRC32C if value & 1 else 0)  # noqa: PLW2901  # eight steps of one division
        table.append(value)
    return tuple(table)
