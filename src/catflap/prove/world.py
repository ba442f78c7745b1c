"""A world: all that decides what one host enforces, as it stands in the store and in the agent's configuration."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec
from msgspec.structs import replace

from catflap.nft.style import DEFAULT_STYLE, NO_LOOKUPS, Counting, RuleStyle

Json: TypeAlias = Any


_REPETITION: Final = 64  # worlds are small: their rules may be repeated more often than those of real policy


class World(msgspec.Struct, frozen=True):
    """``entries`` are stored values (JSON) by their path, ``configuration`` the agent's parameters as text.

    ``restart``: before it there is a new agent, which finds in the kernel what the one before has left. ``rules``: so
    many stand one below the other before they are put into look-ups; None is what agents do, -1 is no look-ups at all.
    ``counting``: for what packets are counted.
    """

    configuration: dict[str, str]
    entries: dict[str, Json]
    restart: bool = False
    rules: int | None = None
    counting: Counting = Counting.NONE

    @property
    def style(self) -> RuleStyle:
        """The compiler's, for ``rules`` and ``counting``."""
        style = DEFAULT_STYLE
        if self.rules is not None:
            style = NO_LOOKUPS if self.rules < 0 else RuleStyle(rules=self.rules, repetition=_REPETITION)
        return replace(style, counting=self.counting)

    def with_entries(self, entries: dict[str, Json]) -> World:
        """The same host with another content of the store."""
        return replace(self, entries=entries)
