"""A TCP connection that stays open while something changes, to see whether existing flows survive."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from catflap.lab.namespaces import Namespace


class HeldConnection:
    """An open TCP connection to a server that sends back what it gets, such as `Listeners`."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    @classmethod
    async def open(cls, source: Namespace, destination: str, port: int, *, silence: float = 2.0) -> Self:
        """Connect.

        Raises:
            OSError: It did not work, or there was no answer for ``silence`` seconds (TimeoutError).
        """
        family = socket.AF_INET6 if ":" in destination else socket.AF_INET
        made = source.socket(family, socket.SOCK_STREAM)
        try:
            async with asyncio.timeout(silence):
                await asyncio.get_running_loop().sock_connect(made, (destination, port))
        except BaseException:
            made.close()
            raise
        return cls(made)

    async def carries_data(self, *, silence: float = 1.0) -> bool:
        """Whether data sent now comes back within ``silence`` seconds."""
        loop = asyncio.get_running_loop()
        token, received = os.urandom(16), b""
        try:
            async with asyncio.timeout(silence):
                await loop.sock_sendall(self._socket, token)
                while token not in received:
                    piece = await loop.sock_recv(self._socket, 4096)
                    if not piece:
                        return False
                    received += piece
        except OSError:
            return False
        return True

    def close(self) -> None:
        """End the connection."""
        self._socket.close()
