"""Chance that can be repeated: the same seed draws the same things."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

_T = TypeVar("_T")


class Draw:
    """Draws from a seed, such as ``1/42``."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311  # not for secrets: it must repeat

    def chance(self, probability: float) -> bool:
        """Whether something with this probability happens."""
        return self._random.random() < probability

    def pick(self, pool: Sequence[_T]) -> _T:
        """One of a pool, each as likely."""
        return pool[int(self._random.random() * len(pool))]

    def weighted(self, *choices: tuple[int, _T]) -> _T:
        """One of some choices, each with its weight."""
        weights = [weight for weight, _ in choices]
        return self._random.choices(choices, weights)[0][1]

    def some(self, pool: Sequence[_T], least: int, most: int) -> list[_T]:
        """Between ``least`` and ``most`` different ones of a pool, in any order."""
        return self._random.sample(pool, min(self.number(least, most), len(pool)))

    def number(self, first: int, last: int) -> int:
        """A number of a range, both ends included."""
        return self._random.randint(first, last)
