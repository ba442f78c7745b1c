from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from tests.objects.changes import AFTER, BEFORE, KEYS, change_of
from tests.objects.stores import LimitedStore

from catflap.model.changes import CHANGE_PATH, JOURNAL_ROOT
from catflap.objects.errors import (
    InterruptedChangeError,
    LostJournalError,
    TakenOverError,
    UnreadableHeaderError,
)
from catflap.objects.recovery import recover
from catflap.objects.settling import End
from catflap.objects.writing import write_all
from catflap.store import StoreUnavailableError

LIMITS = [3, 1]


def left_by(limit: int, operation: int, *, answer_lost: bool) -> LimitedStore:
    """A store that went away in the middle of a change."""
    store = LimitedStore(BEFORE, limit)
    store.die_at(operation, answer_lost=answer_lost)
    return store


async def interrupt(store: LimitedStore) -> bool:
    """Write until the store dies; whether it did."""
    try:
        await write_all(store, await change_of(store), "ada@admin1")
    except (StoreUnavailableError, InterruptedChangeError):
        return True
    return False


async def settle_for_good(store: LimitedStore, end: End) -> None:
    store.die_at(None)
    await recover(store, end)


def policy(store: LimitedStore) -> dict[str, bytes]:
    return {path: value for path, value in store.values.items() if path in KEYS}


def assert_whole(store: LimitedStore) -> None:
    """All or nothing, and no header."""
    assert policy(store) in (BEFORE, AFTER)
    assert CHANGE_PATH not in store.values


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("answer_lost", [False, True])
@pytest.mark.parametrize("end", End)
async def test_a_change_can_be_interrupted_anywhere(limit: int, end: End, *, answer_lost: bool) -> None:
    operation = 1
    while await interrupt(store := left_by(limit, operation, answer_lost=answer_lost)):
        begun = CHANGE_PATH in store.values
        made = policy(store) != BEFORE
        await settle_for_good(store, end)
        assert_whole(store)
        if begun and made:
            assert policy(store) == (AFTER if end is End.FINISH else BEFORE)
            assert set(store.values) == set(policy(store))
        operation += 1
    assert operation > 10
    assert policy(store) == AFTER


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("answer_lost", [False, True])
@pytest.mark.parametrize("end", End)
async def test_recovery_can_be_interrupted_anywhere(limit: int, end: End, *, answer_lost: bool) -> None:
    first = 1
    while await interrupt(left_by(limit, first, answer_lost=False)):
        second, died = 1, True
        while died:
            store = left_by(limit, first, answer_lost=False)
            await interrupt(store)
            made = policy(store) != BEFORE and CHANGE_PATH in store.values
            store.die_at(second, answer_lost=answer_lost)
            died = await recovery_dies(store, end)
            await settle_for_good(store, end)
            assert_whole(store)
            if made:
                assert policy(store) == (AFTER if end is End.FINISH else BEFORE)
            second += 1
        first += 1
    assert first > 10


async def recovery_dies(store: LimitedStore, end: End) -> bool:
    try:
        await recover(store, end)
    except StoreUnavailableError:
        return True
    return False


async def middle_of_a_change(limit: int = 3) -> LimitedStore:
    """The first steps are made, and the store was lost after them."""
    store, operation = LimitedStore(BEFORE, limit), 0
    while policy(store) == BEFORE:
        operation += 1
        store = left_by(limit, operation, answer_lost=True)
        assert await interrupt(store)
    store.die_at(None)
    return store


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("end", End)
async def test_the_other_way_after_an_interrupted_recovery(limit: int, end: End) -> None:
    other = End.UNDO if end is End.FINISH else End.FINISH
    operation, died = 1, True
    while died:
        store = await middle_of_a_change(limit)
        store.die_at(operation)
        died = await recovery_dies(store, end)
        in_progress = CHANGE_PATH in store.values
        await settle_for_good(store, other)
        assert_whole(store)
        if in_progress:
            assert policy(store) == (AFTER if other is End.FINISH else BEFORE)
        operation += 1


@pytest.mark.parametrize("end", End)
async def test_what_somebody_else_wrote_meanwhile_stays(end: End) -> None:
    store = await middle_of_a_change()
    store.change([(KEYS[0], b"theirs")])

    recovered = await recover(store, end)

    assert recovered is not None
    assert recovered.untouched == (KEYS[0],)
    assert policy(store) == {**(AFTER if end is End.FINISH else BEFORE), KEYS[0]: b"theirs"}


class Watched(LimitedStore):
    """As soon as the first step of a change is made, somebody undoes it: its author seems to be dead."""

    undone = False

    async def write(
        self, changes: Sequence[tuple[str, bytes | None]], expected: Mapping[str, int] | None = None
    ) -> int:
        if not self.undone and policy(self) != BEFORE:
            self.undone = True
            await recover(self, End.UNDO)
        return await super().write(changes, expected)


async def test_an_author_who_was_believed_dead_can_write_nothing_more() -> None:
    store = Watched(BEFORE, 3)
    with pytest.raises(TakenOverError, match="ada@admin1"):
        await write_all(store, await change_of(store), "ada@admin1")
    assert store.undone
    assert policy(store) == BEFORE


async def test_there_may_be_nothing_to_recover() -> None:
    assert await recover(LimitedStore(BEFORE, 3), End.FINISH) is None


async def test_a_change_without_its_journal() -> None:
    store = await middle_of_a_change()
    store.change([(path, None) for path in store.values if path.startswith(JOURNAL_ROOT)])
    with pytest.raises(LostJournalError, match="ada@admin1"):
        await recover(store, End.UNDO)
    assert CHANGE_PATH in store.values


@pytest.mark.parametrize("end", End)
async def test_a_header_that_cannot_be_read(end: End) -> None:
    with pytest.raises(UnreadableHeaderError):
        await recover(LimitedStore({CHANGE_PATH: b"?"}, 3), end)
