"""Which files have certainly not changed since they were read, so that a change of one costs no reading of all.

Pure: it is told what ``stat`` said. It must never take a changed file for an unchanged one, so what was changed at
about the time of its reading is not remembered: the clock of a file system ticks slowly, and the next change may
leave the same time behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from catflap.store.directory.tree import Reading

TICK = 1_000_000_000  # nanoseconds; the clocks of local file systems tick every 1 to 10 ms, some others' once a second

_Signature: TypeAlias = tuple[int, int, int, int, int]


class Signatures:
    """Those of the files whose content the tree knows."""

    def __init__(self) -> None:
        self._known: dict[str, _Signature] = {}

    def unchanged(self, path: str, status: os.stat_result) -> bool:
        """Whether the file at ``path`` is the one whose content was taken last."""
        return self._known.get(path) == _signature(status)

    def learn(self, readings: Mapping[str, Reading], begun: int) -> None:
        """Remember what the tree has taken.

        Args:
            readings: what was given to the tree; what is not among it is forgotten.
            begun: when the reading of the files began, in nanoseconds since 1970.
        """
        known: dict[str, _Signature] = {}
        for path, reading in readings.items():
            if reading.left_alone:
                if path in self._known:
                    known[path] = self._known[path]
            elif reading.status is not None and reading.status.st_ctime_ns + TICK <= begun:
                known[path] = _signature(reading.status)
        self._known = known

    def forget(self) -> None:
        """Let every file be read again."""
        self._known.clear()


def _signature(status: os.stat_result) -> _Signature:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
