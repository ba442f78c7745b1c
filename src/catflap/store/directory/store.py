"""The store for a directory of files: puts follower and writer behind the store's port."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from catflap.store.api import StoreUnavailableError
from catflap.store.directory.follower import Follower
from catflap.store.directory.scan import scan
from catflap.store.directory.tree import Tree, View
from catflap.store.directory.writer import write_changes
from catflap.store.lifetime import Lifetime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from catflap.store.api import StoreEvent


class DirectoryStore:
    """Implements `catflap.store.api.Store` for the files ``*.yaml *.yml *.json`` below ``path``.

    Files hold ``projectcalico.org/v3`` documents. Every delta names all problems that there are at the time.
    Without a ClusterInformation the data counts as ready as soon as there is any document: an empty directory is not,
    since it may be the place of one that is not mounted. Revisions are times in nanoseconds.
    """

    def __init__(self, path: str) -> None:
        self._path = os.path.normpath(Path.cwd() / path)
        self._lifetime = Lifetime()
        self._writing = asyncio.Lock()

    @property
    def url(self) -> str:
        """The store's address."""
        return f"dir:{self._path}"

    @property
    def driver(self) -> str:
        """The word for log lines."""
        return "directory"

    def follow(self) -> AsyncIterator[StoreEvent]:
        """See `catflap.store.api.Store.follow`."""
        return self._lifetime.bound(Follower(self._path).events())

    async def get(self, path: str) -> bytes | None:
        """See `catflap.store.api.Store.get`."""
        try:
            view = await asyncio.to_thread(_read, self._path)
        except OSError as error:
            raise StoreUnavailableError(
                f"cannot read the directory {self._path}: {error.strerror}"
            ) from error
        return view.entries.get(path)

    async def write(self, changes: Sequence[tuple[str, bytes | None]]) -> int:
        """Write each object into a file of its own, ``<kind's plural>-<name>.yaml`` if it has none yet.

        Raises:
            StoreError: an object stands in a file with others, which only its author should edit; or the directory
                cannot be written. Then nothing was changed, unless the disk failed half-way.
        """
        async with self._writing:
            revision = time.time_ns()
            await asyncio.to_thread(write_changes, self._path, changes)
            return revision

    async def close(self) -> None:
        """See `catflap.store.api.Store.close`."""
        await self._lifetime.end()


def _read(root: str) -> View:
    return Tree().update(scan(root))
