"""Where changes wait for a slow consumer, merged by path, while the reader goes on.

The v2 API remembers the last 1,000 events only: whoever reads at the pace of a busy consumer loses the thread. What
waits here is bounded by the number of paths, not by the number of events.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from catflap.store.api import Connected, Delta

if TYPE_CHECKING:
    from catflap.store.etcd2.tree import Changes


class Mailbox:
    """One reader puts, one consumer takes."""

    def __init__(self) -> None:
        self._filled = asyncio.Event()
        self._connected: Connected | None = None
        self._changes: Changes = {}
        self._revision = 0
        self._error: Exception | None = None
        self._greeted = False

    def connected(self, endpoint: str) -> None:
        """The member answers polls; only the first time is news."""
        if not self._greeted:
            self._greeted = True
            self._connected = Connected(endpoint)
            self._filled.set()

    def add(self, revision: int, changes: Changes) -> None:
        """More changes, the newest value of a path counts."""
        for path, value in changes.items():
            self._changes.pop(path, None)  # the order is that of the last change
            self._changes[path] = value
        self._revision = revision
        if changes:
            self._filled.set()

    def fail(self, error: Exception) -> None:
        """The reader has ended; what it had put is still handed out first."""
        self._error = error
        self._filled.set()

    async def take(self) -> Connected | Delta:
        """Wait for something and take it.

        Raises:
            Exception: the reader's error, when nothing else is left.
        """
        await self._filled.wait()
        if self._connected is not None:
            connected, self._connected = self._connected, None
            self._settle()
            return connected
        if self._error is not None and not self._changes:
            raise self._error
        changes, self._changes = self._changes, {}
        self._settle()
        return Delta(self._revision, tuple(changes.items()))

    def _settle(self) -> None:
        if not self._changes and self._error is None:
            self._filled.clear()
