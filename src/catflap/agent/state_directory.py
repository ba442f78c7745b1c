"""Where the agent keeps what must outlive a reboot, and how its files are read and written so that they can be trusted.

A file is there with all of its content or as it was before, whatever is killed, full or pulled out; whoever else may
write it, or a directory on the way to it, makes it worthless. Nothing here knows what the files say.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from catflap.store.directory.strict_modes import StrictModes

STATE_VARIABLE: Final = "CATFLAP_STATE_DIR"
DEFAULT_DIRECTORY: Final = Path("/var/lib/catflap")
# The kernel shows it in the host's own network namespace only. (That of process 1 may be hidden even from root.)
_ON_HOST_ONLY: Final = Path("/proc/sys/net/core/netdev_budget")
_NEW: Final = ".new"  # a fixed name: what a writer leaves that is killed is overwritten by the next one


class UntrustedFileError(Exception):
    """Others than root could have written a file. The text says which one, why, and the remedy."""


def state_directory(environment: Mapping[str, str]) -> Path | None:
    """The directory; None where the default would be that of another network namespace, namely the host's.

    A rule set belongs to one network namespace: a lab's or a container's must never be loaded at the host's boot.
    """
    if named := environment.get(STATE_VARIABLE):
        return Path(named).absolute()
    return DEFAULT_DIRECTORY if _ON_HOST_ONLY.exists() else None


def read_trusted(path: Path) -> bytes | None:
    """The content of a file that nobody but root (and the agent's user) can have written; None if there is none.

    Raises:
        UntrustedFileError: others may write it, or it is no regular file.
        OSError: it cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UntrustedFileError(f"{path} is no regular file: remove it")
        modes = StrictModes()
        if reason := modes.of(str(path), status) or modes.way_to(str(path)):
            raise UntrustedFileError(reason)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file by one with this content, mode 0600; when this returns it is on disk.

    Raises:
        UntrustedFileError: others may write the directory, or one on the way to it.
        OSError: it cannot be written; the old file is as it was.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if reason := StrictModes().way_to(str(path)):
        raise UntrustedFileError(reason)
    temporary = path.with_name(path.name + _NEW)
    try:
        _write(temporary, content)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()  # it takes away space that is missing
        raise
    _sync(path.parent)


def _write(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _sync(directory: Path) -> None:
    """See to it that the names in a directory are on disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
