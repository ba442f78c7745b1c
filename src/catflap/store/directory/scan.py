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
from catflap.store.directory.tree import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

MAX_DEPTH = 32  # directories below each other
MAX_DIRECTORIES = 4096  # each takes one of the kernel's watches
_SHORTAGES = (
    errno.ENOSPC,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
)  # of watches, files, memory: of no one entry


def scan(
    root: str, visit: Callable[[str], None] | None = None, leave_alone: Collection[str] = ()
) -> dict[str, Reading]:
    """All policy files below ``root``, by path, subdirectories included.

    Links to files are followed anywhere, links to directories only within the tree: another one may be as large and
    strange as ``/proc``.

    Args:
        root: an absolute path.
        visit: called with the real path of every directory that files are found in, before it is listed, and of
            every directory that a link to a file leads to.
        leave_alone: real paths of files not to be opened.

    Raises:
        OSError: ``root`` cannot be listed, or the system is short of watches, open files or memory.
    """
    return _Scan(visit or _ignore, leave_alone).run(root)


def _ignore(_directory: str) -> None:
    pass


class _Scan:
    def __init__(self, visit: Callable[[str], None], leave_alone: Collection[str]) -> None:
        self._visit = visit
        self._leave_alone = leave_alone
        self._root = ""
        self._visited: set[str] = set()
        self._readings: dict[str, Reading] = {}

    def run(self, root: str) -> dict[str, Reading]:
        self._root = os.path.realpath(root)
        self._list(root, self._root, 0)
        return self._readings

    def _list(self, directory: str, real: str, depth: int) -> None:
        self._visited.add(real)
        self._visit(real)
        with os.scandir(directory) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            if not entry.name.startswith("."):
                self._take(entry, real, depth)

    def _take(self, entry: os.DirEntry[str], directory: str, depth: int) -> None:
        try:
            if entry.is_dir():
                self._list_below(entry.path, _real_path(entry, directory), depth + 1)
            elif is_policy_file(entry.name):
                self._read(entry, _real_path(entry, directory))
        except FileNotFoundError:  # gone since it was listed
            return
        except OSError as error:
            if error.errno in _SHORTAGES:
                raise
            self._refuse(entry.path, f"cannot read it: {error.strerror}.")

    def _read(self, entry: os.DirEntry[str], real: str) -> None:
        parent = Path(real).parent
        if entry.is_symlink() and parent.is_dir():
            self._visit(str(parent))
        self._readings[entry.path] = Reading(real) if real in self._leave_alone else read(entry.path, real)

    def _list_below(self, directory: str, real: str, depth: int) -> None:
        if real in self._visited:  # links can lead in circles
            return
        if not f"{real}/".startswith(f"{self._root.rstrip('/')}/"):
            self._refuse(
                directory, f"it is a link to a directory outside of {self._root}; link files instead."
            )
        elif depth > MAX_DEPTH:
            self._refuse(directory, f"directories are read {MAX_DEPTH} levels deep only.")
        elif len(self._visited) >= MAX_DIRECTORIES:
            self._refuse(directory, f"only {MAX_DIRECTORIES} directories are read.")
        else:
            self._list(directory, real, depth)

    def _refuse(self, path: str, reason: str) -> None:
        self._readings[path] = Reading(path, reason=reason)


def _real_path(entry: os.DirEntry[str], directory: str) -> str:
    """Where an entry of ``directory``, a real path, leads to; even if links above it have changed meanwhile."""
    path = str(Path(directory, entry.name))
    return os.path.realpath(path) if entry.is_symlink() else path


def read(path: str, real_path: str) -> Reading:
    """Read one file. Devices and pipes are refused, not waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return Reading(real_path, reason="it is no regular file.")
            return Reading(real_path, data=file.read(MAX_FILE + 1))  # one more, so that the excess is noticed
    except OSError as error:
        return Reading(real_path, reason=f"cannot read the file: {error.strerror}.")
