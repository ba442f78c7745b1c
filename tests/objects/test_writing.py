from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from tests.objects.changes import AFTER, BEFORE, KEYS, change_of
from tests.objects.stores import LimitedStore

from catflap.model.changes import CHANGE_PATH, JOURNAL_ROOT, read_change_header
from catflap.objects.errors import ChangeInProgressError, InterruptedChangeError
from catflap.objects.writing import refuse_while_in_progress, write_all
from catflap.store import Delta, StoreConflictError, StoreError, StoreUnavailableError

LIMITS = [None, 128, 3, 1]
HEADER = b'{"id":"b2","author":"bob@admin2","started":"2026-01-01T00:00:00Z","objects":2,"steps":2,"done":0}'


@pytest.mark.parametrize(("limit", "steps"), [(None, 1), (128, 1), (3, 4), (1, 1)])
async def test_a_change_is_made(limit: int | None, steps: int) -> None:
    store = LimitedStore(BEFORE, limit)
    told: list[tuple[int, int]] = []
    written = await write_all(store, await change_of(store), "ada@admin1", lambda *each: told.append(each))
    assert store.values == AFTER
    assert written.steps == steps
    assert written.revision <= (await store.read("/")).revision
    if limit in (1, 3):
        assert told == [(number, steps) for number in range(1, steps + 1)]


async def test_who_follows_sees_the_header_first_and_no_journal_is_left() -> None:
    store = LimitedStore(BEFORE, 3)
    events = store.follow()
    await anext(events)
    await write_all(store, await change_of(store), "ada@admin1")
    revisions: list[dict[str, bytes | None]] = []
    while not revisions or revisions[-1][CHANGE_PATH] is not None:
        event = await anext(events)
        assert isinstance(event, Delta)
        seen = {path: value for path, value in event.changes if not path.startswith(JOURNAL_ROOT)}
        revisions += [seen] if seen else []
    await store.close()
    assert set(revisions[0]) == {CHANGE_PATH}
    headers = [changes[CHANGE_PATH] for changes in revisions]
    read = [read_change_header(value) for value in headers if value is not None]
    assert [header and header.done for header in read] == [0, 1, 2, 3]
    assert headers[-1] is None
    assert not set(store.values) - set(KEYS)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("number", range(len(KEYS)))
async def test_a_conflict_changes_nothing(limit: int | None, number: int) -> None:
    store = LimitedStore(BEFORE, limit)
    changes = await change_of(store)
    store.change([(KEYS[number], b"theirs")])
    with pytest.raises(StoreConflictError) as raised:
        await write_all(store, changes, "ada@admin1")
    assert raised.value.paths == (KEYS[number],)
    assert store.values == {**BEFORE, KEYS[number]: b"theirs"}


@pytest.mark.parametrize("limit", LIMITS)
async def test_nobody_writes_while_another_change_is_in_progress(limit: int | None) -> None:
    store = LimitedStore({**BEFORE, CHANGE_PATH: HEADER}, limit)
    with pytest.raises(ChangeInProgressError, match="bob@admin2"):
        await write_all(store, await change_of(store), "ada@admin1")
    with pytest.raises(ChangeInProgressError, match="bob@admin2"):
        await write_all(store, (await change_of(store))[:1], "ada@admin1")
    with pytest.raises(ChangeInProgressError, match="bob@admin2"):
        await refuse_while_in_progress(store)
    assert store.values == {**BEFORE, CHANGE_PATH: HEADER}


class Interfering(LimitedStore):
    """Something happens when one of the keys was written the first time."""

    def __init__(self, limit: int, error: BaseException | None = None) -> None:
        super().__init__(BEFORE, limit)
        self.error = error
        self.begun = False

    async def write(
        self, changes: Sequence[tuple[str, bytes | None]], expected: Mapping[str, int] | None = None
    ) -> int:
        touches = {path for path, _ in changes} & set(KEYS)
        if self.begun and self.error is not None and touches:
            error, self.error = self.error, None
            raise error
        revision = await super().write(changes, expected)
        if touches and not self.begun:
            self.begun = True
            if self.error is None:
                self.change([(KEYS[2], b"theirs")])
        return revision


@pytest.mark.parametrize("limit", [3, 1])
async def test_a_conflict_in_the_middle_takes_back_what_was_made(limit: int) -> None:
    store = Interfering(limit)
    with pytest.raises(StoreConflictError):
        await write_all(store, await change_of(store), "ada@admin1")
    assert store.values == {**BEFORE, KEYS[2]: b"theirs"}


@pytest.mark.parametrize("limit", [3, 1])
@pytest.mark.parametrize("error", [StoreError("etcd refuses it"), asyncio.CancelledError()])
async def test_a_refusal_or_the_operator_takes_back_what_was_made(limit: int, error: BaseException) -> None:
    store = Interfering(limit, error)
    with pytest.raises(type(error)):
        await write_all(store, await change_of(store), "ada@admin1")
    assert store.values == BEFORE


@pytest.mark.parametrize("limit", [3, 1])
async def test_a_loss_of_the_store_in_the_middle_leaves_header_and_journal(limit: int) -> None:
    store = Interfering(limit, StoreUnavailableError("etcd is away"))
    with pytest.raises(
        InterruptedChangeError, match="etcd is away; a change of 7 objects by ada@admin1"
    ) as raised:
        await write_all(store, await change_of(store), "ada@admin1")
    assert read_change_header(store.values[CHANGE_PATH]) == raised.value.header
    assert any(path.startswith(JOURNAL_ROOT) for path in store.values)


class Deaf(LimitedStore):
    """The operator presses Ctrl-C when the header was written for the n-th time, before the answer is heard."""

    def __init__(self, limit: int, times: int) -> None:
        super().__init__(BEFORE, limit)
        self.times = times

    async def write(
        self, changes: Sequence[tuple[str, bytes | None]], expected: Mapping[str, int] | None = None
    ) -> int:
        revision = await super().write(changes, expected)
        if CHANGE_PATH in dict(changes):
            self.times -= 1
            if self.times == 0:
                raise asyncio.CancelledError
        return revision


@pytest.mark.parametrize(("times", "left"), [(2, BEFORE), (4, BEFORE), (5, AFTER)])
async def test_ctrl_c_before_the_answer_is_heard(times: int, left: dict[str, bytes]) -> None:
    store = Deaf(3, times)
    with pytest.raises(asyncio.CancelledError):
        await write_all(store, await change_of(store), "ada@admin1")
    assert {path: value for path, value in store.values.items() if path in KEYS} == left
    assert CHANGE_PATH not in store.values


async def test_a_journal_that_cannot_be_removed_does_not_make_the_change_fail() -> None:
    store = LimitedStore(BEFORE, 3)
    changes = await change_of(store)
    await write_all(store, changes, "ada@admin1")
    operations = store.operations
    store = LimitedStore(BEFORE, 3)
    await change_of(store)
    store.die_at(operations - len(KEYS))  # in the last operation: planning has read every key
    await write_all(store, changes, "ada@admin1")
    assert {path: value for path, value in store.values.items() if path in KEYS} == AFTER
    assert any(path.startswith(JOURNAL_ROOT) for path in store.values)


async def test_what_a_dead_author_left_after_the_end_is_removed() -> None:
    store = LimitedStore({**BEFORE, f"{JOURNAL_ROOT}old/000001": b"x"}, 3)
    await write_all(store, await change_of(store), "ada@admin1")
    assert store.values == AFTER
