"""Ends the running followers of a store when the store is closed; the stores share it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from catflap.store.api import StoreEvent


class Lifetime:
    """The time from a store's making to its `close`."""

    def __init__(self) -> None:
        self._ended = False
        self._waiting: set[asyncio.Task[StoreEvent | None]] = set()

    def end(self) -> None:
        """End every follower now, also one that waits for an event."""
        self._ended = True
        for step in self._waiting:
            step.cancel()

    async def bound(self, events: AsyncGenerator[StoreEvent, None]) -> AsyncIterator[StoreEvent]:
        """The same events, until `end` is called."""
        async with aclosing(events):
            while not self._ended:
                event = await self._next(events)
                if event is None:
                    return
                yield event

    async def _next(self, events: AsyncGenerator[StoreEvent, None]) -> StoreEvent | None:
        step = asyncio.ensure_future(_pull(events))
        self._waiting.add(step)
        try:
            return await step
        except asyncio.CancelledError:
            if self._ended and step.cancelled():
                return None
            raise
        finally:
            self._waiting.discard(step)


async def _pull(events: AsyncGenerator[StoreEvent, None]) -> StoreEvent | None:
    return await anext(events, None)
