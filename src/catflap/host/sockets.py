"""Closes local sockets of connections from outside their programs (sock_diag(7)), so that both ends are told.

A program gets ECONNABORTED; to the peer of a TCP connection the kernel sends a reset. Only a socket that was seen to
be connected to exactly this peer is ever closed, and by its cookie: the kernel itself would take a listening socket
where the connection has just ended, and with it the whole service.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from collections import defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple, Self

from catflap.host.conntrack import FlowTuple
from catflap.host.netlink import NetlinkSocket

_NETLINK_SOCK_DIAG: Final = 4
_BY_FAMILY: Final = 20  # SOCK_DIAG_BY_FAMILY
_DESTROY: Final = 21  # SOCK_DESTROY

# struct inet_diag_req_v2 up to the ports; ports, addresses, interface and cookie; what comes first in an answer
_REQUEST: Final = struct.Struct("=BBxxI")  # family, protocol, states
_IDENTITY: Final = struct.Struct("=2s2s16s16sI8s")
_ANSWER: Final = struct.Struct("=BBxx")  # family, state

_ESTABLISHED, _TIME_WAIT, _CLOSE, _LISTEN = 1, 6, 7, 10
_ANY_COOKIE: Final = b"\xff" * 8
_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6)


class Listener(NamedTuple):
    """Where a TCP server waits for connections; no address stands for all of them."""

    address: str | None
    port: int


class _Found(NamedTuple):
    family: int
    state: int
    flow: FlowTuple  # from here to the peer
    identity: bytes


class Sockets:
    """The sockets of the network namespace that the creating thread is in.

    Raises:
        OSError: The kernel refuses a netlink socket.
    """

    def __init__(self) -> None:
        self._kernel = NetlinkSocket(_NETLINK_SOCK_DIAG, "sock_diag")
        self._connected_udp: defaultdict[FlowTuple, list[_Found]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._kernel.close()

    def listeners(self) -> frozenset[Listener]:
        """Where TCP servers of this host wait.

        Raises:
            OSError: The kernel refuses.
        """
        return frozenset(
            Listener(
                None if ipaddress.ip_address(found.flow.source).is_unspecified else found.flow.source,
                found.flow.source_port or 0,
            )
            for found in self._list(socket.IPPROTO_TCP, 1 << _LISTEN)
        )

    def close(self, flow: FlowTuple, interface: int) -> int:
        """Close the sockets that send this flow; returns how many there were.

        Of protocols other than TCP and UDP, and of UDP servers that serve many peers with one socket, there is none.

        Args:
            flow: from here to the peer, as a socket sees it.
            interface: the index of the interface that it uses, for sockets that are bound to it.

        Raises:
            OSError: The kernel refuses: it has been built without this (EOPNOTSUPP), or CAP_NET_ADMIN is missing.
        """
        if flow.protocol == socket.IPPROTO_TCP:
            found = self._tcp(flow, interface)
            return int(found is not None and self._destroy(found, flow.protocol))
        if flow.protocol == socket.IPPROTO_UDP:
            return sum(self._destroy(each, flow.protocol) for each in self._udp().pop(flow, ()))
        return 0

    def _tcp(self, flow: FlowTuple, interface: int) -> _Found | None:
        """The socket of a connection, and no listening one."""
        family = socket.AF_INET6 if ":" in flow.source else socket.AF_INET
        identity = _IDENTITY.pack(
            (flow.source_port or 0).to_bytes(2, "big"),
            (flow.destination_port or 0).to_bytes(2, "big"),
            socket.inet_pton(family, flow.source).ljust(16, b"\0"),
            socket.inet_pton(family, flow.destination).ljust(16, b"\0"),
            interface,
            _ANY_COOKIE,
        )
        try:
            answer = self._kernel.get(_BY_FAMILY, _REQUEST.pack(family, flow.protocol, 0) + identity)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return None
            raise
        found = _found(answer, flow.protocol)
        return found if found.flow == flow and found.state not in (_LISTEN, _CLOSE, _TIME_WAIT) else None

    def _udp(self) -> defaultdict[FlowTuple, list[_Found]]:
        """Sockets that are connected to one peer, read once: there are few of them."""
        if self._connected_udp is None:
            self._connected_udp = defaultdict(list)
            for found in self._list(socket.IPPROTO_UDP, 1 << _ESTABLISHED):
                self._connected_udp[found.flow].append(found)
        return self._connected_udp

    def _list(self, protocol: int, states: int) -> Iterator[_Found]:
        for family in _FAMILIES:
            body = _REQUEST.pack(family, protocol, states) + bytes(_IDENTITY.size)
            for piece in self._kernel.dump(_BY_FAMILY, body):
                yield from (_found(payload, protocol) for payload in piece.payloads)

    def _destroy(self, found: _Found, protocol: int) -> bool:
        """Close a socket; returns whether it was still there."""
        body = _REQUEST.pack(found.family, protocol, 0) + found.identity
        try:
            self._kernel.do(_DESTROY, body)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return False
            raise
        return True


def _found(payload: bytes, protocol: int) -> _Found:
    """The socket that the payload of an answer describes."""
    family, state = _ANSWER.unpack_from(payload)
    source_port, destination_port, source, destination, _, _ = _IDENTITY.unpack_from(payload, _ANSWER.size)
    flow = FlowTuple(
        _address(family, source),
        _address(family, destination),
        protocol,
        int.from_bytes(source_port, "big"),
        int.from_bytes(destination_port, "big"),
    )
    return _Found(family, state, flow, payload[_ANSWER.size : _ANSWER.size + _IDENTITY.size])


def _address(family: int, raw: bytes) -> str:
    """Canonical text. An IPv4 address may stand in an IPv6 socket; packets then are IPv4."""
    if family == socket.AF_INET:
        return socket.inet_ntop(family, raw[:4])
    parsed = ipaddress.IPv6Address(raw)
    return str(parsed.ipv4_mapped or parsed)
