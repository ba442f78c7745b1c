"""ICMP echo messages as raw sockets send and receive them (RFC 792, RFC 4443). No I/O."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from catflap.model.resources import IpVersion

_IPV4: Final = 4
_REQUEST_TYPE: Final = {4: 8, 6: 128}
_REPLY_TYPE: Final = {4: 0, 6: 129}


def echo_request(ip_version: IpVersion, body: bytes) -> bytes:
    """An echo request. ``body`` is identifier, sequence number and data, of even length.

    The checksum is IPv4's; the kernel puts ICMPv6's in its place.
    """
    kind = _REQUEST_TYPE[ip_version]
    checksum = _checksum(struct.pack("!BBH", kind, 0, 0) + body)
    return struct.pack("!BBH", kind, 0, checksum) + body


def is_echo_reply(ip_version: IpVersion, body: bytes, received: bytes) -> bool:
    """Whether what a raw socket received, under IPv4 with its IP header, answers that request."""
    header_length = (received[0] & 0x0F) * 4 if ip_version == _IPV4 else 0
    message = received[header_length:]
    return message[0] == _REPLY_TYPE[ip_version] and message[4:] == body


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
