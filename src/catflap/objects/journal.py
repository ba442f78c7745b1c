"""The journal of a change: every old and new value, so that whoever finds it interrupted can finish or undo it.

It is written before the first step and removed after the last. It must be whole or recognisably not: a reader who
finds a part of it knows that nothing of the change was made yet. It is text, since etcd's v2 API keeps nothing else.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import zlib
from collections.abc import Sequence

import msgspec

from catflap.model.changes import JOURNAL_ROOT
from catflap.objects.changes import Step
from catflap.store import Store, StoreError

PIECE = 256 << 10  # characters in one key, far below what any etcd takes


def to_pieces(steps: Sequence[Step]) -> list[bytes]:
    """The journal as the values of keys."""
    text = base64.b64encode(zlib.compress(msgspec.json.encode(steps)))
    return [text[start : start + PIECE] for start in range(0, len(text), PIECE)]


def from_pieces(pieces: Sequence[bytes]) -> tuple[Step, ...] | None:
    """The steps in a journal, or None if it is not whole."""
    try:
        data = zlib.decompress(base64.b64decode(b"".join(pieces), validate=True))
        return msgspec.json.decode(data, type=tuple[Step, ...])
    except (binascii.Error, zlib.error, msgspec.DecodeError):
        return None


async def write_journal(store: Store, change_id: str, steps: Sequence[Step]) -> None:
    """Write the journal of a change, piece by piece.

    Raises:
        StoreError: the store is unavailable or refuses.
    """
    for number, piece in enumerate(to_pieces(steps), start=1):
        await store.write([(_path(change_id, number), piece)])


async def read_journal(store: Store, change_id: str) -> tuple[Step, ...] | None:
    """The steps of a change, or None if its journal is not whole, so that nothing of the change was made.

    Raises:
        StoreError: the store is unavailable or refuses.
    """
    found = (await store.read(f"{JOURNAL_ROOT}{change_id}/")).entries
    return from_pieces([found[path].value for path in sorted(found)])


async def remove_journal(store: Store, change_id: str) -> None:
    """Remove the journal of a change that has ended. What cannot be removed now is left to the next author."""
    with contextlib.suppress(StoreError):
        await _remove(store, f"{JOURNAL_ROOT}{change_id}/")


async def remove_all_journals(store: Store) -> None:
    """Remove what changes have left whose author died just after their end. Only who holds the header may.

    Raises:
        StoreError: the store is unavailable or refuses.
    """
    await _remove(store, JOURNAL_ROOT)


async def _remove(store: Store, prefix: str) -> None:
    for path in (await store.read(prefix)).entries:
        await store.write([(path, None)])


def _path(change_id: str, number: int) -> str:
    return f"{JOURNAL_ROOT}{change_id}/{number:06}"
