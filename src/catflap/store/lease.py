"""Keeps keys in a store for as long as this process lives, over whatever the store offers for that.

What all stores have in common stands here: which keys are to be written, when they are refreshed, and how faults are
waited out. It must never give up or raise for a fault of the store, and never write an older value over a newer one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from catflap.store.api import StoreError, StoreUnavailableError
from catflap.store.pace import DEFAULT_PACE, Pace, spread

if TYPE_CHECKING:
    from collections.abc import Iterable

log = logging.getLogger(__name__)

REFRESHES = 3  # in the lifetime of a lease
CLOSE_TIMEOUT = 2.0  # seconds: a process that ends does not wait for its store any longer


class LeaseLostError(StoreError):
    """Keys are gone that should have been kept: all have to be written again."""


class LeaseBackend(Protocol):
    """What one kind of store does for kept keys. Every call ends in a limited time."""

    async def put(self, path: str, value: bytes) -> None:
        """Write a key that vanishes when `refresh` is not called for the lease's time.

        Raises:
            LeaseLostError: other keys are gone, and this one was not written.
            StoreError: it was not, or may not have been, written.
        """

    async def delete(self, path: str) -> None:
        """Delete a key, which may be gone already.

        Raises:
            StoreError: it is, or may be, still there.
        """

    async def refresh(self) -> None:
        """Let the time of all keys begin anew.

        Raises:
            LeaseLostError: some keys are gone.
            StoreError: the store is unavailable or refuses.
        """

    async def end(self) -> None:
        """Delete all keys that were put.

        Raises:
            StoreError: some may be left, and vanish by themselves.
        """


class KeptKeys:
    """Implements `catflap.store.api.Lease` for keys that live ``seconds`` after their last refresh.

    Each refresh comes after about a third of that time, spread so that a fleet that started at one instant does not
    refresh at one. ``pace`` tells how fast is tried again after a fault.
    """

    def __init__(self, backend: LeaseBackend, seconds: float, pace: Pace = DEFAULT_PACE) -> None:
        self._backend = backend
        self._interval = seconds / REFRESHES
        self._pace = pace
        self._kept: dict[str, bytes] = {}
        self._unwritten: dict[str, None] = {}  # an ordered set
        self._wanted = asyncio.Event()
        self._refresh_at = 0.0
        self._outage = _Outage()

    def put(self, path: str, value: bytes) -> None:
        """See `catflap.store.api.Lease.put`. Values that come faster than they can be written are left out."""
        if not self._kept:
            self._postpone_refresh()  # until now there was nothing to refresh
        self._kept[path] = value
        self._mark([path])

    def remove(self, path: str) -> None:
        """See `catflap.store.api.Lease.remove`."""
        if self._kept.pop(path, None) is not None:
            self._mark([path])

    def lost(self) -> None:
        """All keys are gone: write them again."""
        self._mark(self._kept)
        self._postpone_refresh()  # what is gone cannot be refreshed

    async def run(self) -> None:
        """See `catflap.store.api.Lease.run`."""
        while True:
            await self._until_something_is_to_do()
            try:
                await self._refresh_and_write()
            except Exception as error:  # noqa: BLE001 - a bug must not end what tells that this process lives
                if isinstance(error, LeaseLostError):
                    self.lost()
                self._outage.add(error)
                longest = self._interval / 2  # soon enough for the next refresh
                await asyncio.sleep(self._pace.delay(self._outage.faults, longest))
            else:
                self._outage.end()

    async def close(self) -> None:
        """See `catflap.store.api.Lease.close`. End `run` first."""
        self._kept.clear()
        self._unwritten.clear()
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._backend.end()

    def _mark(self, paths: Iterable[str]) -> None:
        self._unwritten.update(dict.fromkeys(paths))
        self._wanted.set()

    def _postpone_refresh(self) -> None:
        self._refresh_at = time.monotonic() + spread(self._interval)

    async def _until_something_is_to_do(self) -> None:
        """Wait for a key to write, or for the next refresh if there is anything to refresh."""
        patience = self._refresh_at - time.monotonic() if self._kept else None
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._wanted.wait()

    async def _refresh_and_write(self) -> None:
        if self._kept and time.monotonic() >= self._refresh_at:
            await self._backend.refresh()
            self._postpone_refresh()
        self._wanted.clear()
        try:
            await self._write()
        finally:
            if self._unwritten:
                self._wanted.set()

    async def _write(self) -> None:
        """Write each unwritten key once. One that is refused does not hold up the others."""
        refused: StoreError | None = None
        for path in tuple(self._unwritten):
            try:
                await self._write_one(path)
            except (StoreUnavailableError, LeaseLostError):
                raise
            except StoreError as error:
                refused = error
        if refused is not None:
            raise refused

    async def _write_one(self, path: str) -> None:
        """Write the newest value. One that comes meanwhile is marked anew, and a failure leaves the key marked."""
        self._unwritten.pop(path, None)
        value = self._kept.get(path)
        try:
            if value is None:
                await self._backend.delete(path)
            else:
                await self._backend.put(path, value)
        except BaseException:
            self._unwritten[path] = None
            raise


class _Outage:
    """Counts faults in a row, and tells the log of each kind once."""

    def __init__(self) -> None:
        self.faults = 0
        self._told: set[type[Exception]] = set()

    def add(self, error: Exception) -> None:
        """Another fault."""
        self.faults += 1
        if type(error) in self._told:
            return
        self._told.add(type(error))
        if isinstance(error, StoreError):
            log.warning("Cannot keep this process's keys in the store; trying again: %s", error)
        else:
            log.error("Internal error while keeping keys in the store; trying again", exc_info=error)

    def end(self) -> None:
        """Everything is written."""
        if self.faults:
            log.info("This process's keys are in the store again")
        self.faults = 0
        self._told.clear()
