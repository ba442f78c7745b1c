"""Says which labs are alive: each holds a locked file, and the kernel drops the lock however its owner dies.

So a process number that was used again is never taken for the owner, and no clean-up has to run for a lab to count
as dead. This module must never touch what a lab owns.
"""

from __future__ import annotations

import fcntl
import itertools
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

CLAIMS: Final = Path("/run/catflap-lab")


class Claim:
    """A label that is this lab's alone for as long as it lives: ``<pid>``, ``<pid>.2`` and so on.

    Raises:
        OSError: The folder of claims cannot be written.
    """

    def __init__(self, folder: Path = CLAIMS) -> None:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        for number in itertools.count(1):
            self.label = f"{os.getpid()}" if number == 1 else f"{os.getpid()}.{number}"
            self._path = folder / self.label
            descriptor = _lock(self._path)
            if descriptor is not None:
                self._descriptor = descriptor
                return

    def release(self) -> None:
        """Give the label back."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def labels(folder: Path = CLAIMS) -> set[str]:
    """All labels that are or were claimed."""
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


@contextmanager
def abandoned(label: str, folder: Path = CLAIMS) -> Iterator[bool]:
    """Whether the label's owner is gone. If so, it is held meanwhile and nobody's afterwards."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    path = folder / label
    descriptor = _lock(path)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            path.unlink(missing_ok=True)
            os.close(descriptor)


def _lock(path: Path) -> int | None:
    """The descriptor of the locked file, or None if somebody else has it or is just removing it."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None
