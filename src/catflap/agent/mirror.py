"""The store's raw content as last seen, and which of it has not been decoded yet.

It turns snapshots into differences (a resync must not look like deleting and reloading everything) and holds changes
back while the Ready flag is not set.
"""

from __future__ import annotations

from catflap.model import V1_ROOT, V3_ROOT, ReadyFlag, decode
from catflap.store.api import Delta, Snapshot

READY_PATHS = (f"{V1_ROOT}Ready", f"{V3_ROOT}clusterinformations/default")


class Mirror:
    """Path to bytes for all of the store, with a mark on what changed since the last `drain`."""

    def __init__(self) -> None:
        self._entries: dict[str, bytes] = {}
        self._undecoded: set[str] = set()

    def take(self, event: Snapshot | Delta) -> None:
        """Take over a snapshot or the changes of a revision. Values that are the same as before change nothing."""
        if isinstance(event, Delta):
            for path, value in event.changes:
                self._set(path, value)
            return
        for path in self._entries.keys() - event.entries.keys():
            self._set(path, None)
        for path, value in event.entries.items():
            self._set(path, value)

    def _set(self, path: str, value: bytes | None) -> None:
        if self._entries.get(path) == value:
            return
        self._undecoded.add(path)
        if value is None:
            del self._entries[path]
        else:
            self._entries[path] = value

    def drain(self) -> list[tuple[str, bytes | None]]:
        """Every changed path with its value now (None: deleted), in order of the paths; nothing is changed after."""
        changes = [(path, self._entries.get(path)) for path in sorted(self._undecoded)]
        self._undecoded.clear()
        return changes

    @property
    def pending(self) -> bool:
        """Whether anything has changed since the last `drain`."""
        return bool(self._undecoded)

    @property
    def empty(self) -> bool:
        """Whether the store holds nothing at all."""
        return not self._entries

    def not_ready_reason(self) -> str | None:
        """Why the data may not be acted upon yet; None when they may.

        Either Ready flag serves, and both have a veto: one that is present and not true means not ready, so that an
        administrator of either tree can hold all agents back.
        """
        flags = [(path, self._ready_flag(path)) for path in READY_PATHS if path in self._entries]
        for path, flag in flags:
            if flag is None or not flag.ready:
                shown = self._entries[path].decode(errors="replace")
                return f"{path} is {shown[:200]!r}, not true"
        return None if flags else f"{READY_PATHS[0]} is not set; 'catflap init' sets it"

    def _ready_flag(self, path: str) -> ReadyFlag | None:
        for change in decode(path, self._entries[path]).changes:
            if isinstance(change.resource, ReadyFlag):
                return change.resource
        return None
