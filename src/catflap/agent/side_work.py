"""Work beside enforcement that must never end the agent: telling others how it stands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

log = logging.getLogger(__name__)

PAUSE: Final = 60.0  # seconds after a fault of ours, before it is tried again


async def keep_going(what: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do some work, and after an unexpected fault do it again, until it ends by itself or is cancelled."""
    while True:
        try:
            await work()
        except Exception:  # a bug in what only tells must not end what enforces
            log.exception("Internal error while %s; enforcement goes on, and this is tried again", what)
            await asyncio.sleep(PAUSE)
        else:
            return


async def until(event: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do some work, and end it when an event is set; work that ends before only lets the time pass."""
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(work)
        await event.wait()
        working.cancel()
