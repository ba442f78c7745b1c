"""The port between Catflap and the host's network interfaces."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol, TypeAlias

import msgspec


class Interface(msgspec.Struct, frozen=True):
    """A network interface as the kernel reports it.

    ``addresses`` are canonical text, both IP versions. ``up``: it can carry packets, its cable or peer included.
    ``carrier_changes`` counts how often it has gained or lost its carrier: what was down and is up again may have lost
    its routes in between. ``master`` is the index of the bridge or bond that it is a port of, 0 where it is none.
    """

    index: int
    name: str
    addresses: frozenset[str] = frozenset()
    up: bool = False
    carrier_changes: int = 0
    master: int = 0


Interfaces: TypeAlias = Mapping[str, Interface]  # by name


class InterfaceWatcher(Protocol):
    """Follows the interfaces of the network namespace that the process is in."""

    def follow(self) -> AsyncIterator[Interfaces]:
        """All interfaces at once, then all of them again after each change (or burst of changes).

        It never polls and never ends on its own; after lost events it reads everything anew.
        """

    async def close(self) -> None:
        """Stop following."""
