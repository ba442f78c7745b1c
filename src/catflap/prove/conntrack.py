"""Puts connections into the kernel's connection tracking, and clears it, over netlink.

So packets of established connections, and errors about them, can be sent whatever policy would have said about the
first packet. Written for many connections at once: a message each, no library call in between.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable
from typing import Final

from catflap.lab.namespaces import Namespace
from catflap.model.resources import ICMP, ICMPV6, PORT_PROTOCOLS, TCP, ip_version_of
from catflap.prove.frames import packed
from catflap.prove.sample import Flow

_NETLINK_NETFILTER: Final = 12
_SUBSYSTEM: Final = 1 << 8  # NFNL_SUBSYS_CTNETLINK
_NEW, _DELETE = _SUBSYSTEM | 0, _SUBSYSTEM | 2
_REQUEST, _ACK, _CREATE, _EXCLUSIVE = 0x1, 0x4, 0x400, 0x200
_ERROR: Final = 2  # NLMSG_ERROR
_NESTED: Final = 0x8000
_TUPLE_ORIG, _TUPLE_REPLY, _STATUS, _PROTOINFO, _TIMEOUT = 1, 2, 3, 4, 7
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_SEEN_REPLY_ASSURED_CONFIRMED: Final = 0x2 | 0x4 | 0x8
_TCP_ESTABLISHED: Final = 3
_LIFETIME: Final = 600  # seconds
_FAMILY: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_ECHO: Final = {ICMP: (8, 0), ICMPV6: (128, 129)}  # types of request and reply
_BURST: Final = 64  # messages in one datagram


class Tracking:
    """The connection tracking of one namespace. Close it after use."""

    def __init__(self, namespace: Namespace) -> None:
        self._socket = namespace.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
        self._socket.settimeout(5)
        self._socket.bind((0, 0))

    def clear(self) -> None:
        """Forget every connection.

        Raises:
            OSError: The kernel refuses.
        """
        self._run([_message(_DELETE, _REQUEST | _ACK, socket.AF_UNSPEC, b"")])

    def add(self, flows: Iterable[Flow]) -> None:
        """Know these connections as established. One that is known already stays as it is.

        Raises:
            OSError: The kernel refuses.
        """
        messages = [_entry(flow) for flow in dict.fromkeys(flows)]
        for start in range(0, len(messages), _BURST):
            self._run(messages[start : start + _BURST])

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def _run(self, messages: list[bytes]) -> None:
        self._socket.send(b"".join(messages))
        answers = 0
        while answers < len(messages):
            answers += _check_answers(self._socket.recv(1 << 16))


def _check_answers(data: bytes) -> int:
    """How many answers there are."""
    offset = answers = 0
    while offset < len(data):
        length, kind = struct.unpack_from("=IH", data, offset)
        if kind == _ERROR:
            (code,) = struct.unpack_from("=i", data, offset + 16)
            if code not in (0, -errno.EEXIST):
                raise OSError(-code, f"conntrack: {os.strerror(-code)}")
            answers += 1
        offset += (length + 3) & ~3
    return answers


def _message(kind: int, flags: int, family: int, attributes: bytes) -> bytes:
    body = struct.pack("=BBH", family, 0, 0) + attributes
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 0, 0) + body


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def _entry(flow: Flow) -> bytes:
    attributes = (
        _tuple(_TUPLE_ORIG, flow, 0)
        + _tuple(_TUPLE_REPLY, flow.reversed, 1)
        + _attribute(_STATUS, struct.pack("!I", _SEEN_REPLY_ASSURED_CONFIRMED))
        + _attribute(_TIMEOUT, struct.pack("!I", _LIFETIME))
    )
    if flow.protocol == TCP:
        state = _attribute(1, bytes((_TCP_ESTABLISHED,)))
        attributes += _attribute(_PROTOINFO | _NESTED, _attribute(1 | _NESTED, state))
    family = _FAMILY[ip_version_of(flow.source)]
    return _message(_NEW, _REQUEST | _ACK | _CREATE | _EXCLUSIVE, family, attributes)


def _tuple(kind: int, flow: Flow, direction: int) -> bytes:
    first = 1 if ip_version_of(flow.source) == 4 else 3  # noqa: PLR2004  # CTA_IP_V4_SRC or CTA_IP_V6_SRC
    addresses = _attribute(first, packed(flow.source)) + _attribute(first + 1, packed(flow.destination))
    return _attribute(
        kind | _NESTED,
        _attribute(_TUPLE_IP | _NESTED, addresses)
        + _attribute(
            _TUPLE_PROTO | _NESTED, _attribute(1, bytes((flow.protocol,))) + _ports(flow, direction)
        ),
    )


def _ports(flow: Flow, direction: int) -> bytes:
    if flow.protocol in PORT_PROTOCOLS:
        return _attribute(2, flow.source_port.to_bytes(2)) + _attribute(3, flow.destination_port.to_bytes(2))
    if flow.protocol not in _ECHO:
        return b""
    first = (
        4 if flow.protocol == ICMP else 7
    )  # CTA_PROTO_ICMP_ID or CTA_PROTO_ICMPV6_ID; type and code follow
    echo_type = _ECHO[flow.protocol][direction]
    identifier = flow.destination_port if direction else flow.source_port
    return (
        _attribute(first, identifier.to_bytes(2))
        + _attribute(first + 1, bytes((echo_type,)))
        + _attribute(first + 2, b"\0")
    )
