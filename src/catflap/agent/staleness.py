"""How long ago the store proved itself alive, and what that makes of the agent's state.

The drivers tell of every loss that they notice. This is the watchdog behind them: silence counts as loss, whatever the
reason. It only judges; it has no timer, does no I/O, and never changes what is enforced.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from catflap.agent.status import State, StoreStatus
from catflap.store.api import Connected, Disconnected, StoreEvent

SHORTEST_PATIENCE: Final = 15.0  # seconds without a sign of life
REMINDERS: Final = (15.0, 60.0, 300.0)  # seconds after which what lasts is said again
LAST_INTERVAL: Final = 900.0  # seconds between all later reminders


def patience_with(check_interval: float) -> float:
    """For how long a store may give no sign of life that is asked for one after ``check_interval`` seconds.

    That is for long enough that two such questions may be answered late, or not at all.
    """
    return max(SHORTEST_PATIENCE, 3 * (check_interval + 1))


class Staleness:
    """Follows the events of one store and the agent's progress with them.

    Args:
        url: the store's, for reasons.
        patience: seconds without a sign of life that are none of trouble, see `patience_with`.
        clock: seconds that only ever grow.
    """

    def __init__(self, url: str, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._patience = patience
        self._clock = clock
        self._alive = self._since = clock()
        self._progress = State.WAIT_FOR_READY
        self._progress_reason: str | None = None
        self._lost: tuple[float, str] | None = None  # when and why
        self._revision: int | None = None

    def take(self, event: StoreEvent) -> None:
        """Learn from an event: each one is a sign of life, but for `Disconnected`."""
        now = self._clock()
        if isinstance(event, Disconnected):
            self._lost = (self._lost[0] if self._lost else now), event.reason
            return
        if self.state is State.STALE:
            self._since = now
        self._alive, self._lost = now, None
        if not isinstance(event, Connected):
            self._revision = event.revision

    def progress(self, state: State, reason: str | None = None) -> None:
        """Learn how far the agent has come with what the store says (never `STALE`, which is found here)."""
        if state is not self._progress:
            self._since = self._clock()
        self._progress, self._progress_reason = state, reason

    @property
    def state(self) -> State:
        """The state now; it may become stale by time alone."""
        stale = self._progress is State.IN_SYNC and self._trouble_since() is not None
        return State.STALE if stale else self._progress

    @property
    def seconds(self) -> float:
        """Since the last sign of life, or since the beginning if there was none."""
        return self._clock() - self._alive

    @property
    def revision(self) -> int | None:
        """The store's newest revision that was heard of."""
        return self._revision

    @property
    def in_trouble(self) -> bool:
        """Whether the connection is lost, or the store silent for too long."""
        return self._trouble_since() is not None

    @property
    def seconds_in_state(self) -> float:
        """Since the state was entered."""
        trouble = self._trouble_since()
        since = self._since if trouble is None or self.state is not State.STALE else max(self._since, trouble)
        return self._clock() - since

    @property
    def reason(self) -> str | None:
        """Why the state is what it is, None where there is nothing to say. It changes only with the cause."""
        if self.state is not State.STALE:
            return self._progress_reason
        if self._lost is not None:
            return f"Connection to {self._url} lost: {self._lost[1]}"
        return f"Connection to {self._url} lost: no sign of life for {self._patience:g} s, though it was not closed"

    def status(self) -> StoreStatus:
        """All of it at this moment."""
        return StoreStatus(self.state, self.seconds, self.revision, self.seconds_in_state, self.reason)

    def _trouble_since(self) -> float | None:
        if self._lost is not None:
            return self._lost[0]
        silent_at = self._alive + self._patience
        return silent_at if self._clock() >= silent_at else None


class Reminders:
    """When to say again what lasts: at growing intervals, so that a log of days stays readable."""

    def __init__(self) -> None:
        self._told = 0

    def due(self, seconds: float) -> bool:
        """Whether to say it again, after so many seconds since it began."""
        due = seconds >= self._next()
        while seconds >= self._next():
            self._told += 1
        return due

    def _next(self) -> float:
        if self._told < len(REMINDERS):
            return REMINDERS[self._told]
        return LAST_INTERVAL * (1 + self._told - len(REMINDERS))
