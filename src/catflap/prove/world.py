"""A world: all that decides what one host enforces, as it stands in the store and in the agent's configuration."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

Json: TypeAlias = Any


class World(msgspec.Struct, frozen=True):
    """``entries`` are stored values (JSON) by their path, ``configuration`` the agent's parameters as text.

    ``restart``: before it there is a new agent, which finds in the kernel what the one before has left.
    """

    configuration: dict[str, str]
    entries: dict[str, Json]
    restart: bool = False

    def with_entries(self, entries: dict[str, Json]) -> World:
        """The same host with another content of the store."""
        return World(self.configuration, entries, self.restart)
