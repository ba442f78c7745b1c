from __future__ import annotations

import pytest

from catflap.agent.staleness import SHORTEST_PATIENCE, Reminders, Staleness, patience_with
from catflap.agent.status import State
from catflap.store.api import Alive, Connected, Delta, Disconnected, Snapshot, StoreEvent

PATIENCE = 20.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Staleness:
    """A store that is in sync at revision 7."""
    made = Staleness("etcd://a:1", PATIENCE, clock)
    made.take(Snapshot(7, {}))
    made.progress(State.IN_SYNC)
    return made


def test_it_begins_with_waiting(clock: Clock) -> None:
    begun = Staleness("etcd://a:1", PATIENCE, clock)
    clock.now += 100
    assert (begun.state, begun.seconds, begun.revision) == (State.WAIT_FOR_READY, 100, None)


@pytest.mark.parametrize(
    "event",
    [Snapshot(9, {}), Delta(9, ()), Alive(9), Connected("a:1")],
    ids=lambda event: type(event).__name__,
)
def test_signs_of_life_keep_it_in_sync(store: Staleness, clock: Clock, event: StoreEvent) -> None:
    for _ in range(10):
        clock.now += PATIENCE - 1
        assert store.state is State.IN_SYNC
        store.take(event)
        assert store.seconds == 0
    assert store.revision == (7 if isinstance(event, Connected) else 9)


def test_a_lost_connection_makes_it_stale_at_once(store: Staleness, clock: Clock) -> None:
    clock.now += 3
    store.take(Disconnected("refused"))
    clock.now += 5
    assert store.state is State.STALE
    assert (store.seconds, store.seconds_in_state) == (8, 5)
    assert store.reason == "Connection to etcd://a:1 lost: refused"
    store.take(Disconnected("no route"))
    assert store.seconds_in_state == 5
    assert "no route" in str(store.reason)


def test_silence_makes_it_stale_whatever_the_driver_says(store: Staleness, clock: Clock) -> None:
    clock.now += PATIENCE
    assert store.state is State.STALE
    assert (store.seconds, store.seconds_in_state) == (PATIENCE, 0)
    assert "no sign of life for 20 s" in str(store.reason)


def test_the_reason_does_not_change_with_time(store: Staleness, clock: Clock) -> None:
    clock.now += PATIENCE
    before = store.reason
    clock.now += 1000
    assert store.reason == before


@pytest.mark.parametrize("event", [Connected("a:1"), Alive(7), Delta(8, ())])
def test_the_next_sign_of_life_ends_it(store: Staleness, clock: Clock, event: StoreEvent) -> None:
    store.take(Disconnected("refused"))
    clock.now += 60
    store.take(event)
    clock.now += 1
    assert (store.state, store.reason, store.in_trouble) == (State.IN_SYNC, None, False)
    assert store.seconds_in_state == 1


def test_only_what_is_in_sync_can_be_stale(store: Staleness, clock: Clock) -> None:
    store.progress(State.WAIT_FOR_READY, "Ready is not set")
    store.take(Disconnected("refused"))
    clock.now += 100
    assert (store.state, store.reason) == (State.WAIT_FOR_READY, "Ready is not set")
    assert store.in_trouble


def test_a_revision_may_go_back_with_a_restored_store(store: Staleness) -> None:
    store.take(Snapshot(3, {}))
    assert store.revision == 3


def test_a_status_is_all_of_it(store: Staleness, clock: Clock) -> None:
    clock.now += 2
    status = store.status()
    assert (status.state, status.seconds_since_alive, status.revision_seen) == (State.IN_SYNC, 2, 7)
    assert (status.seconds_in_state, status.reason) == (2, None)


@pytest.mark.parametrize(("interval", "patience"), [(1, 15), (4, 15), (5, 18), (60, 183), (300, 903)])
def test_patience_grows_with_the_interval_of_questions(interval: int, patience: int) -> None:
    assert patience_with(interval) == patience >= SHORTEST_PATIENCE


def test_reminders_come_at_growing_intervals() -> None:
    reminders = Reminders()
    due = [second for second in range(4000) if reminders.due(second)]
    assert due == [15, 60, 300, 900, 1800, 2700, 3600]


def test_reminders_that_were_slept_through_come_once() -> None:
    reminders = Reminders()
    assert [reminders.due(seconds) for seconds in (2000, 2001, 2700)] == [True, False, True]
