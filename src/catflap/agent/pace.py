"""How often repairs may begin: at once, unless somebody keeps undoing them. A war must stay cheap.

Single repairs, and bursts of them, wait for nothing. Whoever goes on is answered at a bounded rate, and never gives up.
"""

from __future__ import annotations

import time
from collections.abc import Callable

BURST = 20.0  # repairs that wait for nothing, after a quiet time
RECOVERY = 5.0  # of these come back in each second
SHORTEST = 0.1  # seconds between the beginnings of two repairs in a war
SHARE = 4.0  # in a war a repair that took a second is followed by none for as many seconds


class Pace:
    """Remembers repairs.

    Args:
        clock: seconds that only ever grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = BURST
        self._at = clock()
        self._next = self._at
        self.at_war = False

    def delay(self) -> float:
        """Seconds until the next repair may begin."""
        self._recover()
        return max(0.0, self._next - self._at)

    def done(self, seconds: float) -> None:
        """A repair, which took ``seconds``, has just ended."""
        self._recover()
        self._left = max(0.0, self._left - 1)
        if self._left < 1:
            self.at_war = True
        if self.at_war:
            self._next = self._at + max(SHORTEST, SHARE * seconds)

    def _recover(self) -> None:
        now = self._clock()
        self._left = min(BURST, self._left + (now - self._at) * RECOVERY)
        self._at = now
        if self._left >= BURST:
            self.at_war = False
