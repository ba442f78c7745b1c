"""The store's content as last seen, and which of it has not been decoded yet.

It turns snapshots into differences (a resync must not look like deleting and reloading everything) and tells whether
the content may be acted upon. Of what has been decoded only a digest is kept: the bytes of a fleet weigh more than
what they mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final, TypeAlias

from catflap.model import V1_ROOT, V3_ROOT, ReadyFlag, decode
from catflap.model.changes import CHANGE_PATH
from catflap.store.api import Delta, Snapshot

Change: TypeAlias = tuple[str, bytes | None]  # a path and its value, None: deleted

READY_PATHS: Final = (f"{V1_ROOT}Ready", f"{V3_ROOT}clusterinformations/default")
DIGEST_SIZE: Final = 16  # bytes: two values of one path never have the same by chance
_STEERING: Final = frozenset({*READY_PATHS, CHANGE_PATH})


class Mirror:
    """What each path of the store held last, with a mark on what changed since the last `drain`."""

    def __init__(self) -> None:
        self._digests: dict[str, bytes] = {}
        self.entries = 0  # of the two trees that hold policy
        self._undecoded: dict[str, bytes | None] = {}
        self._steering: dict[str, bytes] = {}  # the values that say whether the others may be acted upon

    def changes_to(self, snapshot: Snapshot) -> Iterator[Change]:
        """What leads to a snapshot: every path that it does not have as deleted, then all that it has.

        The snapshot is emptied on the way: whoever it came through may keep it until the next event.
        """
        entries = snapshot.entries
        for path in self._digests.keys() - entries.keys():
            yield path, None
        for path in list(entries):
            yield path, entries.pop(path)

    def take(self, event: Snapshot | Delta) -> None:
        """Take over an event as a whole."""
        self.note(event.changes if isinstance(event, Delta) else self.changes_to(event))

    def note(self, changes: Iterable[Change]) -> None:
        """Take over changes. Values that are the same as before change nothing."""
        for path, value in changes:
            self._set(path, value)

    def _set(self, path: str, value: bytes | None) -> None:
        digest = None if value is None else blake2b(value, digest_size=DIGEST_SIZE).digest()
        if self._digests.get(path) == digest:
            return
        self._undecoded[path] = value
        if path.startswith((V1_ROOT, V3_ROOT)):
            self.entries += -1 if digest is None else path not in self._digests
        if digest is None:
            del self._digests[path]
        else:
            self._digests[path] = digest
        if path in _STEERING:
            self._steer(path, value)

    def _steer(self, path: str, value: bytes | None) -> None:
        if value is None:
            self._steering.pop(path, None)
        else:
            self._steering[path] = value

    def drain(self) -> Iterator[Change]:
        """Every changed path with its value now (None: deleted), in the order of change; nothing is changed after.

        Each value is let go of as it is given out.
        """
        changes, self._undecoded = self._undecoded, {}
        return ((path, changes.pop(path)) for path in list(changes))

    @property
    def pending(self) -> int:
        """How many paths have changed since the last `drain`."""
        return len(self._undecoded)

    @property
    def empty(self) -> bool:
        """Whether the store holds nothing at all."""
        return not self._digests

    @property
    def change_header(self) -> bytes | None:
        """What the store holds about a change in progress, see `catflap.model.changes`."""
        return self._steering.get(CHANGE_PATH)

    def not_ready_reason(self) -> str | None:
        """Why the data may not be acted upon yet; None when they may.

        Either Ready flag serves, and both have a veto: one that is present and not true means not ready, so that an
        administrator of either tree can hold all agents back.
        """
        flags = [(path, self._steering[path]) for path in READY_PATHS if path in self._steering]
        for path, value in flags:
            flag = _ready_flag(path, value)
            if flag is None or not flag.ready:
                return f"{path} is {value.decode(errors='replace')[:200]!r}, not true"
        return None if flags else f"{READY_PATHS[0]} is not set; 'catflap init' sets it"


def _ready_flag(path: str, value: bytes) -> ReadyFlag | None:
    for change in decode(path, value).changes:
        if isinstance(change.resource, ReadyFlag):
            return change.resource
    return None
