from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from catflap.store.api import Alive, Connected, Delta, Disconnected, Snapshot, StoreError, StoreEvent
from catflap.store.pace import Pace
from catflap.store.supervisor import ResyncNeededError, supervise

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

SNAPSHOT, DELTA, CONNECTED = Snapshot(1, {}), Delta(2, ()), Connected("x")
HASTE = Pace(first_delay=0.001, longest_delay=0.002, between_resyncs=0.0, stable_after=60.0)


DOWN: list[StoreEvent | Exception] = [StoreError("down")]
RESYNC: list[StoreEvent | Exception] = [ResyncNeededError("again")]
BUG: list[StoreEvent | Exception] = [TypeError("a bug")]


class Script:
    """A session that does in each run what the next line of the script says, and at its end waits for ever."""

    def __init__(self, *runs: list[StoreEvent | Exception]) -> None:
        self._runs = list(runs)
        self.endpoints: list[str] = []
        self.forgotten = 0

    def forget(self) -> None:
        self.forgotten += 1

    async def run(self, endpoint: str) -> AsyncGenerator[StoreEvent, None]:
        self.endpoints.append(endpoint)
        for step in self._runs.pop(0) if self._runs else []:
            if isinstance(step, Exception):
                raise step
            yield step
        await asyncio.Event().wait()


async def events_of(script: Script, endpoints: list[str], count: int, pace: Pace = HASTE) -> list[StoreEvent]:
    events = supervise(endpoints, script, pace)
    seen = [await anext(events) for _ in range(count)]
    await events.aclose()
    return seen


async def test_what_the_session_yields_is_passed_on_but_being_connected_as_ever() -> None:
    script = Script([SNAPSHOT, CONNECTED, DELTA])
    assert await events_of(script, ["a"], 2) == [SNAPSHOT, DELTA]


async def test_an_outage_is_told_once_and_its_end_too() -> None:
    down = StoreError("down")
    script = Script([SNAPSHOT, down], [down], [down], [CONNECTED, DELTA])
    assert await events_of(script, ["a"], 4) == [SNAPSHOT, Disconnected("down"), CONNECTED, DELTA]


async def test_a_snapshot_ends_an_outage_as_well() -> None:
    script = Script([StoreError("down")], [SNAPSHOT, CONNECTED, DELTA])
    assert await events_of(script, ["a"], 3) == [Disconnected("down"), SNAPSHOT, DELTA]


async def test_a_new_reason_is_told() -> None:
    script = Script([StoreError("down")], [StoreError("down")], [StoreError("forbidden")])
    assert await events_of(script, ["a"], 2) == [Disconnected("down"), Disconnected("forbidden")]


async def test_another_endpoint_takes_over_in_silence() -> None:
    script = Script([SNAPSHOT, StoreError("down")], [StoreError("down too")], [CONNECTED, DELTA])
    assert await events_of(script, ["a", "b", "c"], 2) == [SNAPSHOT, DELTA]
    assert sorted(script.endpoints) == ["a", "b", "c"]


async def test_an_outage_is_when_every_endpoint_has_failed() -> None:
    script = Script([StoreError("one")], [StoreError("two")], [CONNECTED, DELTA])
    assert await events_of(script, ["a", "b"], 3) == [Disconnected("two"), CONNECTED, DELTA]


async def test_a_session_that_served_for_a_while_begins_a_new_count() -> None:
    pace = Pace(stable_after=0.0)
    served: list[StoreEvent | Exception] = [SNAPSHOT, StoreError("down")]
    script = Script(*[served] * 5, [SNAPSHOT, DELTA])
    assert await events_of(script, ["a", "b"], 7, pace) == [SNAPSHOT] * 6 + [DELTA]


async def test_a_session_that_failed_slowly_does_not() -> None:
    script = Script(*[DOWN] * 5, [SNAPSHOT])
    assert await events_of(script, ["a", "b"], 1, Pace(stable_after=0.0)) == [Disconnected("down")]


async def test_signs_of_life_are_passed_on() -> None:
    script = Script([SNAPSHOT, CONNECTED, Alive(7), Alive(8)])
    assert await events_of(script, ["a"], 3) == [SNAPSHOT, Alive(7), Alive(8)]


async def test_a_resync_stays_with_the_endpoint_and_is_no_outage() -> None:
    script = Script([SNAPSHOT, ResyncNeededError("compacted")], [SNAPSHOT, DELTA])
    assert await events_of(script, ["a", "b"], 3) == [SNAPSHOT, SNAPSHOT, DELTA]
    assert len(set(script.endpoints)) == 1


@pytest.mark.parametrize(
    ("step", "forgotten"), [(DOWN, 0), (RESYNC, 1), (BUG, 1)], ids=["down", "resync", "bug"]
)
async def test_only_a_session_that_may_have_missed_something_begins_anew(
    step: list[StoreEvent | Exception], forgotten: int
) -> None:
    script = Script(step, [SNAPSHOT])
    await events_of(script, ["a", "b"], 1)
    assert script.forgotten == forgotten


