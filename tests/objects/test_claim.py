from __future__ import annotations

import pytest
from msgspec import structs
from tests.objects.stores import LimitedStore

from catflap.model.changes import CHANGE_PATH, ChangeHeader, read_change_header
from catflap.objects.claim import Claim, read_header
from catflap.objects.errors import ChangeInProgressError, TakenOverError, UnreadableHeaderError
from catflap.store import ABSENT, StoreConflictError

HEADER = ChangeHeader(
    id="a1", author="ada@admin1", started="2026-01-01T00:00:00Z", objects=2, steps=2, done=0
)


def header_in(store: LimitedStore) -> ChangeHeader | None:
    return read_change_header(store.values[CHANGE_PATH])


@pytest.mark.parametrize("limit", [3, 1])
async def test_steps_advance_the_header_and_the_last_removes_it(limit: int) -> None:
    store = LimitedStore({}, limit)
    claim = await Claim.take(store, HEADER)
    assert header_in(store) == HEADER
    await claim.advance([("/a", b"1", ABSENT)], 1)
    assert header_in(store) == structs.replace(HEADER, done=1) == claim.header
    await claim.advance([("/b", b"1", ABSENT)], 2)
    assert store.values == {"/a": b"1", "/b": b"1"}
    assert not claim.held


async def test_only_one_can_have_it() -> None:
    store = LimitedStore({}, 3)
    await Claim.take(store, HEADER)
    with pytest.raises(ChangeInProgressError, match="ada@admin1"):
        await Claim.take(store, structs.replace(HEADER, id="b2", author="bob@admin2"))


async def test_it_can_be_taken_over_from_somebody_dead() -> None:
    store = LimitedStore({}, 3)
    first = await Claim.take(store, HEADER)
    header, version = await read_header(store)
    assert header == HEADER
    second = await Claim.take(store, HEADER, version)
    with pytest.raises(TakenOverError):
        await first.advance([("/a", b"1", ABSENT)], 1)
    with pytest.raises(TakenOverError):
        await first.release()
    await second.release()
    await second.release()  # nothing is left to do
    assert store.values == {}
    assert await read_header(store) == (None, ABSENT)


@pytest.mark.parametrize("ended", [True, False])
async def test_of_two_who_take_it_over_one_loses(*, ended: bool) -> None:
    store = LimitedStore({}, 3)
    await Claim.take(store, HEADER)
    header, version = await read_header(store)
    assert header is not None
    faster = await Claim.take(store, header, version)
    if ended:
        await faster.release()
    with pytest.raises(TakenOverError):
        await Claim.take(store, header, version)


async def test_what_is_no_header_is_never_overwritten() -> None:
    store = LimitedStore({CHANGE_PATH: b"?"}, 3)
    with pytest.raises(UnreadableHeaderError):
        await Claim.take(store, HEADER)
    assert store.values == {CHANGE_PATH: b"?"}


@pytest.mark.parametrize("done", [1, HEADER.steps])
async def test_a_conflict_leaves_the_header(done: int) -> None:
    store = LimitedStore({"/a": b"theirs"}, 3)
    claim = await Claim.take(store, HEADER)
    with pytest.raises(StoreConflictError):
        await claim.advance([("/a", b"1", ABSENT), ("/b", b"1", ABSENT)], done)
    assert header_in(store) == HEADER
    assert claim.held
    assert "/b" not in store.values
