"""From the kernel's events to commits: who changed what of our table. No I/O.

The kernel tells of each change of a commit, and at its end of the new generation and its maker. Our own commits are
known by the thread that made them, so it does not matter who hears of them first. Of commits that leave our table
alone, nothing is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from catflap.nft.damage import Touched
from catflap.nft.nfnetlink import (
    HEADER,
    NFNL_SUBSYS_NFTABLES,
    NFPROTO_INET,
    NFT_MSG_DELCHAIN,
    NFT_MSG_DELRULE,
    NFT_MSG_DELSET,
    NFT_MSG_DELSETELEM,
    NFT_MSG_NEWCHAIN,
    NFT_MSG_NEWGEN,
    NFT_MSG_NEWRULE,
    NFT_MSG_NEWSET,
    NFT_MSG_NEWSETELEM,
    Generation,
    Message,
    attribute_list,
    generation_of,
    messages,
    read_text,
    text,
)
from catflap.nft.ruleset import TABLE_NAME

_END: Final = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN
_TABLE: Final = text(1, TABLE_NAME)  # how the attributes of everything in our table begin
_NAME: Final = {  # the attribute with the name of the chain or set
    NFT_MSG_NEWCHAIN: 3,
    NFT_MSG_DELCHAIN: 3,
    NFT_MSG_NEWRULE: 2,
    NFT_MSG_DELRULE: 2,
    NFT_MSG_NEWSET: 2,
    NFT_MSG_DELSET: 2,
    NFT_MSG_NEWSETELEM: 2,
    NFT_MSG_DELSETELEM: 2,
}
_RULES: Final = {NFT_MSG_NEWCHAIN, NFT_MSG_DELCHAIN, NFT_MSG_NEWRULE, NFT_MSG_DELRULE}

LARGE: Final = 1 << 17  # bytes of a commit that are taken apart: some milliseconds of work


class Commit(msgspec.Struct, frozen=True):
    """A commit by somebody else that changed our table. ``whole``: nothing else of it was touched."""

    generation: Generation
    touched: Touched
    whole: bool = True


class CommitReader:
    """Puts the events of one socket together. Give it everything that was received, in order.

    Nothing is taken apart before its maker is known, so 100,000 elements cost next to nothing here where they are ours,
    or of another table.

    Args:
        is_own: whether a generation was made by us.
    """

    def __init__(self, is_own: Callable[[Generation], bool]) -> None:
        self._is_own = is_own
        self._pieces: list[bytes] = []  # of the commit that is being told of, as far as it concerns our table
        self._size = 0  # bytes of these, and of those that were too many to keep

    def feed(self, data: bytes) -> Iterator[Commit]:
        """The commits that end in what one receive call gave: many events of one commit, or its end."""
        if len(data) < HEADER.size:
            return
        if HEADER.unpack_from(data)[1] == _END:
            for message in messages(data):
                yield from self._ended(generation_of(message.body))
        elif _TABLE in data:
            self._size += len(data)
            if self._size <= LARGE:
                self._pieces.append(data)

    def lost(self) -> None:
        """Events were lost: what is known of an unfinished commit is worth nothing."""
        self._pieces, self._size = [], 0

    def _ended(self, generation: Generation) -> Iterator[Commit]:
        pieces, size = self._pieces, self._size
        self._pieces, self._size = [], 0
        if size and not self._is_own(generation):
            ours = [message for piece in pieces for message in messages(piece) if _is_ours(message)]
            if ours or size > LARGE:
                yield Commit(generation, _touched(ours), size <= LARGE)


def _is_ours(message: Message) -> bool:
    of_tables = message.subsystem == NFNL_SUBSYS_NFTABLES and message.family == NFPROTO_INET
    return of_tables and message.body.startswith(_TABLE)


def _touched(events: Iterable[Message]) -> Touched:
    """The chains and sets that events of our table name; those of the table itself name none."""
    chains: set[str] = set()
    sets: set[str] = set()
    for event in events:
        wanted = _NAME.get(event.type)
        for kind, value in attribute_list(event.body) if wanted else ():
            if kind == wanted:
                (chains if event.type in _RULES else sets).add(read_text(value))
                break
    return Touched(frozenset(chains), frozenset(sets))