async def test_resyncs_keep_their_distance() -> None:
    script = Script(*[[SNAPSHOT, *RESYNC]] * 3, [SNAPSHOT])
    started = asyncio.get_running_loop().time()
    await events_of(script, ["a"], 4, Pace(between_resyncs=0.05))
    assert 0.1 <= asyncio.get_running_loop().time() - started < 1.0


def recorded_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every pause from now on, none of which takes any time."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("catflap.store.supervisor.asyncio.sleep", sleep)
    return pauses


@pytest.mark.parametrize(("entries", "longest"), [(0, 0.0), (20_000, 2.0), (1_000_000, 10.0)])
async def test_resyncs_of_a_fleet_are_spread_by_the_size_of_what_is_read(
    monkeypatch: pytest.MonkeyPatch, entries: int, longest: float
) -> None:
    pauses = recorded_pauses(monkeypatch)
    loaded = Snapshot(1, dict.fromkeys(map(str, range(entries)), b""))
    script = Script(*[[loaded, *RESYNC]] * 50, [SNAPSHOT])
    await events_of(script, ["a"], 51, Pace(between_resyncs=0.0))
    assert len(pauses) == 50
    assert max(pauses) <= longest
    assert max(pauses) >= 0.7 * longest


async def test_the_first_load_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = recorded_pauses(monkeypatch)
    await events_of(Script([SNAPSHOT]), ["a"], 1)
    assert pauses == []


@pytest.mark.parametrize("fault", [DOWN, BUG], ids=["down", "bug"])
async def test_the_pause_between_attempts_grows_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch, fault: list[StoreEvent | Exception]
) -> None:
    pauses = recorded_pauses(monkeypatch)
    script = Script(*[fault] * 200, [SNAPSHOT])
    await events_of(script, ["a", "b"], 2, Pace(first_delay=1.0, longest_delay=8.0))
    assert all(
        0.5 * wanted <= pause <= 1.5 * wanted for pause, wanted in zip(pauses, [1, 1, 2, 2, 4], strict=False)
    )
    assert max(pauses) <= 12.0


async def test_the_pause_does_not_grow_while_sessions_bring_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses = recorded_pauses(monkeypatch)
    cut_short: list[StoreEvent | Exception] = [CONNECTED, DELTA, StoreError("cut")]
    await events_of(Script(*[cut_short] * 10, [SNAPSHOT]), ["a"], 20, Pace(first_delay=1.0))
    assert len(pauses) >= 6
    assert max(pauses) <= 1.5


async def test_an_outage_is_logged_once_for_each_member_and_reason(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    script = Script(*[DOWN] * 20, [StoreError("other")], *[DOWN] * 20, [SNAPSHOT, StoreError("down")])
    await events_of(script, ["a"], 5)
    assert caplog.messages == [
        *("Lost the store at a: down", "Lost the store at a: other", "Lost the store at a: down"),
        *("Following the store through a", "Lost the store at a: down"),
    ]


async def test_a_member_that_can_never_be_read_to_the_end_is_left() -> None:
    compacted: list[StoreEvent | Exception] = [ResyncNeededError("compacted")]
    script = Script([SNAPSHOT, ResyncNeededError("compacted")], compacted, compacted, [SNAPSHOT])
    seen = await events_of(script, ["a", "b"], 3)
    assert seen == [SNAPSHOT, Disconnected("compacted"), SNAPSHOT]
    first, other = script.endpoints[0], script.endpoints[2]
    assert (script.endpoints, first != other) == ([first, first, other, first], True)


async def test_each_session_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    script = Script([SNAPSHOT, CONNECTED, StoreError("down")], [CONNECTED, DELTA])
    with caplog.at_level("INFO", "catflap.store.supervisor"):
        await events_of(script, ["a"], 4)
    assert [message for message in caplog.messages if "Following" in message] == [
        "Following the store through a"
    ] * 2


async def test_a_bug_is_logged_with_its_trace_and_taken_for_a_lost_endpoint(
    caplog: pytest.LogCaptureFixture,
) -> None:
    script = Script([SNAPSHOT, *BUG], BUG, [SNAPSHOT, DELTA])
    events = await events_of(script, ["a", "b"], 4)
    outage = Disconnected(f"internal error while following {script.endpoints[1]}: TypeError('a bug')")
    assert events == [SNAPSHOT, outage, SNAPSHOT, DELTA]
    assert script.endpoints[0] == script.endpoints[2] != script.endpoints[1]
    (first, _) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert first.exc_info is not None
    assert first.exc_info[1] is BUG[0]


async def test_a_cancellation_is_no_bug(caplog: pytest.LogCaptureFixture) -> None:
    script = Script([SNAPSHOT])
    events = supervise(["a"], script, HASTE)
    await anext(events)
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
