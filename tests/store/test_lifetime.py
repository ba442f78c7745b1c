from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import pytest

from catflap.store.api import Connected, StoreEvent
from catflap.store.lifetime import Lifetime

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Source:
    """Yields some events, then waits for ever; knows whether it was closed."""

    def __init__(self, events: int) -> None:
        self._events = events
        self.waiting = asyncio.Event()
        self.closed = False

    async def events(self) -> AsyncGenerator[StoreEvent, None]:
        try:
            for number in range(self._events):
                yield Connected(str(number))
            self.waiting.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # closing takes time
            self.closed = True


async def test_events_pass_unchanged() -> None:
    follower = Lifetime().bound(Source(2).events())
    assert [await anext(follower), await anext(follower)] == [Connected("0"), Connected("1")]


async def test_the_end_reaches_a_follower_that_waits() -> None:
    lifetime, source = Lifetime(), Source(0)
    waiting = asyncio.ensure_future(anext(lifetime.bound(source.events()), None))
    await source.waiting.wait()
    await lifetime.end()
    assert await waiting is None
    assert source.closed


async def test_the_end_reaches_a_follower_that_has_hardly_begun() -> None:
    lifetime = Lifetime()
    waiting = asyncio.ensure_future(anext(lifetime.bound(Source(0).events()), None))
    await asyncio.sleep(0)
    await lifetime.end()
    assert await waiting is None


async def test_a_follower_that_was_dropped_can_be_ended() -> None:
    lifetime, source = Lifetime(), Source(5)
    follower = lifetime.bound(source.events())
    await anext(follower)
    del follower
    gc.collect()
    await asyncio.sleep(0)  # the event loop begins to close it
    await lifetime.end()
    assert source.closed


async def test_the_end_reaches_a_follower_whose_consumer_is_busy() -> None:
    lifetime, source = Lifetime(), Source(5)
    follower = lifetime.bound(source.events())
    await anext(follower)
    await lifetime.end()
    assert source.closed
    assert await anext(follower, None) is None


async def test_after_the_end_nothing_begins() -> None:
    lifetime, source = Lifetime(), Source(5)
    await lifetime.end()
    assert await anext(lifetime.bound(source.events()), None) is None


async def test_a_source_that_ends_ends_its_follower() -> None:
    async def nothing() -> AsyncGenerator[StoreEvent, None]:
        return
        yield Connected("")

    assert [event async for event in Lifetime().bound(nothing())] == []


async def test_cancelling_the_consumer_is_no_end() -> None:
    lifetime, source = Lifetime(), Source(0)
    waiting = asyncio.ensure_future(anext(lifetime.bound(source.events()), None))
    await source.waiting.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert source.closed
