from __future__ import annotations

import asyncio

import pytest

from catflap.agent.kernel_check import SHARE, CheckStatus, Comparison, KernelCheck


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def check(clock: Clock) -> KernelCheck:
    return KernelCheck(clock)


def test_nothing_is_known_at_first(check: KernelCheck) -> None:
    assert check.status() == CheckStatus(None, None)
    assert not check.is_fresh(1e9)
    assert not check.unchanged(7)


async def test_a_check_is_as_old_as_its_beginning(check: KernelCheck, clock: Clock) -> None:
    clock.now = 101.0
    check.succeeded(Comparison(100.5, 7))
    assert check.status() == CheckStatus(0.5, None)
    assert check.is_fresh(0.5)


async def test_a_costly_check_is_not_repeated_at_once(check: KernelCheck, clock: Clock) -> None:
    clock.now = 102.0
    check.succeeded(Comparison(100.0, 7))
    clock.now = 100.0 + 2 * SHARE
    assert check.is_fresh(1.0)
    clock.now += 0.1
    assert not check.is_fresh(1.0)


async def test_the_same_generation_makes_a_good_check_a_new_one(check: KernelCheck, clock: Clock) -> None:
    check.succeeded(Comparison(100.0, 7))
    clock.now = 200.0
    assert not check.unchanged(8)
    assert check.status().seconds_ago == 100.0
    assert check.unchanged(7)
    assert check.status().seconds_ago == 0.0


async def test_damage_is_a_problem_until_it_is_undone(check: KernelCheck, clock: Clock) -> None:
    check.succeeded(Comparison(100.0, 7))
    check.damaged()
    clock.now = 101.5
    check.damaged()
    assert "1.5 s ago" in str(check.status().problem)
    assert not check.unchanged(7)
    check.repaired()
    assert check.status().problem is None


async def test_a_failure_is_a_problem_until_something_succeeds(check: KernelCheck) -> None:
    check.failed("it cannot be read")
    assert check.status().problem == "it cannot be read"
    check.succeeded(Comparison(100.0, 7))
    assert check.status().problem is None


@pytest.mark.parametrize("succeeds", [True, False])
async def test_who_waits_for_the_end_is_told_of_it(check: KernelCheck, *, succeeds: bool) -> None:
    waiting = asyncio.create_task(check.end())
    await asyncio.sleep(0)
    check.repaired()
    await asyncio.sleep(0)
    assert not waiting.done()
    if succeeds:
        check.succeeded(Comparison(100.0, 7))
    else:
        check.failed("no")
    await asyncio.wait_for(waiting, 5)
