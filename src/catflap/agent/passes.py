"""What the passes of enforcement have come to: counted where they end, read by whoever tells others.

Only the event loop writes here. Other threads read single values, which are replaced and never changed, so nobody ever
waits for anybody.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from catflap.agent.histogram import Histogram
from catflap.nft import Enforced, RuleSet
from catflap.policy import HostPolicy

# Seconds: a change of one member takes a millisecond, a first load of a very large policy some seconds.
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Result(enum.StrEnum):
    """How a pass ended."""

    CHANGED = "changed"  # the kernel was changed
    UNCHANGED = "unchanged"  # it held what it should already
    REFUSED = "partly_refused"  # the kernel refuses a part, and enforces the rest
    FAILED = "failed"  # what was in force stays


class Passes:
    """Follows the passes of one `Enforcement`.

    Args:
        clock: seconds that only ever grow.

    Attributes:
        results: how many passes ended in each way.
        to_kernel: from the event that a change was heard by to the kernel enforcing it; only changes of the kernel.
        programming: from policy to kernel; only changes of the kernel.
        transactions: that were run for passes.
        last_seconds: what the last pass took, all in all.
        failure: why the last pass failed; None where it did not.
        policy: that is in force; None until there is one.
        rule_set: that it has become.
        unsupported: interfaces that cannot be policed whatever the kernel says.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.results = dict.fromkeys(Result, 0)
        self.to_kernel, self.programming = Histogram(BUCKETS), Histogram(BUCKETS)
        self.transactions = 0
        self.last_seconds = 0.0
        self.failure: str | None = None
        self.policy: HostPolicy | None = None
        self.rule_set = RuleSet()
        self.unsupported: tuple[str, ...] = ()
        self._in_force_since: float | None = None
        self._wanted: float | None = None  # since when a change waits that no pass has begun with
        self._serving: float | None = None  # since when one waits that a pass has begun with
        self._calls: dict[object, float] = {}  # when that began which goes on

    @property
    def behind(self) -> float:
        """For how many seconds the oldest known change has been waiting for the kernel; 0 where none is."""
        return self._since(self._wanted, self._serving)

    @property
    def busy(self) -> float:
        """For how many seconds that has been going on which has been going on the longest; 0 for nothing."""
        return self._since(*tuple(self._calls.values()))

    @property
    def in_force_seconds(self) -> float:
        """Since the kernel was changed last, 0 before that."""
        return self._since(self._in_force_since)

    def _since(self, *begins: float | None) -> float:
        known = [begin for begin in begins if begin is not None]
        return max(0.0, self._clock() - min(known)) if known else 0.0

    def requested(self, since: float | None = None) -> None:
        """A pass is wanted for a change that was heard of at ``since``, now by default."""
        began = self._clock() if since is None else since
        self._wanted = began if self._wanted is None else min(began, self._wanted)

    @contextmanager
    def call(self) -> Iterator[None]:
        """Something goes on that should end soon."""
        call = object()
        self._calls = {**self._calls, call: self._clock()}
        try:
            yield
        finally:
            self._calls = {key: began for key, began in self._calls.items() if key is not call}

    def begun(self) -> float:
        """A pass begins, for all that is wanted until now and what the one before has failed at; returns when."""
        waiting = [since for since in (self._wanted, self._serving) if since is not None]
        self._wanted, self._serving = None, min(waiting, default=None)
        return self._clock()

    def succeeded(self, policy: HostPolicy, enforced: Enforced, began: float) -> None:
        """A pass has ended, and this is in force."""
        now = self._clock()
        self.failure, self.last_seconds = None, now - began
        if enforced.transactions:
            self.transactions += enforced.transactions
            self.programming.observe(enforced.seconds)
            if self._serving is not None:
                self.to_kernel.observe(now - self._serving)
        if enforced.transactions or self._in_force_since is None:
            self._in_force_since = now
        self._serving = None
        self.policy, self.rule_set = policy, enforced.rule_set
        self.unsupported = tuple(sorted(item.name for item in enforced.unsupported))
        changed = Result.CHANGED if enforced.transactions else Result.UNCHANGED
        self.results[Result.REFUSED if enforced.refused else changed] += 1

    def failed(self, reason: str, began: float) -> None:
        """A pass has failed; what it was for waits on."""
        self.failure, self.last_seconds = reason, self._clock() - began
        self.results[Result.FAILED] += 1
