"""When a burst of changes is over: what one program changes in one go shall be one change here.

Files come from programs that tell nobody when they are done. Measured, 1,000 files of 1 kB, with other programs busy:
git, cp, tar and sed pause for 30 ms at most between two files in memory, and for 150 ms where the disk is busy too.
Only git says that it is at work: by its lock. A burst must never be waited out for ever.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from catflap.store.directory.watches import Watches

_GIT_FILE = 4096  # bytes of it are looked at


class BurstTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of quiet after which a burst counts as over, and seconds that it may last altogether."""

    quiet: float = 0.1
    longest: float = 5.0
    git_quiet: float = 1.0  # while git is at work; a lock may also be one that a killed git has left behind
    git_longest: float = 30.0


DEFAULT_BURST_TIMES = BurstTimes()


class Burst:
    """Changes of the tree at ``root`` that come one soon after the other, from now on."""

    def __init__(self, watches: Watches, root: str, times: BurstTimes = DEFAULT_BURST_TIMES) -> None:
        self._watches = watches
        self._root = root
        self._times = times
        self._begun = self._last = self._now()
        self._longest = times.longest

    @property
    def age(self) -> float:
        """Seconds since the burst began."""
        return self._now() - self._begun

    @property
    def overdue(self) -> bool:
        """Whether it has lasted so long that what is complete must be taken."""
        return self.age >= self._longest

    async def settle(self) -> None:
        """Wait until nothing has happened for a while, or until the burst is `overdue`."""
        self._last = self._now()
        while True:
            self._longest = self._times.longest
            left = self._left(self._times.quiet)
            if left <= 0 and await asyncio.to_thread(git_is_at_work, self._root):
                self._longest = self._times.git_longest
                left = min(self._left(self._times.git_quiet), self._times.quiet)  # the lock's end is no event
            if left <= 0:
                return
            if await self._watches.stirs(left):
                self._last = self._now()

    def _left(self, quiet: float) -> float:
        return min(self._last + quiet, self._begun + self._longest) - self._now()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def git_is_at_work(directory: str) -> bool:
    """Whether ``directory`` is in a git working tree that git is changing: it holds its lock all the while."""
    real = Path(os.path.realpath(directory))
    for parent in (real, *real.parents):
        if (parent / ".git").exists():
            return (_git_directory(parent / ".git") / "index.lock").exists()
    return False


def _git_directory(path: Path) -> Path:
    """What ``.git`` stands for: in further working trees and submodules it is a file that says where to look."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return path.parent / file.read(_GIT_FILE).removeprefix("gitdir:").strip()
    except OSError:  # it is the directory itself
        return path
