"""Long work in small pieces, so that nothing else of the agent has to wait for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import Final, TypeVar

SLICE: Final = 0.005  # seconds of work before the event loop has its turn
PART: Final = 50  # items between two looks at the clock: less than a slice, whatever kind they are of

T = TypeVar("T")


async def in_slices(items: Iterable[T]) -> AsyncIterator[list[T]]:
    """All items in their order, a few at a time; between two lists the event loop may have its turn."""
    remaining = iter(items)
    began = time.monotonic()
    while part := list(islice(remaining, PART)):
        yield part
        if time.monotonic() - began > SLICE:
            await asyncio.sleep(0)
            began = time.monotonic()
