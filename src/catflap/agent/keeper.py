"""Keeps the rule set in force on disk, for the next boot, beside enforcement.

Nothing waits for it: text is built and written in a thread, at most once a second, the newest rule set only. A disk
that cannot be written is said once, shows in status, and is tried again; what is enforced does not depend on it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

import catflap
from catflap.agent.saved_rule_set import Origin, SavedRuleSet, write
from catflap.agent.state_directory import UntrustedFileError
from catflap.agent.status import KeptStatus
from catflap.nft import RuleSet

log = logging.getLogger(__name__)

PACE: Final = 1.0  # seconds between two writes
FIRST_RETRY: Final = 5.0  # seconds
LAST_RETRY: Final = 60.0  # seconds
CLOSE_TIMEOUT: Final = 5.0  # seconds: an agent that is stopped does not wait for a disk that hangs


class Kept(msgspec.Struct, frozen=True):
    """A rule set that is in force, and whose it is."""

    rule_set: RuleSet
    workload_prefixes: tuple[str, ...]
    revision: int


class RuleSetKeeper:
    """Writes one file.

    Args:
        path: the file; None to keep nothing.
        hostname: whose rule sets these are.
        write: how, for tests.
    """

    def __init__(
        self, path: Path | None, hostname: str, write: Callable[[Path, SavedRuleSet], bool] = write
    ) -> None:
        self._path = path
        self._hostname = hostname.encode(errors="replace").decode()  # an environment may hold any bytes
        self._write = write
        self._newest: Kept | None = None
        self._done: Kept | None = None  # the one that was written last
        self._offered = asyncio.Event()
        self._writing = threading.Lock()
        self._retry = FIRST_RETRY
        self.status = KeptStatus(
            problem=None if path else "no directory is named for it: set CATFLAP_STATE_DIR"
        )

    def keep(self, kept: Kept) -> None:
        """Write a rule set soon; one that was not written yet is forgotten for it."""
        if self._path is not None:
            self._newest = kept
            self._offered.set()

    async def run(self) -> None:
        """Work until cancelled; `close` then writes what is left."""
        if self._newest is not self._done:  # after a fault of ours
            self._offered.set()
        while True:
            await self._offered.wait()
            self._offered.clear()
            if await asyncio.to_thread(self._save):
                await asyncio.sleep(PACE)
            else:
                await asyncio.sleep(self._retry)
                self._retry = min(self._retry * 2, LAST_RETRY)
                self._offered.set()

    async def close(self) -> None:
        """Write what was not written yet; call it when nothing runs it any more."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await asyncio.to_thread(self._save)
        except TimeoutError:
            log.warning("The rule set in force is not kept for the next boot: writing %s hangs", self._path)

    def _save(self) -> bool:
        """Write the newest rule set, in a thread; returns whether that could be done."""
        with self._writing:  # a write that `run` was cancelled in still goes on
            kept, path = self._newest, self._path
            if kept is None or path is None or kept is self._done:
                return True
            try:
                written = self._write(path, self._saved(kept))
            except (OSError, UntrustedFileError) as error:
                self._failed(getattr(error, "strerror", None) or str(error))
                return False
            self._succeeded(kept, written=written)
            return True

    def _saved(self, kept: Kept) -> SavedRuleSet:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        origin = Origin(catflap.__version__, self._hostname, kept.workload_prefixes, kept.revision, saved=now)
        return SavedRuleSet(origin, kept.rule_set.text())

    def _succeeded(self, kept: Kept, *, written: bool) -> None:
        if self.status.problem:
            log.info("The rule set in force is kept in %s again", self._path)
        elif written:
            log.debug("Kept the rule set of store revision %d in %s", kept.revision, self._path)
        self.status = KeptStatus(kept.revision)
        self._retry = FIRST_RETRY
        self._done = kept

    def _failed(self, reason: str) -> None:
        problem = f"cannot write {self._path}: {reason}"
        if not self.status.problem:
            log.warning(
                "The rule set in force is not kept for the next boot: %s; enforcement goes on, and it is tried again",
                problem,
            )
        self.status = KeptStatus(self.status.revision, problem)
