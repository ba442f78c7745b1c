"""Holds a follower's events to the promises of the store's port. Pure: no I/O, no clock."""

from __future__ import annotations

from typing import Final

import msgspec
from tests.faults.writer import BATCH, ROOT, Acknowledged, number_of

from catflap.model.decoded import Problem
from catflap.store.api import Alive, Delta, Disconnected, Snapshot, StoreEvent

LONGEST: Final = 20  # broken promises told


class Shown(msgspec.Struct, frozen=True):
    """From ``at`` on the model showed the write with this number, and all before it."""

    number: int
    at: float


class Judge:
    """Applies events to a model, and notes whatever breaks a promise.

    ``whole``: writes are transactions, whose changes must come together.
    """

    def __init__(self, *, whole: bool = True) -> None:
        self._whole = whole
        self._numbers: dict[str, int] = {}  # the newest write seen of each path, deleted ones too
        self._batch: dict[str, int] = {}  # the writes that set what must change together
        self._newest = 0
        self.model: dict[str, bytes] = {}
        self.revision = 0
        self.problems: tuple[Problem, ...] = ()
        self.history_may_change = False  # the test replaces the store's content by another one
        self.broken: list[str] = []
        self._older: list[tuple[int, str]] = []  # where an older write came after a newer one
        self.shown: list[Shown] = []
        self.events: list[tuple[float, StoreEvent]] = []  # all but deltas
        self.deltas: list[tuple[float, int]] = []  # when, and how many changes

    def take(self, at: float, event: StoreEvent) -> None:
        """Take the next event, which came at ``at``."""
        if isinstance(event, Snapshot):
            self._take_snapshot(event)
        elif isinstance(event, Delta):
            self._take_delta(event)
            self.deltas.append((at, len(event.changes)))
        if not isinstance(event, Delta):
            self.events.append((at, event))
        if isinstance(event, Snapshot | Delta):
            self.problems = event.problems
            self._look(at, event)

    def count(self, kind: type[StoreEvent]) -> int:
        """How many events of a kind there were, other than deltas."""
        return sum(isinstance(event, kind) for _, event in self.events)

    def first(self, kind: type[StoreEvent], since: float) -> float | None:
        """When the first event of a kind came after ``since``."""
        return next((at for at, event in self.events if at >= since and isinstance(event, kind)), None)

    def reasons(self) -> list[str]:
        """Why the store was reported lost, each time."""
        return [event.reason for _, event in self.events if isinstance(event, Disconnected)]

    def proofs(self) -> list[float]:
        """When the store proved itself alive: any event but the loss of it."""
        silent = [at for at, event in self.events if isinstance(event, Alive | Snapshot)]
        return sorted([*silent, *(at for at, _ in self.deltas)])

    def longest_lag(self, acknowledged: list[Acknowledged], since: float) -> float:
        """How long at most a write that was acknowledged (after ``since``) was not in the model, in seconds."""
        longest, position = 0.0, 0
        for write in acknowledged:
            if write.at < since:
                continue
            while position < len(self.shown) and self.shown[position].number < write.number:
                position += 1
            if position == len(self.shown):
                break
            longest = max(longest, self.shown[position].at - write.at)
        return longest

    def verdict(self, acknowledged: list[Acknowledged]) -> list[str]:
        """All broken promises.

        A write whose answer was lost may have been done at any later time: a frozen member does it when it is thawed.
        """
        numbers = {write.number for write in acknowledged}
        return [*self.broken, *(text for number, text in self._older if number in numbers)][:LONGEST]

    def _take_snapshot(self, event: Snapshot) -> None:
        if not self.history_may_change:
            if event.revision < self.revision:
                self._fail(f"a snapshot of revision {event.revision} after {self.revision}")
            for path, value in event.entries.items():
                self._check_age(path, value, strictly=False)
        else:
            self._numbers.clear()
        self._batch.clear()
        self.model = dict(event.entries)
        for path, value in self.model.items():
            self._remember(path, value)

    def _take_delta(self, event: Delta) -> None:
        if event.revision <= self.revision:
            self._fail(f"a delta of revision {event.revision} after {self.revision}")
        changed = False
        for path, value in event.changes:
            changed |= self.model.get(path) != value
            if value is None:
                self.model.pop(path, None)
                self._batch.pop(path, None)
                continue
            self._check_age(path, value, strictly=True)
            self.model[path] = value
            self._remember(path, value)
        if event.changes and not changed:
            self._fail(f"the delta of revision {event.revision} changes nothing")

    def _check_age(self, path: str, value: bytes, *, strictly: bool) -> None:
        if not path.startswith(ROOT) or path not in self._numbers:
            return
        number, seen = number_of(value), self._numbers[path]
        if number < seen or (strictly and number == seen):
            self._older.append((number, f"{path} is at write {number} after {seen}"))

    def _remember(self, path: str, value: bytes) -> None:
        if path.startswith(ROOT):
            self._numbers[path] = number_of(value)
        if path.startswith(BATCH):
            self._batch[path] = self._numbers[path]

    def _look(self, at: float, event: Snapshot | Delta) -> None:
        self.revision = event.revision
        if self._whole and len(set(self._batch.values())) > 1:
            self._fail(f"revision {event.revision} is torn: {sorted(set(self._batch.values()))}")
        changed = event.entries if isinstance(event, Snapshot) else [path for path, _ in event.changes]
        newest = max((self._numbers[path] for path in changed if path in self._numbers), default=0)
        if newest > self._newest:
            self._newest = newest
            self.shown.append(Shown(newest, at))

    def _fail(self, text: str) -> None:
        if len(self.broken) < LONGEST:
            self.broken.append(text)
