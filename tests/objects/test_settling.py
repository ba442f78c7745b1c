from __future__ import annotations

import pytest
from tests.objects.stores import LimitedStore

from catflap.model.changes import ChangeHeader
from catflap.objects.changes import KeyChange
from catflap.objects.claim import Claim
from catflap.objects.settling import ATTEMPTS, End, settle
from catflap.store import ABSENT, Listing, StoreConflictError

HEADER = ChangeHeader(
    id="a1", author="ada@admin1", started="2026-01-01T00:00:00Z", objects=3, steps=2, done=1
)
STEPS = (
    (KeyChange("/a", b"old", b"new", 1), KeyChange("/b", None, b"new", ABSENT)),
    (KeyChange("/c", b"old", None, 1),),
)
OLD = {"/a": b"old", "/c": b"old"}
NEW = {"/a": b"new", "/b": b"new"}


@pytest.mark.parametrize("limit", [3, 1])
@pytest.mark.parametrize(("end", "result"), [(End.FINISH, NEW), (End.UNDO, OLD)])
@pytest.mark.parametrize("found", [OLD, NEW, {**OLD, "/a": b"new"}, {**OLD, "/b": b"new"}, {"/a": b"new"}])
async def test_values_tell_what_was_made(
    limit: int, end: End, result: dict[str, bytes], found: dict[str, bytes]
) -> None:
    store = LimitedStore(found, limit)
    told: list[tuple[int, int]] = []
    claim = await Claim.take(store, HEADER)
    assert await settle(claim, STEPS, end, lambda done, steps: told.append((done, steps))) == ()
    assert store.values == result
    assert told == [(1, 2), (2, 2)]


async def test_what_is_as_it_shall_be_is_not_written() -> None:
    store = LimitedStore(NEW, 3)
    claim = await Claim.take(store, HEADER)
    before = (await store.read("/")).revision
    await settle(claim, STEPS, End.FINISH)
    assert (await store.read("/")).revision == before + 1  # the header is removed


class Busy(LimitedStore):
    """Somebody writes another key of the step whenever it was read, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__(OLD, 3)
        self.times = times

    async def read(self, prefix: str) -> Listing:
        listing = await super().read(prefix)
        if prefix == "/a" and self.times:
            self.times -= 1
            self.change([("/a", b"old")])
        return listing


async def test_somebody_who_writes_at_the_same_time() -> None:
    store = Busy(ATTEMPTS - 1)
    await settle(await Claim.take(store, HEADER), STEPS, End.FINISH)
    assert store.values == NEW


class Late(LimitedStore):
    """Somebody changes the only key of the last step just after it was read."""

    async def read(self, prefix: str) -> Listing:
        listing = await super().read(prefix)
        if prefix == "/c" and self.values["/c"] == b"old":
            self.change([("/c", b"theirs")])
        return listing


async def test_somebody_who_is_faster_at_the_last_step() -> None:
    store = Late(OLD, 3)
    assert await settle(await Claim.take(store, HEADER), STEPS, End.FINISH) == ("/c",)
    assert store.values == {**NEW, "/c": b"theirs"}  # and no header, which everybody would wait for


async def test_somebody_who_does_not_stop_writing() -> None:
    store = Busy(ATTEMPTS)
    with pytest.raises(StoreConflictError):
        await settle(await Claim.take(store, HEADER), STEPS, End.FINISH)
