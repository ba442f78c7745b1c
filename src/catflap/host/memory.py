"""Interfaces that exist only in memory, for tests and to try out policy. It never looks at the real host."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from catflap.host.api import Interface, Interfaces


class MemoryInterfaces:
    """An `InterfaceWatcher` of whatever it is told with `set`; any number of followers."""

    def __init__(self, interfaces: Iterable[Interface] = ()) -> None:
        self._interfaces = _by_name(interfaces)
        self._changed = asyncio.Event()
        self._closed = False

    def set(self, interfaces: Iterable[Interface]) -> None:
        """From now on there are exactly these. A slow follower sees only the last of several calls."""
        self._interfaces = _by_name(interfaces)
        self._wake()

    async def follow(self) -> AsyncGenerator[Interfaces, None]:
        """See `InterfaceWatcher`. It ends after `close`."""
        known: Interfaces | None = None
        while not self._closed:
            changed = self._changed
            if self._interfaces != known:
                known = self._interfaces
                yield known
            await changed.wait()

    async def close(self) -> None:
        """Stop following."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _by_name(interfaces: Iterable[Interface]) -> Interfaces:
    return {interface.name: interface for interface in interfaces}
