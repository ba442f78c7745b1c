"""Follows a store with the product's own client, in a process of its own, and hands every event over to its parent.

So a test can put the follower into a namespace, stop it, and change its clock. SIGUSR1 makes the consumer stop or go
on taking events; SIGUSR2 sets the clock back by an hour.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import signal
import sys
import time
from typing import Final

import msgspec
from tests.faults.told import LENGTH, Told

from catflap.store import open_store
from catflap.store.api import StoreOptions

JUMP: Final = 3600.0  # seconds


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        tell(Told(time.monotonic(), log=f"{record.levelname} {record.name}: {self.format(record)}"))


def tell(told: Told) -> None:
    """Send it to the parent."""
    data = pickle.dumps(told)
    sys.stdout.buffer.write(LENGTH.pack(len(data)) + data)
    sys.stdout.buffer.flush()


def set_clock_back() -> None:
    """As an administrator or NTP may: the wall clock, not the monotonic one."""
    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() - JUMP
    time.time_ns = lambda: real_ns() - int(JUMP) * 10**9


async def main(url: str, options: StoreOptions) -> None:
    """Follow for ever."""
    consuming = asyncio.Event()
    consuming.set()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(
        signal.SIGUSR1, lambda: consuming.clear() if consuming.is_set() else consuming.set()
    )
    loop.add_signal_handler(signal.SIGUSR2, set_clock_back)
    async for event in open_store(url, options).follow():
        tell(Told(time.monotonic(), event=event))
        await consuming.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, handlers=[_Handler()], format="%(message)s")
    asyncio.run(main(sys.argv[1], msgspec.json.decode(sys.argv[2], type=StoreOptions)))
