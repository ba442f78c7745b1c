"""Undoes at once what other programs do to our table, and says who they were. Compares everything now and then.

Repairs run in the thread that programs the kernel, between two passes, and bring back what was in force last: they
wait neither for the store nor for policy. Nothing here may end the agent, or tell of what happens to other tables.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from catflap.agent.config import Configuration
from catflap.agent.kernel_check import Comparison, KernelCheck
from catflap.agent.pace import BURST, RECOVERY, SHORTEST, Pace
from catflap.nft import (
    DamageKind,
    EnforceError,
    ForeignChange,
    Known,
    NftContent,
    NftError,
    Repaired,
    Touched,
    differing,
)
from catflap.nft.ruleset import TABLE

log = logging.getLogger(__name__)

FIRST_RETRY = 0.5  # seconds
LAST_RETRY = 30.0  # seconds
LATER = 1.0  # seconds until a comparison that was not possible is tried again
QUIET = BURST / RECOVERY + 1.0  # seconds without any change, after which a war has ended
WAR_REPORTS = 60.0  # seconds between log lines in a war
_MAX_WORDS = 5  # writers, and kinds of damage, that one log line names


class Watcher(Protocol):
    """What hears of foreign changes: `nft.CommitWatcher`, or a fake."""

    def start(self, on_change: Callable[[ForeignChange], None], on_loss: Callable[[], None]) -> None:
        """Call these from now on."""

    def close(self) -> None:
        """Call them no more."""


class Repairer(Protocol):
    """What repairs: `nft.Enforcer`, or a fake."""

    @property
    def known(self) -> Known | None:
        """What the kernel should hold."""

    def repair(self, touched: Touched) -> Repaired:
        """Undo what was done to what was touched; raises EnforceError where that fails."""


class SelfRepair:
    """Repairs the table of this host until cancelled.

    Args:
        repairer: programs the kernel.
        in_thread: runs something in the thread that programs the kernel, after what runs there already.
        watcher: hears of foreign changes.
        content: reads the kernel for comparisons, from another thread: a socket of its own.
        pace: how often repairs may begin.

    Attributes:
        check: whether the kernel holds what it should, as far as that is known.
        repairs: how much of each kind of damage was undone.
        foreign_changes: how many commits of other programs have changed the table.
    """

    def __init__(
        self,
        repairer: Repairer,
        in_thread: Callable[..., Awaitable[Any]],
        watcher: Watcher,
        content: NftContent,
        pace: Pace | None = None,
    ) -> None:
        self._repairer = repairer
        self._in_thread = in_thread
        self._watcher = watcher
        self._content = content
        self._pace = pace or Pace()
        self.check = KernelCheck()
        self.repairs = dict.fromkeys(DamageKind, 0)
        self.foreign_changes = 0
        self._touched = Touched()
        self._changes: list[ForeignChange] = []  # who did it: the first few
        self._count = 0  # changes that are to be looked at
        self._compared: Comparison | None = None  # whose findings are to be looked at
        self._repair_wanted = asyncio.Event()
        self._comparison_wanted = asyncio.Event()
        self._interval = 0.0
        self._timer: asyncio.TimerHandle | None = None  # of the next comparison
        self._peace: asyncio.TimerHandle | None = None  # when a war may have ended
        self._retry = FIRST_RETRY
        self._war = _War()

    @property
    def at_war(self) -> bool:
        """Whether somebody keeps changing the table."""
        return self._pace.at_war

    async def checked(self, age: float) -> None:
        """Return when the kernel was compared with what it should hold no more than ``age`` seconds ago.

        That is at once where nobody has committed anything since, and where comparing is costly it may be longer ago.
        It returns as well when a comparison was not possible, or a repair has failed: `check` tells.
        """
        if self.check.is_fresh(age):
            return
        generation = await asyncio.to_thread(self._generation)
        if generation is not None and self.check.unchanged(generation):
            return
        self._comparison_wanted.set()
        await self.check.end()

    def configure(self, configuration: Configuration) -> None:
        """Take over how often everything is compared."""
        interval = float(configuration["NftablesRefreshInterval"])
        if interval != self._interval:
            self._interval = interval
            self._set_timer()

    async def run(self) -> None:
        """Work until cancelled."""
        self._watcher.start(self._changed, self._lost)
        self._comparison_wanted.set()  # nobody has listened until now
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._repair_for_ever())
                tasks.create_task(self._compare_for_ever())
        finally:
            self._watcher.close()
            for timer in filter(None, (self._timer, self._peace)):
                timer.cancel()

    def _changed(self, change: ForeignChange) -> None:
        self._touched |= change.touched
        self._count += 1
        self.foreign_changes += 1
        self.check.damaged()
        if len(self._changes) < _MAX_WORDS:
            self._changes.append(change)
        self._repair_wanted.set()

    def _lost(self) -> None:
        log.warning("More of nf_tables changed than could be followed; comparing all of table %s", TABLE)
        self._comparison_wanted.set()

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None
        if self._interval:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._interval, self._comparison_wanted.set)

    async def _compare_for_ever(self) -> None:
        while True:
            await self._comparison_wanted.wait()
            self._comparison_wanted.clear()
            if await self._compare():
                self._set_timer()
            else:
                asyncio.get_running_loop().call_later(LATER, self._comparison_wanted.set)

    async def _compare(self) -> bool:
        """Look for damage in a thread of its own; what seems damaged is looked at again before it is repaired.

        Returns whether that was possible.
        """
        known = self._repairer.known
        if known is None:
            return False  # nothing is in force yet, or a failed pass is about to read and write everything
        try:
            comparison, touched = await asyncio.to_thread(self._differing, known)
        except NftError as error:
            log.warning("Cannot compare table %s with what it should be: %s", TABLE, error)
            self.check.failed(f"it cannot be compared with what it should be: {error}")
            return False
        self._touched |= touched
        self._compared = comparison
        self._repair_wanted.set()
        return True

    def _differing(self, known: Known) -> tuple[Comparison, Touched]:
        began = time.monotonic()
        return Comparison(began, self._content.generation().id), differing(self._content, known)

    def _generation(self) -> int | None:
        with suppress(NftError):
            return self._content.generation().id
        return None

    async def _repair_for_ever(self) -> None:
        while True:
            await self._repair_wanted.wait()
            await asyncio.sleep(self._pace.delay())
            self._repair_wanted.clear()
            await self._repair()

    async def _repair(self) -> None:
        touched, changes, count = self._touched, self._changes, self._count
        self._touched, self._changes, self._count = Touched(), [], 0
        compared, self._compared = self._compared, None
        start = time.monotonic()
        try:
            repaired = await self._in_thread(self._repairer.repair, touched)
        except EnforceError as error:
            self._touched |= touched
            self._failed(f"{_writers(changes, count)}: {error}")
            self.check.failed(f"it was changed and could not be repaired: {error}")
            return
        self._retry = FIRST_RETRY
        self._take(repaired, compared)
        if repaired.damage or count:
            self._pace.done(time.monotonic() - start)
        if self._war.tell(at_war=self._pace.at_war, changes=count, writers=_writers(changes, count)):
            _tell(repaired, changes, count)
        if self._peace:
            self._peace.cancel()
        if self._pace.at_war:
            self._peace = asyncio.get_running_loop().call_later(QUIET, self._repair_wanted.set)

    def _take(self, repaired: Repaired, compared: Comparison | None) -> None:
        """Count what was undone; the kernel is as it should be, unless somebody has changed more meanwhile."""
        for damage in repaired.damage:
            self.repairs[damage.kind] += 1
        if self._count:
            self._compared = self._compared or compared  # told when that is undone as well
        elif compared:
            self.check.succeeded(compared)
        else:
            self.check.repaired()

    def _failed(self, reason: str) -> None:
        log.error(
            "Table %s was changed by %s. It is NOT REPAIRED; trying again in %.1f s",
            TABLE,
            reason,
            self._retry,
        )
        asyncio.get_running_loop().call_later(self._retry, self._repair_wanted.set)
        self._retry = min(self._retry * 2, LAST_RETRY)


class _War:
    """Somebody keeps changing our table: told once, and then once a minute."""

    def __init__(self) -> None:
        self._told: float | None = None
        self._count = 0

    def tell(self, *, at_war: bool, changes: int, writers: str) -> bool:
        """Count foreign changes, and tell of the war; returns whether single changes shall be told of."""
        if not at_war:
            if self._told is not None:
                log.warning("Table %s is left alone again, after %d more changes", TABLE, self._count)
            self._told, self._count = None, 0
            return True
        self._count += changes
        now = time.monotonic()
        if self._told is None:
            log.error(
                "SOMEBODY KEEPS CHANGING TABLE %s: %s. It is repaired at most every %.1f s until that ends, and what"
                " happens in between is NOT POLICED; stop that program",
                TABLE,
                writers,
                SHORTEST,
            )
            self._told = now
        elif now >= self._told + WAR_REPORTS:
            log.error(
                "SOMEBODY STILL KEEPS CHANGING TABLE %s: %d more times, at last %s",
                TABLE,
                self._count,
                writers,
            )
            self._told, self._count = now, 0
        return False


def _tell(repaired: Repaired, changes: Sequence[ForeignChange], count: int) -> None:
    damage = _enumerated(tuple(map(str, repaired.damage)), len(repaired.damage))
    if not count:
        if damage:
            log.warning(
                "Table %s was changed by nobody knows whom: %s; repaired in %.1f ms",
                TABLE,
                damage,
                repaired.seconds * 1000,
            )
        return
    outcome = (
        f"{damage}; repaired in {repaired.seconds * 1000:.1f} ms" if damage else "nothing of that is left"
    )
    log.warning("Table %s was changed by %s: %s", TABLE, _writers(changes, count), outcome)


def _writers(changes: Sequence[ForeignChange], count: int) -> str:
    names = tuple(dict.fromkeys(str(change.writer) for change in changes))
    return _enumerated(names, len(names) + count - len(changes)) or "nobody knows whom"


def _enumerated(words: Sequence[str], count: int) -> str:
    """The first few, and how many more there are."""
    more = count - len(words[:_MAX_WORDS])
    return ", ".join([*words[:_MAX_WORDS], *([f"and {more} more"] if more > 0 else [])])
