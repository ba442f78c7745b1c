"""How fast anything is tried again after a fault. A whole fleet may meet the same fault at the same instant."""

from __future__ import annotations

import math
import random

import msgspec

_DOUBLINGS = 16  # as many as there is any use for


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds: how fast is tried again, and when a session counts as a good one."""

    first_delay: float = 0.1
    longest_delay: float = 5.0
    stable_after: float = 1.0
    between_resyncs: float = 1.0
    resync_spread: float = 1e-4  # for each entry: a whole fleet may have to read everything anew at once
    longest_resync_spread: float = 10.0  # less than the silence that makes an agent stale

    def delay(self, faults: int, longest: float = math.inf) -> float:
        """About how long to wait after so many ``faults`` in a row (one at least): twice as long after each."""
        grown = self.first_delay * 2.0 ** min(faults - 1, _DOUBLINGS)
        return spread(min(grown, self.longest_delay, longest))


DEFAULT_PACE = Pace()


def spread(seconds: float, part: float = 0.5) -> float:
    """About ``seconds``, give or take a part: a fleet must not do the same thing at the same instant."""
    return seconds * random.uniform(1 - part, 1 + part)  # noqa: S311 - spreads load, protects nothing
