"""The port between rule sets and the kernel's nf_tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

import msgspec

from catflap.nft.content import CounterValue, Outline
from catflap.nft.nfnetlink import Generation
from catflap.nft.ruleset import SetOrMap


class NftError(Exception):
    """The kernel or libnftables refused; nothing of the transaction took effect. The text says why and what helps."""


class NftContent(Protocol):
    """What a namespace's nf_tables really holds of our table."""

    def generation(self) -> Generation:
        """The generation now. It names the calling thread, whoever made it.

        Raises:
            NftError: it cannot be read.
        """

    def outline(self) -> Outline | None:
        """The table without rules and elements; None without table.

        Raises:
            NftError: it cannot be read.
        """

    def chain_digests(self, names: Collection[str] | None = None) -> Mapping[str, str]:
        """A digest of the rules of the chains named, or of all; chains without rules are left out.

        Raises:
            NftError: they cannot be read.
        """

    def elements(self, item: SetOrMap) -> Mapping[str, str]:
        """What is in the set or map of that name, read as elements of that type: to empty text, or to verdicts.

        Raises:
            NftError: they cannot be read.
        """

    def counters(self) -> Mapping[str, CounterValue]:
        """What the counters of our table have counted, by name.

        Raises:
            NftError: they cannot be read.
        """


class ElementChange(msgspec.Struct, frozen=True):
    """Elements that one set or map of our table gets and loses, as nft text. What it loses goes before the rest comes.

    ``type`` is that of its keys (``ipv4_addr . inet_proto . inet_service``), ``interval`` whether it has that flag;
    ``verdicts`` are those of the keys that a map gets.
    """

    name: str
    type: str
    interval: bool
    added: AbstractSet[str] = frozenset()
    removed: AbstractSet[str] = frozenset()
    verdicts: Mapping[str, str] = {}


class Nft(NftContent, Protocol):
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
        """Change elements of sets and maps as one transaction, in a time that does not depend on how large they are.

        Raises:
            NftError: it was refused.
        """

    def list_table(self) -> Mapping[str, Any] | None:
        """The document that ``nft -j list table`` gives for our table, with the elements of sets; None without table.

        Raises:
            NftError: it cannot be read.
        """
