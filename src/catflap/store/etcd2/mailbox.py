"""Where changes wait for a slow consumer, merged by path, while the reader goes on.

The v2 API remembers the last 1,000 events only: whoever reads at the pace of a busy consumer loses the thread. What
waits here is bounded by the number of paths, not by the number of events.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias

from catflap.store.api import Alive, Connected, Delta

if TYPE_CHECKING:
    from catflap.model.decoded import Problem
    from catflap.store.etcd2.tree import Changes

Item: TypeAlias = Connected | Delta | Alive


class Mailbox:
    """One reader puts, one consumer takes. ``problems`` are those that the consumer knows of already."""

    def __init__(self, problems: tuple[Problem, ...] = ()) -> None:
        self._filled = asyncio.Event()
        self._greeted = False
        self._connected: Connected | None = None
        self._revision = 0  # everything up to it was put here
        self._changes: Changes = {}
        self._problems = problems
        self._news = False  # there are changes or other problems
        self._alive = False
        self._error: Exception | None = None

    def connected(self, endpoint: str) -> None:
        """The member answers polls; only the first time is news."""
        if not self._greeted:
            self._greeted = True
            self._connected = Connected(endpoint)
            self._filled.set()

    def add(self, revision: int, changes: Changes, problems: tuple[Problem, ...] = ()) -> None:
        """More changes, the newest value of a path counts; an event without any is a sign of life."""
        for path, value in changes.items():
            self._changes.pop(path, None)  # the order is that of the last change
            self._changes[path] = value
        self._news = self._news or bool(changes) or problems != self._problems
        self._problems = problems
        self.alive(revision)

    def alive(self, revision: int) -> None:
        """The store has proved that it serves, and everything up to ``revision`` has been put here."""
        self._revision = revision
        self._alive = True
        self._filled.set()

    def fail(self, error: Exception) -> None:
        """The reader has ended; the changes that it had put are still handed out first."""
        self._error = error
        self._filled.set()

    async def take(self) -> Item:
        """Wait for something and take it. Changes are a sign of life, too: no other one comes with them.

        Raises:
            Exception: the reader's error, when nothing else is left.
        """
        await self._filled.wait()
        item = self._next()
        if not (self._connected or self._news or self._alive or self._error):
            self._filled.clear()
        return item

    def _next(self) -> Item:
        if self._connected is not None:
            connected, self._connected = self._connected, None
            return connected
        self._alive = False
        if self._news:
            changes, self._changes, self._news = self._changes, {}, False
            return Delta(self._revision, tuple(changes.items()), self._problems)
        if self._error is not None:
            raise self._error
        return Alive(self._revision)
