"""Bringing an interrupted change to either of its ends: everything written, or nothing.

What was made is told by the values themselves, not by anybody's memory, so settling may be interrupted and repeated
without end, by anybody. A value that is neither the old nor the new one is somebody else's, and newer: it stays.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from catflap.objects.changes import KeyChange, Step
from catflap.objects.claim import Claim, Write
from catflap.objects.journal import remove_journal
from catflap.objects.reading import read_paths
from catflap.store import ABSENT, Entry, StoreConflictError

ATTEMPTS = 5  # of a step in which somebody else writes at the same time

Progress: TypeAlias = Callable[[int, int], None]  # steps made, of how many


class End(enum.StrEnum):
    """Where a change is brought to."""

    FINISH = "finish"
    UNDO = "undo"


def no_progress(_done: int, _steps: int) -> None:
    """Nobody wants to know."""


async def settle(
    claim: Claim, steps: Sequence[Step], end: End, progress: Progress = no_progress
) -> tuple[str, ...]:
    """Finish or undo a change, remove header and journal, and return the paths that somebody else has changed.

    Raises:
        TakenOverError: somebody else settles the same change.
        StoreError: the store is unavailable or refuses; the change can be settled again.
    """
    foreign: list[str] = []
    numbers = range(len(steps)) if end is End.FINISH else range(len(steps) - 1, -1, -1)
    for place, number in enumerate(numbers, start=1):
        foreign += await _settle_step(claim, steps[number], number, end)
        progress(place, len(steps))
    await claim.release()
    await remove_journal(claim.store, claim.header.id)
    return tuple(foreign)


async def _settle_step(claim: Claim, step: Step, number: int, end: End) -> list[str]:
    done = number + 1 if end is End.FINISH else number
    for _ in range(ATTEMPTS):
        entries = await read_paths(claim.store, [change.path for change in step])
        writes, foreign = _still_to_write(step, entries, end)
        try:
            if writes:
                await claim.advance(writes, done)
        except StoreConflictError as error:
            conflict = error
        else:
            return foreign
    raise conflict


def _still_to_write(
    step: Sequence[KeyChange], entries: Mapping[str, Entry], end: End
) -> tuple[list[Write], list[str]]:
    """What is not as it shall be, and what is somebody else's."""
    writes: list[Write] = []
    foreign: list[str] = []
    for change in step if end is End.FINISH else reversed(step):
        entry = entries.get(change.path)
        value, version = (None, ABSENT) if entry is None else (entry.value, entry.version)
        goal, other = (change.new, change.old) if end is End.FINISH else (change.old, change.new)
        if value == other:
            writes.append((change.path, goal, version))
        elif value != goal:
            foreign.append(change.path)
    return writes, foreign
