"""Follows a directory: reads it, waits for events, reads it again."""

from __future__ import annotations

import asyncio
import errno
import time
from typing import TYPE_CHECKING

from msgspec import structs

from catflap.store.api import Delta, Disconnected, Snapshot
from catflap.store.directory.scan import scan
from catflap.store.directory.tree import Tree, View
from catflap.store.directory.watches import Watches

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from catflap.store.api import StoreEvent
    from catflap.store.directory.tree import Reading

RETRY = 5.0  # seconds between attempts when the kernel refuses watches: no event tells when it would not


class Follower:
    """One follower of the tree at ``root``, an absolute path."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._tree = Tree()
        self._view: View | None = (
            None  # what the consumer knows; None before the first snapshot and in an outage
        )
        self._reported = ""  # the reason of the outage that was reported
        self._revision = 0

    async def events(self) -> AsyncGenerator[StoreEvent, None]:
        """See `catflap.store.api.Store.follow`."""
        while True:
            try:
                with Watches(self._root) as watches:
                    while True:
                        event = await self._round(watches)
                        if event is not None:
                            yield event
                        await watches.wait()
            except OSError as error:
                if (outage := self._outage(f"cannot follow {self._root}: {_explain(error)}")) is not None:
                    yield outage
                await asyncio.sleep(RETRY)

    async def _round(self, watches: Watches) -> StoreEvent | None:
        """Read the tree and compare it with what the consumer knows."""
        watches.forget()
        if watches.restructured:
            watches.renew()
        try:
            readings = await asyncio.to_thread(scan, self._root, watches.add, frozenset(watches.writing))
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            return self._outage(f"cannot read the directory {self._root}: {error.strerror}")
        watches.drain()
        # What changed while it was read may be half of something. Its events make the next round.
        reliable = _without(readings, watches.touched)
        return self._compare(await asyncio.to_thread(self._tree.update, reliable))

    def _compare(self, view: View) -> Snapshot | Delta | None:
        old, self._view, self._reported = self._view, view, ""
        if old is None:
            return Snapshot(self._next_revision(), view.entries, view.problems)
        changes = view.changes_from(old)
        if not changes and view.problems == old.problems:
            return None
        return Delta(self._next_revision(), changes, view.problems)

    def _outage(self, reason: str) -> Disconnected | None:
        if reason == self._reported:
            return None
        self._view, self._reported = None, reason
        return Disconnected(reason)

    def _next_revision(self) -> int:
        """The time in nanoseconds, so that revisions rise over restarts too."""
        self._revision = max(self._revision + 1, time.time_ns())
        return self._revision


def _without(readings: dict[str, Reading], touched: set[str]) -> dict[str, Reading]:
    """The readings, with the files in ``touched`` as if they had been left alone."""
    return {
        path: structs.replace(reading, data=None, reason=None) if reading.real_path in touched else reading
        for path, reading in readings.items()
    }


def _explain(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EMFILE):
        return f"{error.strerror}; raise fs.inotify.max_user_watches and fs.inotify.max_user_instances"
    return str(error)
