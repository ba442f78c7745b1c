"""From the kernel's events to commits: who changed what of our table. No I/O.

The kernel tells of each change of a commit, and at its end of the new generation and its maker. Our own commits are
known by the thread that made them, so it does not matter who hears of them first. Of commits that leave our table
alone, nothing is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    NFT_MSG_DELTABLE,
    NFT_MSG_NEWCHAIN,
    NFT_MSG_NEWGEN,
    NFT_MSG_NEWRULE,
    NFT_MSG_NEWSET,
    NFT_MSG_NEWSETELEM,
    NFT_MSG_NEWTABLE,
    Generation,
    Message,
    attribute_list,
    generation_of,
    messages,
    text,
)
from catflap.nft.ruleset import TABLE_NAME

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
_TABLES: Final = {NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE}


class Commit(msgspec.Struct, frozen=True):
    """A commit by somebody else that changed our table."""

    generation: Generation
    touched: Touched


class CommitReader:
    """Puts the events of one socket together. Give it everything that was received, in order.

    Args:
        is_own: whether a generation was made by us.
    """

    def __init__(self, is_own: Callable[[Generation], bool]) -> None:
        self._is_own = is_own
        self._own_ports: set[int] = set()  # of our sockets, as far as they are known
        self._names: tuple[set[str], set[str]] = set(), set()  # chains, sets
        self._ours = False  # whether the commit that is being told of has to do with our table

    def feed(self, data: bytes) -> Iterator[Commit]:
        """The commits that end in what one receive call gave."""
        if len(data) >= HEADER.size and HEADER.unpack_from(data)[-1] in self._own_ports:
            return  # one receive call gives events of one commit: 100,000 new elements of ours cost nothing here
        for message in messages(data):
            if message.subsystem != NFNL_SUBSYS_NFTABLES:
                continue
            if message.type == NFT_MSG_NEWGEN:
                yield from self._ended(message)
            elif message.family == NFPROTO_INET and message.body.startswith(_TABLE):
                self._take(message)

    def lost(self) -> None:
        """Events were lost: what is known of an unfinished commit is worth nothing."""
        self._begin()

    def _begin(self) -> None:
        self._names = set(), set()
        self._ours = False

    def _ended(self, message: Message) -> Iterator[Commit]:
        generation = generation_of(message.body)
        if self._is_own(generation):
            self._own_ports.add(message.port)
        elif self._ours:
            chains, sets = self._names
            yield Commit(generation, Touched(frozenset(chains), frozenset(sets)))
        self._begin()

    def _take(self, message: Message) -> None:
        if message.type in _TABLES:
            self._ours = True
        elif message.type in _NAME:
            self._ours = True
            wanted = _NAME[message.type]
            for kind, value in attribute_list(message.body):
                if kind == wanted:
                    self._names[message.type not in _RULES].add(value.rstrip(b"\0").decode(errors="replace"))
                    break
