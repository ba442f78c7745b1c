from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.objects.stores import LimitedStore

from catflap.model.changes import JOURNAL_ROOT
from catflap.objects.changes import KeyChange
from catflap.objects.journal import (
    PIECE,
    from_pieces,
    read_journal,
    remove_all_journals,
    remove_journal,
    to_pieces,
    write_journal,
)

CHANGES = st.builds(
    KeyChange, st.text(), st.none() | st.binary(), st.none() | st.binary(), st.integers(0, 2**63)
)
STEPS = (
    (KeyChange("/a", None, b"\xff", 0), KeyChange("/b", b"1", None, 7)),
    (KeyChange("/c", b"", b"1", 9),),
)
NOISE = os.urandom(2 * PIECE)  # nothing that could be compressed


@given(st.lists(st.lists(CHANGES).map(tuple)))
def test_every_change_comes_back(steps: list[tuple[KeyChange, ...]]) -> None:
    pieces = to_pieces(steps)
    assert from_pieces(pieces) == tuple(steps)
    assert b"".join(pieces).isascii()


@given(st.integers(0, 10_000))
def test_a_part_is_none(length: int) -> None:
    [piece] = to_pieces(STEPS)
    assert from_pieces([piece[: min(length, len(piece) - 1)]]) is None


def test_a_missing_piece() -> None:
    pieces = to_pieces([(KeyChange("/a", None, NOISE, 0),)])
    assert len(pieces) > 2
    assert from_pieces(pieces) is not None
    for number in range(len(pieces)):
        assert from_pieces([piece for place, piece in enumerate(pieces) if place != number]) is None


@pytest.mark.parametrize("piece", [b"", b"!", b"\xff", b"AAAA", b"eJyrrgUAAXUA+Q=="])
def test_what_is_no_journal(piece: bytes) -> None:
    assert from_pieces([piece]) is None


async def test_a_journal_in_a_store() -> None:
    store = LimitedStore({}, 2)
    steps = ((KeyChange("/a", None, NOISE, 0),),)
    await write_journal(store, "a1", steps)
    await write_journal(store, "a2", STEPS)
    assert len(store.values) > 2
    assert all(path.startswith(JOURNAL_ROOT) and len(value) <= PIECE for path, value in store.values.items())
    assert await read_journal(store, "a1") == steps
    await remove_journal(store, "a1")
    assert await read_journal(store, "a1") is None
    assert await read_journal(store, "a2") == STEPS
    await remove_all_journals(store)
    assert store.values == {}
