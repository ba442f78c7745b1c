"""The port between rule sets and the kernel's nf_tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

import msgspec


class NftError(Exception):
    """The kernel or libnftables refused; nothing of the transaction took effect. The text says why and what helps."""


class Generation(msgspec.Struct, frozen=True):
    """A state of a namespace's nf_tables. Every commit makes a new one, with an ``id`` that is greater by one.

    Attributes:
        id: its number; after 32 bits it begins anew.
        thread: who made it: the id of a thread, not of its process, in the machine's own process namespace.
        name: that thread's name, which is mostly the program's.
    """

    id: int
    thread: int
    name: str


class ElementChange(msgspec.Struct, frozen=True):
    """Elements that one set of our table gets and loses, as nft text. What it loses goes before the rest comes.

    ``type`` is that of the set (``ipv4_addr . inet_proto . inet_service``), ``interval`` whether it has that flag.
    """

    name: str
    type: str
    interval: bool
    added: AbstractSet[str] = frozenset()
    removed: AbstractSet[str] = frozenset()


class Nft(Protocol):
    """One network namespace's nf_tables, as far as our table needs it."""

    def run(self, commands: str) -> None:
        """Run nft text as one transaction: all of it or nothing.

        Raises:
            NftError: it was refused.
        """

    def check(self, commands: str) -> None:
        """Whether `run` would work; nothing takes effect.

        Raises:
            NftError: it would be refused.
        """

    def change_elements(self, changes: Sequence[ElementChange]) -> None:
        """Change elements of sets as one transaction, in a time that does not depend on how large the sets are.

        Raises:
            NftError: it was refused.
        """

    def list_table(self) -> Mapping[str, Any] | None:
        """The document that ``nft -j list table`` gives for our table, with the elements of sets; None without table.

        Raises:
            NftError: it cannot be read.
        """
