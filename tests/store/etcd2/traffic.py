"""Fast writers, and followers whose silences are short."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.store.following import Following

from catflap.store import StoreOptions
from catflap.store.etcd2 import Etcd2Store
from catflap.store.etcd2.client import Etcd2Client, Timeouts
from catflap.store.etcd2.follower import DEFAULT_TUNING, Tuning
from catflap.store.etcd2.tree import Answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

BRISK = Tuning(silence=0.08)  # frequent signs of life
HASTY = Tuning(  # and soon out of patience, for tests in which members do not serve
    silence=0.08,
    timeouts=Timeouts(connect=1.0, answer=1.0, write=2.0, load=10.0, load_silence=1.0),
)
WRITERS = 16


@asynccontextmanager
async def following(
    *endpoints: str, tuning: Tuning = DEFAULT_TUNING
) -> AsyncIterator[tuple[Etcd2Store, Following]]:
    """A store, and a follower of it."""
    store = Etcd2Store(endpoints, StoreOptions(), tuning=tuning)
    try:
        yield store, Following(store.follow())
    finally:
        await store.close()


async def put_many(endpoint: str, keys: Iterable[str], value: str = "x" * 100) -> int:
    """Set keys as fast as it goes, several writers side by side; the index of the last one."""
    waiting = iter(keys)
    async with Etcd2Client(endpoint, StoreOptions(), tls=False) as client:

        async def write() -> int:
            index = 0
            for key in waiting:
                reply = await client.put(key, value)
                assert isinstance(reply.body, Answer)
                index = reply.body.node.modified_index
            return index

        return max(await asyncio.gather(*(write() for _ in range(WRITERS))))
