from __future__ import annotations

import pytest

from catflap.store.pace import Pace, spread

PACE = Pace(first_delay=1.0, longest_delay=8.0)


@pytest.mark.parametrize(
    ("faults", "longest", "seconds"), [(1, 9, 1), (2, 9, 2), (4, 9, 8), (5, 9, 8), (10**6, 9, 8), (4, 3, 3)]
)
def test_delays_double_up_to_a_limit_and_are_spread(faults: int, longest: float, seconds: float) -> None:
    delays = [PACE.delay(faults, longest) for _ in range(100)]
    assert 0.5 * seconds <= min(delays) < max(delays) <= 1.5 * seconds


def test_a_spread_has_its_part_of_the_seconds_on_both_sides() -> None:
    found = [spread(4.0, 0.25) for _ in range(100)]
    assert 3 <= min(found) < 4 < max(found) <= 5
