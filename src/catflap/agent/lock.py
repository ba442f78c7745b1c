"""One agent for each network namespace: two would undo each other's rule sets for ever.

The lock is a lock on a file named after the namespace, in a directory that only root can enter, so that no other user
can take it. The kernel releases it with the process, however that ends; the file that stays behind means nothing.
"""

from __future__ import annotations

import fcntl
import os
from io import TextIOWrapper
from pathlib import Path
from typing import Final

LOCK_DIRECTORY: Final = Path("/run/catflap")
NAMESPACE: Final = Path("/proc/self/ns/net")


class LockError(Exception):
    """The lock cannot be taken. The text says why."""


class AlreadyRunningError(LockError):
    """Another agent runs in this network namespace."""


def acquire_lock(directory: Path = LOCK_DIRECTORY) -> TextIOWrapper:
    """Take the lock. It is held until the returned file is closed or the process ends.

    Raises:
        AlreadyRunningError: another process holds it; the text names its process id.
        LockError: the lock's file cannot be written.
    """
    path = directory / f"agent-{NAMESPACE.stat().st_ino}.lock"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = path.open("a+", encoding="ascii")
    except OSError as error:
        raise LockError(f"cannot write {path}: {error.strerror}; the agent needs root") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        holder = file.read(20).strip()
        file.close()
        raise AlreadyRunningError(
            f"another agent (process {holder}) is running in this network namespace: stop it first"
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
