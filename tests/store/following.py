"""A consumer of a store for tests: keeps a copy of the entries and the list of events."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from catflap.store.api import Alive, Delta, Snapshot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from catflap.model.decoded import Problem
    from catflap.store.api import StoreEvent

LONGEST_WAIT = 20.0  # seconds

Kind = TypeVar("Kind")


class Following:
    """Follows ``source``, as fast as the test asks for events."""

    def __init__(self, source: AsyncIterator[StoreEvent]) -> None:
        self._source = source
        self.entries: dict[str, bytes] = {}
        self.problems: tuple[Problem, ...] = ()
        self.events: list[StoreEvent] = []

    async def next(self, kind: type[Kind]) -> Kind:
        """The next event, which must be of this kind. Signs of life are passed over unless one is asked for."""
        async with asyncio.timeout(LONGEST_WAIT):
            event = await anext(self._source)
            while isinstance(event, Alive) and not issubclass(Alive, kind):
                event = await anext(self._source)
        self.events.append(event)
        if isinstance(event, Snapshot):
            self.entries = dict(event.entries)
        if isinstance(event, Delta):
            for path, value in event.changes:
                if value is None:
                    del self.entries[path]  # what is not there must not be deleted
                else:
                    self.entries[path] = value
        if isinstance(event, Snapshot | Delta):
            self.problems = event.problems
        assert isinstance(event, kind), event
        return event

    async def until(self, reached: Callable[[Following], bool]) -> None:
        """Take events until something holds."""
        while not reached(self):
            await self.next(object)

    def changed_paths(self) -> list[str]:
        """Every path of every delta, in order."""
        return [path for event in self.events if isinstance(event, Delta) for path, _ in event.changes]

    def count(self, kind: type[object]) -> int:
        """How many events of a kind there were."""
        return sum(isinstance(event, kind) for event in self.events)
