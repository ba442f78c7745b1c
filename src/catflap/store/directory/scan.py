"""Reads a directory tree: which files there are, and their bytes. Blocking: call it in a thread.

Whatever is wrong with one entry is a reading of its own with the reason, and must never hide the others. The walk must
end soon, wherever links and mounts lead.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from catflap.store.directory.documents import MAX_FILE, is_policy_file
from catflap.store.directory.strict_modes import UntrustedError
from catflap.store.directory.tree import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from catflap.store.directory.strict_modes import StrictModes

MAX_DEPTH = 32  # directories below each other
MAX_DIRECTORIES = 4096  # each takes one of the kernel's watches
# Of watches, files, memory: of no one entry.
_SHORTAGES = (errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM)


def scan(
    root: str,
    visit: Callable[[str], None] | None = None,
    leave_alone: Collection[str] = (),
    modes: StrictModes | None = None,
    unchanged: Callable[[str, os.stat_result], bool] | None = None,
) -> dict[str, Reading]:
    """All policy files below ``root``, by path, subdirectories included.

    Links to files are followed anywhere, links to directories only within the tree: another one may be as large and
    strange as ``/proc``.

    Args:
        root: an absolute path.
        visit: called with the real path of every directory that files are found in, before it is listed, and of
            every directory that a link to a file leads to.
        leave_alone: real paths of files not to be opened.
        modes: refuses what others may write; without it nobody is asked.
        unchanged: told a file's path and status, says that it need not be read.

    Raises:
        UntrustedError: others may write ``root``, or a directory on the way to it.
        OSError: ``root`` cannot be listed, or the system is short of watches, open files or memory.
    """
    return _Scan(visit or _ignore, leave_alone, modes, unchanged).run(root)


def _ignore(_directory: str) -> None:
    pass


class _Scan:
    def __init__(
        self,
        visit: Callable[[str], None],
        leave_alone: Collection[str],
        modes: StrictModes | None,
        unchanged: Callable[[str, os.stat_result], bool] | None,
    ) -> None:
        self._visit = visit
        self._leave_alone = leave_alone
        self._modes = modes
        self._unchanged = unchanged
        self._root = ""
        self._visited: set[str] = set()
        self._readings: dict[str, Reading] = {}

    def run(self, root: str) -> dict[str, Reading]:
        self._root = os.path.realpath(root)
        reason = self._way_fault(root) or self._directory_fault(self._root)
        if reason is not None:
            raise UntrustedError(reason)
        self._list(root, self._root, 0)
        return self._readings

    def _list(self, directory: str, real: str, depth: int) -> None:
        self._visited.add(real)
        self._visit(real)
        with os.scandir(directory) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        prefix = f"{real.rstrip('/')}/"
        for entry in found:
            if not entry.name.startswith("."):
                self._take(entry, prefix, depth)

    def _take(self, entry: os.DirEntry[str], prefix: str, depth: int) -> None:
        try:
            if entry.is_dir():
                self._take_directory(entry, _real_path(entry, prefix), depth + 1)
            elif is_policy_file(entry.name):
                self._take_file(entry, _real_path(entry, prefix))
        except FileNotFoundError:  # gone since it was listed
            return
        except OSError as error:
            if error.errno in _SHORTAGES:
                raise
            self._refuse(entry.path, f"cannot read it: {error.strerror}.")

    def _take_file(self, entry: os.DirEntry[str], real: str) -> None:
        reason: str | None = None
        if entry.is_symlink():
            parent = os.path.dirname(real)  # noqa: PTH120 - text only, for each of very many files
            if os.path.isdir(parent):  # noqa: PTH112 - the same
                self._visit(parent)
            reason = self._way_fault(entry.path)
        if reason is not None:
            self._readings[entry.path] = Reading(real, reason=reason)
        elif real in self._leave_alone:
            self._readings[entry.path] = Reading(real)
        else:
            reading = read(entry.path, real, self._modes, self._unchanged)
            if reading.reason is None or os.path.lexists(entry.path):  # else it is gone since it was listed
                self._readings[entry.path] = reading

    def _take_directory(self, entry: os.DirEntry[str], real: str, depth: int) -> None:
        if real in self._visited:  # links can lead in circles
            return
        if is_policy_file(entry.name):
            self._refuse(entry.path, "it is a directory with the name of a file; rename it.")
        elif not f"{real}/".startswith(f"{self._root.rstrip('/')}/"):
            reason = f"it is a link to a directory outside of {self._root}; link files instead."
            self._refuse(entry.path, reason)
        elif depth > MAX_DEPTH:
            self._refuse(entry.path, f"directories are read {MAX_DEPTH} levels deep only.")
        elif len(self._visited) >= MAX_DIRECTORIES:
            self._refuse(entry.path, f"only {MAX_DIRECTORIES} directories are read.")
        elif (fault := self._way_fault(entry.path) or self._directory_fault(real)) is not None:
            self._refuse(entry.path, fault)
        else:
            self._list(entry.path, real, depth)

    def _way_fault(self, path: str) -> str | None:
        return None if self._modes is None else self._modes.way_to(path)

    def _directory_fault(self, real: str) -> str | None:
        return None if self._modes is None else self._modes.of(real, Path(real).stat())

    def _refuse(self, path: str, reason: str) -> None:
        self._readings[path] = Reading(path, reason=reason)


def _real_path(entry: os.DirEntry[str], prefix: str) -> str:
    """Where an entry below ``prefix``, a real path, leads to; even if links above it have changed meanwhile."""
    path = prefix + entry.name
    return os.path.realpath(path) if entry.is_symlink() else path


def read(
    path: str,
    real_path: str,
    modes: StrictModes | None = None,
    unchanged: Callable[[str, os.stat_result], bool] | None = None,
) -> Reading:
    """Read one file; ``modes`` and ``unchanged`` as for `scan`.

    Devices and pipes are refused and not even opened: that may wait, or do something.

    Raises:
        OSError: the system is short of open files or memory.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - half the time of pathlib's, for each of very many files
        if (reason := _fault(real_path, status, modes)) is not None:
            return Reading(real_path, reason=reason)
        if unchanged is not None and unchanged(path, status):
            return Reading(real_path)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)  # another file may have come to this place meanwhile
            if (reason := _fault(real_path, status, modes)) is not None:
                return Reading(real_path, reason=reason)
            data = file.read(MAX_FILE + 1)  # one more, so that the excess is noticed
            return Reading(real_path, data, status=status)
    except OSError as error:
        if error.errno in _SHORTAGES:
            raise
        return Reading(real_path, reason=f"cannot read the file: {error.strerror}.")


def _fault(real_path: str, status: os.stat_result, modes: StrictModes | None) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return "it is no regular file."
    return None if modes is None else modes.of(real_path, status)
