"""Many agents' view of the store in one process: followers that note when each of them has seen each round.

Started by `bench.watchers` with a store URL and the number of followers; prints one JSON object a line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict

from catflap.store import Delta, Snapshot, Store, open_store

ROUND_PATH = "/calico/v1/config/Round"


class Crowd:
    """Counts how many of ``size`` followers have a snapshot, and how many have seen which round."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._there: defaultdict[tuple[str, str], set[Store]] = defaultdict(set)

    async def follow(self, store: Store) -> None:
        """Follow for ever. A round that a snapshot shows counts as seen, too."""
        async for event in store.follow():
            if isinstance(event, Snapshot):
                self._note(store, "loaded", "")
                value = event.entries.get(ROUND_PATH)
            elif isinstance(event, Delta):
                value = dict(event.changes).get(ROUND_PATH)
            else:
                continue
            if value is not None:
                self._note(store, "seen", value.decode())

    def _note(self, store: Store, event: str, number: str) -> None:
        there = self._there[event, number]
        if store not in there:
            there.add(store)
            if len(there) == self._size:
                print(json.dumps({"event": event, "round": number, "at": time.monotonic()}), flush=True)


async def main(url: str, size: int) -> None:
    """Run all followers until the process is ended."""
    crowd = Crowd(size)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(size):
            tasks.create_task(crowd.follow(open_store(url)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
