"""Reads a directory tree: which files there are, and their bytes. Blocking: call it in a thread."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from catflap.store.directory.documents import MAX_FILE, is_policy_file
from catflap.store.directory.tree import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


def scan(
    root: str, visit: Callable[[str], None] | None = None, leave_alone: Collection[str] = ()
) -> dict[str, Reading]:
    """All policy files below ``root``, by path, subdirectories and links included.

    Args:
        root: an absolute path.
        visit: called with the real path of every directory that files are found in, before it is listed, and of
            every directory that a link to a file leads to.
        leave_alone: real paths of files not to be opened.

    Raises:
        OSError: ``root`` cannot be listed, or ``visit`` raised it.
    """
    return _Scan(visit or _ignore, leave_alone).run(root)


def _ignore(_directory: str) -> None:
    pass


class _Scan:
    def __init__(self, visit: Callable[[str], None], leave_alone: Collection[str]) -> None:
        self._visit = visit
        self._leave_alone = leave_alone
        self._visited: set[str] = set()
        self._readings: dict[str, Reading] = {}

    def run(self, root: str) -> dict[str, Reading]:
        self._list(root)
        return self._readings

    def _list(self, directory: str) -> None:
        real = os.path.realpath(directory)
        if real in self._visited:  # links can lead in circles
            return
        self._visited.add(real)
        self._visit(real)
        with os.scandir(directory) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            if not entry.name.startswith("."):
                self._take(entry, real)

    def _take(self, entry: os.DirEntry[str], directory: str) -> None:
        if entry.is_dir():
            self._list_below(entry.path)
        elif is_policy_file(entry.name):
            real = f"{directory}/{entry.name}"
            if entry.is_symlink():
                real = os.path.realpath(entry.path)
                self._visit(str(Path(real).parent))
            self._readings[entry.path] = (
                Reading(real) if real in self._leave_alone else read(entry.path, real)
            )

    def _list_below(self, directory: str) -> None:
        try:
            self._list(directory)
        except FileNotFoundError:  # gone since it was listed
            return
        except PermissionError as error:
            self._readings[directory] = Reading(
                directory, reason=f"cannot list the directory: {error.strerror}."
            )


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
