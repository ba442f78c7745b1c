"""The status document in a file of this host: for a directory store, and for when the store cannot be reached.

A file does not vanish with its writer, so readers go by the time in it. It is written in a thread, the newest document
only; a disk that cannot be written is said once, and changes nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

NAME: Final = "status.json"  # in the agent's directory of state
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


class LocalReport:
    """Writes one file.

    Args:
        directory: that it is in; None to write nothing.
    """

    def __init__(self, directory: Path | None) -> None:
        self._path = None if directory is None else directory / NAME
        self._newest = b""
        self._offered = asyncio.Event()
        self._failing = False

    def put(self, document: bytes) -> None:
        """Write it soon; one that was not written yet is forgotten for it."""
        self._newest = document
        self._offered.set()

    async def run(self) -> None:
        """Write until cancelled, and then take the file away."""
        if self._path is None:
            return
        try:
            while True:
                await self._offered.wait()
                self._offered.clear()
                await asyncio.to_thread(self._write, self._path, self._newest)
        finally:
            with suppress(OSError):
                self._path.unlink()

    def _write(self, path: Path, content: bytes) -> None:
        try:
            _replace(path, content)
        except OSError as error:
            if not self._failing:
                log.info("Cannot write %s: %s; it is tried again with the next report", path, error.strerror)
            self._failing = True
        else:
            self._failing = False


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.new")
    with suppress(FileNotFoundError):
        temporary.unlink()  # of a writer that was killed
    with os.fdopen(os.open(temporary, _FLAGS, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(path)
