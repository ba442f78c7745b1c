"""inotify watches on a directory tree, and what their events mean for the next reading of it.

No event is trusted to tell what changed: it only says that the tree must be read again, and which files not to
believe just now. Anything out of the ordinary (directories come, go or move, links change, events were lost) makes
the watches be set up anew, since the kernel's watches follow inodes and not paths.
"""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from asyncinotify import Inotify, Mask

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from asyncinotify import Event

COALESCE = 0.002  # seconds in which the events of a burst gather, so that not each of them wakes this process

_GONE = Mask.DELETE_SELF | Mask.MOVE_SELF | Mask.UNMOUNT | Mask.IGNORED
_FINISHED = Mask.CLOSE_WRITE | Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO
_CONTENT = Mask.MODIFY | Mask.CLOSE_WRITE | Mask.CREATE
_NAMES = Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO | Mask.ATTRIB
_ANCESTOR = _NAMES | Mask.DELETE_SELF | Mask.MOVE_SELF
_TREE = _ANCESTOR | Mask.MODIFY | Mask.CLOSE_WRITE


class Watches:
    """Watches for the tree at ``root``, an absolute path.

    Each directory on the way is watched for its next name, so that ``root`` may be missing, or a link that changes.
    After `renew`, give every directory of the tree to `add` before listing it. What blocks may be called in a thread
    that `close` does not wait for.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._current = _Generation()
        self._retired: _Generation | None = None
        self._lock = threading.Lock()  # a descriptor that is closed may be another file's a moment later
        self._closed = False
        self._stirred = False
        self.writing: set[str] = set()  # files between their first change and their closing
        self.touched: set[str] = set()  # files whose content may have changed since `forget`
        self.changed = False  # the tree must be read again
        self.restructured = True  # the watches must be set up anew

    def renew(self) -> None:
        """Begin a new set of watches; the old one stays until the next `drain`, so that no event is lost.

        Raises:
            OSError: the kernel's limits are reached, or the watches have been closed.
        """
        self.drain()
        with self._lock:
            self._check_open()
            self._retired, self._current = self._current, _Generation()
        self.restructured = False
        path = self._root
        while path != "/":
            path, name = os.path.split(path)
            if Path(path).is_dir():
                self._add(os.path.realpath(path), name)

    def add(self, directory: str) -> None:
        """Watch one directory of the tree, given by its real path.

        Raises:
            OSError: the kernel's limits are reached, the directory is gone, or the watches have been closed.
        """
        self._add(directory, None)

    def drain(self) -> None:
        """Note the events that are there.

        Raises:
            OSError: the watches have been closed.
        """
        with self._lock:
            self._check_open()
            if self._retired is not None:
                self._note_all(self._retired)
                self._retired.close()
                self._retired = None
            self._note_all(self._current)

    def forget(self) -> None:
        """Begin to note events for the next reading."""
        self.touched.clear()
        self.changed = False

    async def wait(self, seconds: float) -> bool:
        """Wait, at most so long, for something to read again; whether there is something."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not (self.changed or self.restructured):
            if not await self._readable(end - loop.time()):
                return False
            await asyncio.to_thread(self.drain)
        return True

    async def stirs(self, seconds: float) -> bool:
        """Wait, at most so long, for any event; whether it was one of the tree."""
        if not await self._readable(seconds):
            return False
        await asyncio.sleep(COALESCE)
        self._stirred = False
        await asyncio.to_thread(self.drain)
        return self._stirred

    def close(self) -> None:
        """Remove all watches."""
        with self._lock:
            self._closed = True
            for generation in (self._current, self._retired):
                if generation is not None:
                    generation.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise OSError(errno.EBADF, "the watches have been closed")

    def _add(self, directory: str, name: str | None) -> None:
        with self._lock:
            self._check_open()
            self._current.add(directory, name)

    async def _readable(self, seconds: float) -> bool:
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self._current.inotify.fd, readable.set)
        try:
            async with asyncio.timeout(seconds):
                await readable.wait()
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(self._current.inotify.fd)
        return True

    def _note_all(self, generation: _Generation) -> None:
        for event in generation.inotify:
            self._note(event, generation.directories)

    def _note(self, event: Event, directories: Mapping[str, str | None]) -> None:
        if Mask.Q_OVERFLOW in event.mask or event.watch is None:
            self._note_restructured("")
            return
        directory, name = str(event.watch.path), str(event.name or "")
        wanted = directories.get(directory)
        if event.mask & _GONE or not name:
            self._note_restructured(directory)
        elif wanted is not None:
            if name == wanted:
                self._note_restructured(self._root)
        elif Mask.ISDIR in event.mask:
            self._note_restructured(f"{directory}/{name}")
        else:
            self._note_file(f"{directory}/{name}", event.mask)

    def _note_restructured(self, directory: str) -> None:
        """Set up anew; whether files below ``directory`` were closed meanwhile is not known any more."""
        self._stirred = self.restructured = True
        self.writing = {file for file in self.writing if not file.startswith(f"{directory}/")}

    def _note_file(self, path: str, mask: Mask) -> None:
        self._stirred = True
        if mask & _CONTENT:
            self.touched.add(path)
        if mask & _FINISHED:
            self.writing.discard(path)
            self.changed = True
        elif Mask.MODIFY in mask:
            self.writing.add(path)
        else:  # its permissions changed
            self.changed = True
        if Path(path).is_symlink():  # it may lead to other directories than before
            self.restructured = True


class _Generation:
    """One inotify instance, with the directories that it watches."""

    def __init__(self) -> None:
        self.inotify = Inotify(sync_timeout=0)
        self.directories: dict[str, str | None] = {}  # None: of the tree; else the one name that counts there

    def add(self, directory: str, name: str | None) -> None:
        if self.directories.get(directory, "") is not None:
            self.inotify.add_watch(directory, _TREE if name is None else _ANCESTOR)
            self.directories[directory] = name

    def close(self) -> None:
        self.inotify.close()
