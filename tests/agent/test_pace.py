from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catflap.agent.pace import BURST, RECOVERY, SHARE, SHORTEST, Pace


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_waits_for_nothing() -> None:
    pace = Pace(Clock())
    for _ in range(int(BURST) - 1):
        pace.done(0.01)
        assert (pace.delay(), pace.at_war) == (0, False)


def test_a_war_is_answered_at_a_bounded_rate() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(int(BURST)):
        pace.done(0.001)
    assert pace.at_war
    assert pace.delay() == SHORTEST
    clock.now += SHORTEST
    assert pace.delay() == pytest.approx(0)
    pace.done(2.0)
    assert pace.delay() == 2.0 * SHARE


def test_one_change_a_second_is_no_war() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(1000):
        clock.now += 1
        pace.done(0.01)
        assert (pace.delay(), pace.at_war) == (0, False)


def test_a_war_ends_when_it_has_been_quiet() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(int(BURST)):
        pace.done(0.001)
    clock.now += BURST / RECOVERY - 0.1
    assert pace.delay() == 0
    assert pace.at_war
    clock.now += 0.2
    assert pace.delay() == 0
    assert not pace.at_war


@given(st.lists(st.floats(0, 0.5), max_size=300))
def test_whatever_happens_repairs_take_a_bounded_share_and_never_wait_long(lengths: list[float]) -> None:
    clock = Clock()
    pace = Pace(clock)
    for number, length in enumerate(lengths):
        delay = pace.delay()
        assert delay <= max(SHORTEST, SHARE * 0.5)
        clock.now += delay + length
        pace.done(length)
        assert number + 1 <= BURST + clock.now * max(RECOVERY, 1 / SHORTEST) + 1
