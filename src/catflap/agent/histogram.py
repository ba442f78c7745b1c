"""How long something took, counted in buckets, for those who ask for more than an average.

One thread observes, others read meanwhile: what they see may be one observation behind, and is never torn apart.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import msgspec


class Distribution(msgspec.Struct, frozen=True):
    """What was observed until now.

    Attributes:
        bounds: the upper bounds of the buckets, growing, in seconds; the last bucket, which has none, is left out.
        counts: for each bucket, and the last one, how many observations were at most its bound, and above the one
            before.
        total: seconds of all observations together.
    """

    bounds: tuple[float, ...] = ()
    counts: tuple[int, ...] = (0,)
    total: float = 0.0

    @property
    def count(self) -> int:
        """How many observations there are."""
        return sum(self.counts)

    def cumulative(self) -> list[int]:
        """For each bucket and the last one, how many observations were at most its bound."""
        sums, so_far = [], 0
        for count in self.counts:
            so_far += count
            sums.append(so_far)
        return sums


class Histogram:
    """Collects observations.

    Args:
        bounds: the upper bounds of the buckets, growing, in seconds.
    """

    def __init__(self, bounds: Sequence[float] = ()) -> None:
        self.distribution = Distribution(tuple(bounds), (0,) * (len(bounds) + 1))

    def observe(self, seconds: float) -> None:
        """Count one observation."""
        before = self.distribution
        place = bisect_left(before.bounds, seconds)
        counts = (*before.counts[:place], before.counts[place] + 1, *before.counts[place + 1 :])
        self.distribution = Distribution(before.bounds, counts, before.total + seconds)
