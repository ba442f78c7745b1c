"""Servers inside of namespaces that probes and flows talk to: they send back whatever they receive.

They answer on IPv4 and IPv6, from the address that they were asked on. They must never hold up or end a test
because a policy swallows their answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

    from catflap.lab.namespaces import Namespace

_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(20)  # one IPV6_PKTINFO: address and interface (RFC 3542)


class Listeners:
    """An asynchronous context that closes all servers and connections at its end."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []
        self._sockets: list[socket.socket] = []
        self._connections: set[asyncio.Transport] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def listen(self, namespace: Namespace, *, tcp: Iterable[int] = (), udp: Iterable[int] = ()) -> None:
        """Serve these ports on all addresses of ``namespace``, those included that it gets later.

        Raises:
            OSError: A port is in use.
        """
        loop = asyncio.get_running_loop()
        for port in tcp:
            bound = _bind(namespace, socket.SOCK_STREAM, port)
            self._servers.append(await loop.create_server(lambda: _Echo(self._connections), sock=bound))
        for port in udp:
            bound = _bind(namespace, socket.SOCK_DGRAM, port)
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            self._sockets.append(bound)
            loop.add_reader(bound, _echo_datagrams, bound)

    def close(self) -> None:
        """Stop serving, and drop all connections."""
        loop = asyncio.get_running_loop()
        for server in self._servers:
            server.close()
        for bound in self._sockets:
            loop.remove_reader(bound)
            bound.close()
        for connection in self._connections:
            connection.abort()
        self._servers.clear()
        self._sockets.clear()


class _Echo(asyncio.Protocol):
    """Sends a connection's data back, and keeps ``connections`` up to date."""

    def __init__(self, connections: set[asyncio.Transport]) -> None:
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - tells the type checker what asyncio promises
        self._transport = transport
        self._connections.add(transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        del error  # a probe that resets its connection is no fault
        self._connections.discard(self._transport)


def _bind(namespace: Namespace, kind: int, port: int) -> socket.socket:
    """A socket for both IP versions."""
    bound = namespace.socket(socket.AF_INET6, kind)
    bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if kind == socket.SOCK_STREAM:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # under UDP it would share the port
    try:
        bound.bind(("::", port))
    except OSError:
        bound.close()
        raise
    return bound


def _echo_datagrams(bound: socket.socket) -> None:
    """Answer what has arrived. The packet information that came with a datagram makes its destination our source."""
    with contextlib.suppress(BlockingIOError):
        while True:
            data, information, _, client = bound.recvmsg(2048, _ANCILLARY_BYTES)
            with contextlib.suppress(OSError):  # policy may forbid the answer: the client notices
                bound.sendmsg([data], information, 0, client)
