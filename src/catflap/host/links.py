"""Follows the kernel's network interfaces.

Events only say that something changed; what there is now is always read anew and whole. So a lost event, a
rename or an address that moves needs no case of its own, and the reader cannot drift away from the kernel.
"""

from __future__ import annotations

import asyncio
import errno
import time
from typing import TYPE_CHECKING, Final

from catflap.host.rtnetlink import InterruptedDumpError, Rtnetlink, subscribe

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from catflap.host.api import Interfaces

COALESCE_SECONDS: Final = 0.003


class LinkWatcher:
    """An `InterfaceWatcher` for the network namespace that the creating thread is in.

    Changes of one burst are delivered together: after the first event it waits 3 ms for more. While changes
    go on it rests as long as the last reading took, so that many addresses do not keep the process busy.

    Raises:
        OSError: The kernel refuses a netlink socket.
    """

    def __init__(self) -> None:
        self._kernel = Rtnetlink()
        self._events = subscribe()
        self._woken = asyncio.Event()
        self._closed = False

    async def follow(self) -> AsyncGenerator[Interfaces, None]:
        """See `InterfaceWatcher`. For one follower; it ends after `close`."""
        known: Interfaces | None = None
        while not self._closed:
            started = time.monotonic()
            current = self._read()
            ended = time.monotonic()
            if current is not None:
                if current != known:
                    known = current
                    yield current
                await self._event()
            rested = time.monotonic() - ended
            await asyncio.sleep(max(COALESCE_SECONDS, ended - started - rested))

    async def close(self) -> None:
        """Stop following."""
        if self._closed:
            return
        self._closed = True
        self._woken.set()
        asyncio.get_running_loop().remove_reader(self._events)
        self._events.close()
        self._kernel.close()

    def _read(self) -> Interfaces | None:
        """What there is now, or None if it changed while it was read."""
        self._discard_events()
        try:
            return self._kernel.interfaces()
        except InterruptedDumpError:
            return None

    def _discard_events(self) -> None:
        """The reading that follows covers all events up to here, those that the kernel lost included."""
        while True:
            try:
                self._events.recv(1)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise

    async def _event(self) -> None:
        """Wait for an event, or for `close`."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        loop.add_reader(self._events, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            if not self._closed:
                loop.remove_reader(self._events)
        self._woken.clear()
