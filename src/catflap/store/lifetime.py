"""Ends the followers of a store when the store is closed; the stores share it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from catflap.store.api import StoreEvent


class Lifetime:
    """The time from a store's making to its `close`."""

    def __init__(self) -> None:
        self._ended = False
        self._followers: set[_Follower] = set()

    async def end(self) -> None:
        """End every follower, whether it waits for an event or for its consumer, and let go of what it holds."""
        self._ended = True
        for follower in list(self._followers):
            await follower.end()

    async def bound(self, events: AsyncGenerator[StoreEvent, None]) -> AsyncIterator[StoreEvent]:
        """The same events, until `end` is called."""
        follower = _Follower(events)
        self._followers.add(follower)
        try:
            while not self._ended:
                event = await follower.next()
                if event is None:
                    return
                yield event
        finally:
            self._followers.discard(follower)
            await follower.close()


class _Follower:
    """A source of events that can be ended from outside."""

    def __init__(self, events: AsyncGenerator[StoreEvent, None]) -> None:
        self._events = events
        self._waiting: asyncio.Task[StoreEvent | None] | None = None
        self._ending = False
        self._closing = False
        self._closed = asyncio.Event()

    async def next(self) -> StoreEvent | None:
        """The next event; None when the source has ended or was ended."""
        self._waiting = waiting = asyncio.ensure_future(_pull(self._events))
        try:
            return await waiting
        except asyncio.CancelledError:
            if self._ending:
                return None
            raise
        finally:
            self._waiting = None

    async def end(self) -> None:
        """End the source; if somebody waits for it, they wake up and close it."""
        if self._waiting is not None and self._waiting.cancel():
            self._ending = True
            await self._closed.wait()
        else:
            await self.close()

    async def close(self) -> None:
        """Let go of what the source holds. Two may want that at once: a generator can be closed by one only."""
        if self._closing:
            await self._closed.wait()
            return
        self._closing = True
        try:
            await self._events.aclose()
        finally:
            self._closed.set()


async def _pull(events: AsyncGenerator[StoreEvent, None]) -> StoreEvent | None:
    return await anext(events, None)
