"""What is known of whether the kernel holds what it should: checked when, and what is wrong.

A check is a full comparison whose findings were looked at again in the thread that programs the kernel. Where nobody
has committed anything to nf_tables since, the kernel's generation says so, and the check counts as made just now. Only
the event loop writes here; nothing here reads the kernel.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec

SHARE = 20.0  # a check that took a second is followed by none for as many seconds


class CheckStatus(msgspec.Struct, frozen=True):
    """What is known at one moment.

    Attributes:
        seconds_ago: since the kernel was found to hold what it should; None where it never was.
        problem: why it may not hold it now; None where nothing is known against it.
    """

    seconds_ago: float | None = None
    problem: str | None = None


class Comparison(msgspec.Struct, frozen=True):
    """Everything was compared, and what seems damaged is to be looked at again.

    Attributes:
        began: when, by the monotonic clock.
        generation: of the kernel then.
    """

    began: float
    generation: int


class KernelCheck:
    """Follows the checks of one table.

    Args:
        clock: seconds that only ever grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._good_at: float | None = None
        self._damaged_at: float | None = None  # somebody has changed the table, and that is not undone yet
        self._failure: str | None = None
        self._cost = 0.0  # seconds that the last check took
        self._ended = asyncio.Event()  # a new one for each check
        self._good_generation: int | None = None

    def status(self) -> CheckStatus:
        """What is known now; for any thread."""
        good, damaged = self._good_at, self._damaged_at
        problem = self._failure
        if problem is None and damaged is not None:
            problem = (
                f"somebody changed the table {self._clock() - damaged:.1f} s ago, and that is not undone yet"
            )
        return CheckStatus(None if good is None else self._clock() - good, problem)

    def is_fresh(self, age: float) -> bool:
        """Whether the last check is so many seconds old at most, or another one would cost too much now."""
        if self._good_at is None:
            return False
        return self._clock() - self._good_at <= max(age, SHARE * self._cost)

    def unchanged(self, generation: int) -> bool:
        """The kernel is of this generation; where that of the last good check was the same, it is as good now."""
        same = generation == self._good_generation and self._damaged_at is None and self._failure is None
        if same:
            self._good_at = self._clock()
        return same

    def damaged(self) -> None:
        """Somebody has changed the table."""
        if self._damaged_at is None:
            self._damaged_at = self._clock()

    def repaired(self) -> None:
        """What somebody has changed is as it should be again."""
        self._damaged_at = self._failure = None

    def succeeded(self, comparison: Comparison) -> None:
        """Whatever was damaged when everything was compared is undone."""
        self.repaired()
        self._good_at, self._cost = comparison.began, self._clock() - comparison.began
        self._good_generation = comparison.generation
        self._end()

    def failed(self, problem: str) -> None:
        """The kernel cannot be compared or repaired."""
        self._failure = problem
        self._end()

    def _end(self) -> None:
        self._ended.set()
        self._ended = asyncio.Event()

    async def end(self) -> None:
        """Wait until a check has succeeded, or something has failed."""
        await self._ended.wait()
