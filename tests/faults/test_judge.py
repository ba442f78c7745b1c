"""The judge of the fault tests must be able to find fault."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.faults.judge import Judge
from tests.faults.rule_set import normalised
from tests.faults.soak_log import as_text, summarise
from tests.faults.usage import Usage, growth
from tests.faults.writer import BATCH, LOOSE, Acknowledged, value_of

from catflap.store.api import Alive, Delta, Snapshot, StoreEvent

A, B, C = f"{BATCH}a", f"{BATCH}b", f"{LOOSE}c"


def value(number: int) -> bytes:
    return value_of(number, 20)


def snapshot(revision: int, entries: Mapping[str, int]) -> Snapshot:
    return Snapshot(revision, {path: value(number) for path, number in entries.items()})


def delta(revision: int, changes: Mapping[str, int | None]) -> Delta:
    made = tuple((path, None if number is None else value(number)) for path, number in changes.items())
    return Delta(revision, made)


FIRST = snapshot(5, {A: 1, B: 1, C: 1})
WRONG: dict[str, tuple[StoreEvent, str]] = {
    "goes back": (delta(5, {A: 2, B: 2}), "delta of revision 5 after 5"),
    "torn": (delta(6, {A: 2}), "revision 6 is torn"),
    "again": (delta(6, {A: 1, B: 1}), "is at write 1 after 1"),
    "older": (delta(6, {A: 0, B: 0}), "is at write 0 after 1"),
    "no change": (delta(6, {f"{LOOSE}d": None}), "changes nothing"),
    "old snapshot": (snapshot(4, {A: 1, B: 1}), "a snapshot of revision 4 after 5"),
    "older content": (snapshot(6, {A: 0, B: 0}), "is at write 0 after 1"),
}


@pytest.mark.parametrize(("event", "reason"), WRONG.values(), ids=WRONG)
def test_broken_promises_are_found(event: StoreEvent, reason: str) -> None:
    judge = Judge()
    judge.take(0.0, FIRST)
    judge.take(1.0, event)
    assert reason in str(judge.verdict([Acknowledged(0, 0.0), Acknowledged(1, 0.0)]))


def test_a_write_whose_answer_was_lost_may_come_late() -> None:
    judge = Judge()
    for event in (FIRST, delta(6, {A: 3, B: 3}), delta(7, {A: 2, B: 2})):
        judge.take(0.0, event)
    assert judge.verdict([Acknowledged(1, 0.0), Acknowledged(3, 0.0)]) == []
    assert "is at write 2 after 3" in str(judge.verdict([Acknowledged(2, 0.0)]))


def test_what_is_right_is_not_complained_of() -> None:
    judge = Judge()
    events: tuple[StoreEvent, ...] = (
        FIRST,
        delta(6, {A: 2, B: 2, C: None}),
        Alive(7),
        snapshot(8, {A: 3, B: 3}),
    )
    for event in events:
        judge.take(0.0, event)
    assert judge.verdict([Acknowledged(number, 0.0) for number in range(5)]) == []
    assert judge.model == {A: value(3), B: value(3)}


def test_another_history_may_be_older_when_the_test_says_so() -> None:
    judge = Judge()
    judge.history_may_change = True
    for event in (FIRST, snapshot(2, {A: 0, B: 0}), delta(3, {A: 1, B: 1})):
        judge.take(0.0, event)
    assert judge.verdict([Acknowledged(number, 0.0) for number in range(5)]) == []


def test_the_lag_is_that_of_the_write_that_waited_longest() -> None:
    judge = Judge()
    judge.take(10.0, snapshot(1, {A: 1, B: 1}))
    judge.take(14.0, delta(2, {A: 3, B: 3}))
    written = [Acknowledged(1, 9.5), Acknowledged(2, 11.0), Acknowledged(3, 13.0), Acknowledged(4, 15.0)]
    assert judge.longest_lag(written, 0) == 3.0
    assert judge.longest_lag(written, 12.0) == 1.0


def test_growth_is_found_after_warming_up() -> None:
    steady = [Usage(50 << 20, 20, 9)] * 20
    assert growth(steady) == []
    assert growth([Usage(1 << 20, 1, 1), *steady]) == []
    leaking = [Usage((50 + number) << 20, 20 + number, 9) for number in range(20)]
    assert [text.split(" grew")[0] for text in growth(leaking)] == ["memory", "open files"]


def test_rule_sets_are_compared_without_counters_handles_and_the_order_of_sets() -> None:
    def listing(number: int, elements: str, verdict: str) -> str:
        counter = f'{{"counter": {{"packets": {number}, "bytes": {number}}}}}'
        rule = f'{{"rule": {{"chain": "c", "handle": {number}, "expr": [{counter}, {{"{verdict}": null}}]}}}}'
        return f'{{"nftables": [{{"metainfo": {number}}}, {{"set": {{"elem": {elements}}}}}, {rule}]}}'

    assert normalised(listing(1, "[1, 2]", "drop")) == normalised(listing(2, "[2, 1]", "drop"))
    assert normalised(listing(1, "[1, 2]", "drop")) != normalised(listing(1, "[1, 2]", "accept"))
    assert normalised(listing(1, "[1, 2]", "drop")) != normalised(listing(1, "[1]", "drop"))


def test_logs_are_summarised_by_shape() -> None:
    line = "2026-01-01 00:00:00,000 [%s][1/1] catflap.store 12: %s"
    lines = [line % ("INFO", f"Lost the store at 127.0.0.1:{port}") for port in (1, 2, 3)]
    summary = summarise([*lines, line % ("ERROR", "Internal error"), "Traceback (most recent call last):"])
    assert [(shape.count, shape.alarming) for shape in summary] == [(3, False), (1, True), (1, True)]
    assert as_text(summary).splitlines()[0] == "log: 1 -, 1 ERROR, 3 INFO"
