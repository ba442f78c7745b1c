"""Puts the answers of a watch together into whole revisions. Pure: no I/O, no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catflap.store.api import Delta
from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.paths import decode_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Assembler:
    """Collects events until their revision is known to be complete.

    A revision can be split across fragments. The events of a watch are ordered by revision, so within a fragment
    every revision but the last is complete.
    """

    def __init__(self) -> None:
        self._rest: list[pb.Event] = []

    @property
    def waiting(self) -> bool:
        """Whether the beginning of a revision waits for its end."""
        return bool(self._rest)

    def add(self, events: Iterable[pb.Event], *, fragment: bool) -> list[pb.Event]:
        """Take one answer (``fragment``: more of it follows), return the events of all revisions now complete."""
        pending = [*self._rest, *events]
        complete = len(pending)
        if fragment and pending:
            last = pending[-1].kv.mod_revision
            while complete and pending[complete - 1].kv.mod_revision == last:
                complete -= 1
        self._rest = pending[complete:]
        return pending[:complete]


def merge(events: Sequence[pb.Event]) -> Delta:
    """One delta of all events (of one at least), each path once with its last value."""
    changes: dict[str, bytes | None] = {}
    for event in events:
        path = decode_path(event.kv.key)
        changes.pop(path, None)  # the order is that of the last change
        changes[path] = None if event.type == pb.Event.DELETE else event.kv.value
    return Delta(events[-1].kv.mod_revision, tuple(changes.items()))
