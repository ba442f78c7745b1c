"""A consumer's copy of the store: turns every event, a snapshot too, into the changes against what was known. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catflap.store.api import Delta, Snapshot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from catflap.model.decoded import Problem
    from catflap.store.api import StoreEvent


class Mirror:
    """What the store holds as far as it was told; ``revision`` 0 means that there was no snapshot yet."""

    def __init__(self) -> None:
        self._entries: dict[str, bytes] = {}
        self.problems: tuple[Problem, ...] = ()
        self.revision = 0

    @property
    def entries(self) -> Mapping[str, bytes]:
        """All entries."""
        return self._entries

    def apply(self, event: StoreEvent) -> tuple[tuple[str, bytes | None], ...]:
        """Take an event, return the changes that it makes here: of a snapshot only the differences."""
        if not isinstance(event, Snapshot | Delta):
            return ()
        changes = event.changes if isinstance(event, Delta) else self._differences(event.entries)
        effective = tuple(change for change in changes if self._entries.get(change[0]) != change[1])
        for path, value in effective:
            if value is None:
                self._entries.pop(path, None)
            else:
                self._entries[path] = value
        self.revision = event.revision
        self.problems = event.problems
        return effective

    async def follow(
        self, events: AsyncIterator[StoreEvent], until: Callable[[StoreEvent], bool]
    ) -> StoreEvent:
        """Apply events up to the first for which ``until`` holds, which is asked after each.

        Raises:
            EOFError: the store was closed before.
        """
        async for event in events:
            self.apply(event)
            if until(event):
                return event
        raise EOFError("the store was closed")

    def _differences(self, entries: Mapping[str, bytes]) -> tuple[tuple[str, bytes | None], ...]:
        gone = ((path, None) for path in self._entries if path not in entries)
        return (*gone, *entries.items())
