from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from catflap.agent.health import LATE, STUCK, hanging, judge
from catflap.agent.kernel_check import CheckStatus
from catflap.agent.passes import Passes
from catflap.agent.status import AgentStatus, KeptStatus, State, StoreStatus
from catflap.nft import Enforced, UnsupportedInterface
from catflap.policy import HostPolicy

STATUS = AgentStatus(StoreStatus(State.IN_SYNC, 0.5, 12, 60.0, None), 11, 0, 1)
GOOD = CheckStatus(1.0)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def passed(clock: Callable[[], float] | None = None) -> Passes:
    passes = Passes(clock or Clock())
    passes.succeeded(HostPolicy(), Enforced(1, 0.001), passes.begun())
    return passes


def test_an_agent_whose_kernel_was_found_right_is_ready() -> None:
    health = judge(STATUS, passed(), GOOD)
    assert (health.alive, health.ready, health.problems, health.remarks) == (True, True, (), ())
    assert (health.store_state, health.revision_enforced, health.kernel_checked_seconds_ago) == (
        "in-sync",
        11,
        1,
    )


def test_that_the_kernel_is_right_is_never_assumed() -> None:
    health = judge(STATUS, passed(), CheckStatus())
    assert (health.alive, health.ready) == (True, False)
    assert health.problems == ("the kernel has not been compared with what it should hold yet",)


@pytest.mark.parametrize(
    ("status", "check", "problem"),
    [
        (STATUS, CheckStatus(1.0, "it was changed"), "table inet catflap: it was changed"),
        (replace(STATUS, not_enforced=("eth0", "eth1")), GOOD, "refuses the policy of: eth0, eth1"),
        (
            AgentStatus(StoreStatus(State.WAIT_FOR_READY, 9, None, 9, "Ready is not set"), None, 0, 0),
            CheckStatus(),
            "enforced nothing yet: Ready is not set",
        ),
    ],
)
def test_what_is_not_as_it_should_be_is_named(status: AgentStatus, check: CheckStatus, problem: str) -> None:
    health = judge(status, passed(), check)
    assert health.alive
    assert not health.ready
    (found,) = health.problems
    assert problem in found


def test_an_interface_that_cannot_be_policed_is_named() -> None:
    passes = Passes()
    odd = Enforced(1, 0.0, (UnsupportedInterface('a"b', "odd"),))
    passes.succeeded(HostPolicy(), odd, passes.begun())
    (found,) = judge(STATUS, passes, GOOD).problems
    assert found == "these interfaces are not policed: 'a\"b'"


def test_a_pass_that_failed_is_named_though_the_kernel_holds_what_it_did() -> None:
    passes = passed()
    passes.failed("Device or resource busy", passes.begun())
    (found,) = judge(STATUS, passes, GOOD).problems
    assert found.endswith("Device or resource busy")


def test_a_change_may_wait_for_the_kernel_for_a_while() -> None:
    clock = Clock()
    passes = passed(clock)
    passes.requested()
    clock.now += LATE
    assert judge(STATUS, passes, GOOD).ready
    clock.now += 1
    assert judge(STATUS, passes, GOOD).problems == ("a change has been waiting for the kernel for 11 s",)


def test_an_agent_that_hangs_in_the_kernel_is_not_alive() -> None:
    clock = Clock()
    passes = passed(clock)
    with passes.call():
        clock.now += STUCK
        assert judge(STATUS, passes, GOOD).alive
        clock.now += 1
        health = judge(STATUS, passes, GOOD)
    assert (health.alive, health.ready) == (False, False)


@pytest.mark.parametrize("state", [State.STALE, State.WAIT_FOR_READY, State.RESYNC])
def test_a_store_that_is_away_is_a_remark_since_what_is_enforced_stays(state: State) -> None:
    away = StoreStatus(state, 40.0, 12, 25.0, "Connection lost")
    health = judge(replace(STATUS, store=away), passed(), GOOD)
    assert health.ready
    assert health.remarks == (f"store {state} for 25 s, what is enforced stays: Connection lost",)


def test_what_is_invalid_held_back_or_not_kept_is_a_remark() -> None:
    held = StoreStatus(State.IN_SYNC, 0.5, 12, 60.0, "a change is being written")
    status = replace(STATUS, store=held, invalid_objects=3, kept=KeptStatus(problem="disk full"))
    health = judge(status, passed(), GOOD)
    assert health.ready
    assert health.remarks == (
        "a change is being written",
        "3 stored objects are invalid, and count as missing",
        "the rule set in force is not kept for the next boot: disk full",
    )


def test_an_event_loop_without_an_answer_is_neither() -> None:
    health = hanging(10.0)
    assert (health.alive, health.ready) == (False, False)
    assert health.problems == ("the event loop has given no answer for 10 s",)
