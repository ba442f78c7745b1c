"""The port between rule sets and the kernel's nf_tables."""

from __future__ import annotations

from collections.abc import Mapping
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


class Nft(Protocol):
    """One network namespace's nf_tables, as far as our table needs it."""

    def run(self, commands: str) -> None:
        """Run nft text as one transaction: all of it or nothing.

        Raises:
            NftError: it was refused.
        """

    def list_table(self) -> Mapping[str, Any] | None:
        """The document that ``nft -j list table`` gives for our table, with the elements of sets; None without table.

        Raises:
            NftError: it cannot be read.
        """
