"""Follows a directory: reads it, waits for events, reads it again."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from catflap.store.api import Alive, Delta, Disconnected, Snapshot
from catflap.store.directory.burst import DEFAULT_BURST_TIMES, Burst, BurstTimes
from catflap.store.directory.scan import scan
from catflap.store.directory.signatures import Signatures
from catflap.store.directory.strict_modes import StrictModes, UntrustedError
from catflap.store.directory.tree import Reading, Tree, View
from catflap.store.directory.watches import Watches
from catflap.store.pace import spread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from catflap.store.api import StoreEvent


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """Times of a follower, in seconds.

    After a ``silence`` the directory has to show that it is still there; in an outage it is tried again as often. About
    every ``reload_after`` everything is read again, which heals what no event tells: network file systems, mounts.
    """

    burst: BurstTimes = DEFAULT_BURST_TIMES
    silence: float = 5.0
    reload_after: float = 300.0


DEFAULT_TUNING = Tuning()


class _Look(msgspec.Struct, frozen=True):
    """What one reading of the tree has found."""

    begun: int  # nanoseconds since 1970
    readings: dict[str, Reading]
    unfinished: frozenset[str]  # real paths of files that are being written
    busy: bool  # something was changed meanwhile, or so shortly before that more may come


class Follower:
    """One follower of the tree at ``root``, an absolute path."""

    def __init__(self, root: str, *, strict_modes: bool = True, tuning: Tuning = DEFAULT_TUNING) -> None:
        self._root = root
        self._strict_modes = strict_modes
        self._tuning = tuning
        self._tree = Tree()
        self._signatures = Signatures()
        # What the consumer knows; None before the first snapshot and in an outage.
        self._view: View | None = None
        self._reported = ""  # the reason of the outage that was reported
        self._revision = 0
        self._place: tuple[int, int] | None = None  # device and inode of the root that is watched
        self._unfinished: dict[str, float] = {}  # files that are being written, and since when
        self._spoke_at = self._reload_at = float("-inf")

    async def events(self) -> AsyncGenerator[StoreEvent, None]:
        """See `catflap.store.api.Store.follow`."""
        while True:
            try:
                with Watches(self._root) as watches:
                    async with aclosing(self._follow(watches)) as events:
                        async for event in events:
                            self._spoke_at = time.monotonic()
                            yield event
            except OSError as error:
                if (outage := self._outage(f"cannot follow {self._root}: {_explain(error)}")) is not None:
                    yield outage
                await asyncio.sleep(self._tuning.silence)  # no event tells when it would work

    async def _follow(self, watches: Watches) -> AsyncGenerator[StoreEvent, None]:
        burst = self._burst(watches)  # nothing is known of one yet, so it is not waited for
        while True:
            event = await self._round(watches, burst) or self._sign_of_life()
            if event is not None:
                yield event
            while not await watches.wait(self._tuning.silence) and await self._unchanged(watches):
                yield Alive(self._revision)
            burst = self._burst(watches)
            await burst.settle()

    def _burst(self, watches: Watches) -> Burst:
        return Burst(watches, self._root, self._tuning.burst)

    async def _round(self, watches: Watches, burst: Burst) -> StoreEvent | None:
        """Read the tree until it stands still, and compare it with what the consumer knows."""
        try:
            look = await asyncio.to_thread(self._look, watches)
            while look.busy and not burst.overdue:
                await burst.settle()
                look = await asyncio.to_thread(self._look, watches)
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            return self._outage(f"cannot read the directory {self._root}: {error.strerror}")
        except UntrustedError as error:
            return self._outage(f"refusing to read the directory {self._root}: {error}")
        return await asyncio.to_thread(self._take, look, burst.age)

    def _look(self, watches: Watches) -> _Look:
        """Read the tree; blocking."""
        self._prepare(watches)
        begun = time.time_ns()
        modes = StrictModes() if self._strict_modes else None
        left_alone = frozenset(watches.writing)
        readings = scan(self._root, watches.add, left_alone, modes, self._signatures.unchanged)
        watches.drain()
        busy = watches.changed or watches.restructured or bool(watches.touched)
        if self._view is None:  # whatever happened before there were watches
            busy = busy or bool(watches.writing) or self._any_fresh(readings, begun)
        return _Look(begun, readings, frozenset(watches.writing | watches.touched), busy)

    def _prepare(self, watches: Watches) -> None:
        """Begin to note events; set up the watches if they are not those of the tree that will be read."""
        if time.monotonic() >= self._reload_at:
            self._reload_at = time.monotonic() + spread(self._tuning.reload_after)
            self._signatures.forget()
            watches.restructured = True
        place, self._place = self._place, _place(self._root)
        watches.forget()
        if watches.restructured or place != self._place:
            watches.renew()

    def _any_fresh(self, readings: dict[str, Reading], now: int) -> bool:
        """Whether a file was changed so shortly before ``now`` that its writer may not be done."""
        quiet = self._tuning.burst.quiet * 1e9
        found = (reading.status for reading in readings.values() if reading.status is not None)
        return any(0 <= now - status.st_mtime_ns < quiet for status in found)

    def _take(self, look: _Look, age: float) -> Snapshot | Delta | None:
        """The event that tells what a look, at the end of a burst of some age, has found; blocking."""
        readings = self._believable(look, time.monotonic() - age)
        view = self._tree.update(readings)
        self._signatures.learn(readings, look.begun)
        old, self._view, self._reported = self._view, view, ""
        if old is None:
            return Snapshot(self._next_revision(), dict(view.entries), view.problems)
        changes = view.changes_from(old)
        if not changes and view.problems == old.problems:
            return None
        return Delta(self._next_revision(), changes, view.problems)

    def _believable(self, look: _Look, begun: float) -> dict[str, Reading]:
        """The readings; files that were being written are left alone, which is reported after a while.

        What changed while it was read may be half of something. Its events make the next round.
        """
        writing = {path for path, reading in look.readings.items() if reading.real_path in look.unfinished}
        self._unfinished = {path: self._unfinished.get(path, begun) for path in writing}
        patience = self._tuning.burst.longest
        late = {path for path in writing if time.monotonic() - self._unfinished[path] >= patience}
        reason = f"it has been written for more than {patience:g} s; it is read when its writer closes it."
        return look.readings | {
            path: Reading(look.readings[path].real_path, reason=reason if path in late else None)
            for path in writing
        }

    async def _unchanged(self, watches: Watches) -> bool:
        """Whether after a silence all is as the consumer knows it, and the directory is there and can be listed."""
        if self._view is None or watches.writing or time.monotonic() >= self._reload_at:
            return False
        place = await asyncio.to_thread(_place, self._root)
        return place is not None and place == self._place

    def _sign_of_life(self) -> Alive | None:
        """For a consumer that has heard nothing for a while, although the tree was read again and again."""
        if self._view is None or time.monotonic() - self._spoke_at < self._tuning.silence:
            return None
        return Alive(self._revision)

    def _outage(self, reason: str) -> Disconnected | None:
        if reason == self._reported:
            return None
        self._view, self._reported = None, reason
        return Disconnected(reason)

    def _next_revision(self) -> int:
        """The time in nanoseconds, so that revisions rise over restarts too."""
        self._revision = max(self._revision + 1, time.time_ns())
        return self._revision


def _place(root: str) -> tuple[int, int] | None:
    """Which directory it is that ``root`` leads to; None if it cannot be listed."""
    try:
        with os.scandir(root) as entries:
            next(entries, None)
        status = Path(root).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _explain(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EMFILE):
        return f"{error.strerror}; raise fs.inotify.max_user_watches and fs.inotify.max_user_instances"
    return str(error)
