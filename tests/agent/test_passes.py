from __future__ import annotations

import pytest

from catflap.agent.passes import Passes, Result
from catflap.nft import Enforced, Refused, RuleSet, UnsupportedInterface
from catflap.nft.ruleset import Chain
from catflap.policy import HostPolicy

RULES = RuleSet(chains={"a": Chain("a", ("drop",))})


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def passes(clock: Clock) -> Passes:
    return Passes(clock)


def enforced(transactions: int = 1, *refused: Refused) -> Enforced:
    return Enforced(transactions, 0.02, (), refused, RULES)


def test_time_to_the_kernel_counts_from_the_first_event_that_a_pass_answers(
    passes: Passes, clock: Clock
) -> None:
    passes.requested(99.0)
    passes.requested(99.5)
    began = passes.begun()
    clock.now = 101.0
    assert passes.behind == 2.0
    passes.succeeded(HostPolicy(), enforced(2), began)
    assert (passes.to_kernel.distribution.count, passes.to_kernel.distribution.total) == (1, 2.0)
    assert (passes.programming.distribution.total, passes.transactions) == (0.02, 2)
    assert (passes.last_seconds, passes.behind, passes.rule_set) == (1.0, 0.0, RULES)


def test_a_pass_that_changes_nothing_is_no_time_to_the_kernel(passes: Passes) -> None:
    passes.requested()
    passes.succeeded(HostPolicy(), enforced(0), passes.begun())
    assert passes.to_kernel.distribution.count == passes.programming.distribution.count == 0
    assert passes.results[Result.UNCHANGED] == 1


def test_what_a_failed_pass_was_for_waits_on_until_one_succeeds(passes: Passes, clock: Clock) -> None:
    passes.requested()
    passes.failed("busy", passes.begun())
    clock.now = 107.0
    assert (passes.failure, passes.behind, passes.results[Result.FAILED]) == ("busy", 7.0, 1)
    passes.requested()
    passes.succeeded(HostPolicy(), enforced(), passes.begun())
    assert (passes.failure, passes.behind, passes.to_kernel.distribution.total) == (None, 0.0, 7.0)


def test_what_is_requested_during_a_pass_waits_for_the_next_one(passes: Passes, clock: Clock) -> None:
    passes.requested()
    began = passes.begun()
    clock.now = 103.0
    passes.requested()
    passes.succeeded(HostPolicy(), enforced(), began)
    clock.now = 104.0
    assert passes.behind == 1.0


def test_what_the_kernel_refuses_in_part_counts_as_that(passes: Passes) -> None:
    refused = Refused("set s", "no memory", ("eth0",), kept=True)
    passes.succeeded(HostPolicy(), enforced(1, refused), passes.begun())
    assert passes.results == {**dict.fromkeys(Result, 0), Result.REFUSED: 1}


def test_interfaces_that_cannot_be_policed_are_named(passes: Passes) -> None:
    odd = Enforced(0, 0.0, (UnsupportedInterface("b", "odd"), UnsupportedInterface("a", "odd")))
    passes.succeeded(HostPolicy(), odd, passes.begun())
    assert passes.unsupported == ("a", "b")


def test_the_age_of_what_is_in_force_is_that_of_the_last_change(passes: Passes, clock: Clock) -> None:
    assert passes.in_force_seconds == 0.0
    passes.succeeded(HostPolicy(), enforced(0), passes.begun())
    clock.now = 110.0
    passes.succeeded(HostPolicy(), enforced(0), passes.begun())
    assert passes.in_force_seconds == 10.0
    passes.succeeded(HostPolicy(), enforced(1), passes.begun())
    assert passes.in_force_seconds == 0.0


def test_the_longest_of_what_goes_on_is_told(passes: Passes, clock: Clock) -> None:
    with passes.call():
        clock.now = 105.0
        with passes.call():
            assert passes.busy == 5.0
    assert passes.busy == 0.0
