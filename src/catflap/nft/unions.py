"""Sets that hold the addresses of several IP sets, for rules of one verdict that differ just in the set they ask for.

A packet then costs one look-up in place of one for each IP set. The addresses are there twice, so which sets are put
together is decided by a cost model (`catflap.nft.decision`); here it is only done, and done again where members change.
A union is named after its place in a tree, and changes in place like any other set of addresses.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from operator import is_
from typing import TypeAlias

from catflap.model.resources import IpVersion
from catflap.nft.names import digest
from catflap.nft.ruleset import NftSet

Union: TypeAlias = tuple[tuple[str, ...], IpVersion]  # ids of IP sets, and the IP version


class Unions:
    """Makes unions, and remembers them for as long as their parts stay the same."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[tuple[NftSet, ...], NftSet]] = {}

    def get(self, name: str, parts: Sequence[NftSet]) -> NftSet:
        """The union of these sets of addresses, under a name."""
        known = self._made.get(name)
        if known is not None and len(known[0]) == len(parts) and all(map(is_, known[0], parts)):
            return known[1]
        elements = frozenset[str]().union(*(item.elements for item in parts))
        made = NftSet(name, parts[0].type, (), elements, "several IP sets")
        self._made[name] = tuple(parts), made
        return made

    def keep(self, names: AbstractSet[str]) -> None:
        """Forget all others."""
        self._made = {name: made for name, made in self._made.items() if name in names}


def union_name(place: str, version: IpVersion) -> str:
    """What the union for a place is called in the kernel."""
    return f"addresses{version}-union-{digest(place)}"
