"""The store for a directory of files: puts follower and writer behind the store's port."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from catflap.store.api import Entry, Listing, StoreDeniedError, StoreError, StoreUnavailableError
from catflap.store.directory.documents import version
from catflap.store.directory.follower import DEFAULT_TUNING, Follower, Tuning
from catflap.store.directory.scan import scan
from catflap.store.directory.strict_modes import StrictModes, UntrustedError
from catflap.store.directory.tree import Tree, View
from catflap.store.directory.writer import write_changes
from catflap.store.lifetime import Lifetime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from catflap.store.api import StoreEvent


class DirectoryStore:
    """Implements `catflap.store.api.Store` for the files ``*.yaml *.yml *.json`` below ``path``.

    Files hold ``projectcalico.org/v3`` documents. Every delta names all problems that there are at the time.
    Without a ClusterInformation the data counts as ready as soon as there is any document: an empty directory is not,
    since it may be the place of one that is not mounted. Revisions are times in nanoseconds.

    With ``strict_modes`` files and directories that others than root and this process's user may write are refused.
    """

    def __init__(self, path: str, *, strict_modes: bool = True, tuning: Tuning = DEFAULT_TUNING) -> None:
        self._path = os.path.normpath(Path.cwd() / path)
        self._strict_modes = strict_modes
        self._tuning = tuning
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
        follower = Follower(self._path, strict_modes=self._strict_modes, tuning=self._tuning)
        return self._lifetime.bound(follower.events())

    def follow_tree(self, _prefix: str) -> None:
        """There is one tree only; see `catflap.store.api.Store.follow_tree`."""

    async def get(self, path: str) -> bytes | None:
        """See `catflap.store.api.Store.get`."""
        return (await self._view()).entries.get(path)

    async def read(self, prefix: str) -> Listing:
        """See `catflap.store.api.Store.read`. A version is a hash of the object, whatever else its file holds."""
        revision = time.time_ns()
        view = await self._view()
        found = sorted(view.entries.items())
        entries = {path: Entry(value, version(value)) for path, value in found if path.startswith(prefix)}
        return Listing(revision, entries, view.problems)

    @property
    def transaction_limit(self) -> int | None:
        """There is none."""
        return None

    async def write(
        self, changes: Sequence[tuple[str, bytes | None]], expected: Mapping[str, int] | None = None
    ) -> int:
        """Write each object into a file of its own, ``<kind's plural>-<name>.yaml`` if it has none yet.

        Raises:
            StoreConflictError: a path has another version than the expected one, or a file is in the way.
            StoreError: an object stands in a file with others, which only its author should edit; or the directory
                cannot be written. Then nothing was changed, unless the disk failed half-way.
        """
        async with self._writing:
            revision = time.time_ns()
            try:
                await asyncio.to_thread(write_changes, self._path, changes, expected or {}, self._modes())
            except UntrustedError as error:
                self._refuse(error)
            return revision

    def lease(self, seconds: float) -> NoReturn:
        """There are none.

        Raises:
            StoreError: always.
        """
        raise StoreError(
            f"the directory {self._path} cannot hold keys for {seconds:g} s: files do not vanish with a process; "
            "use etcd for that"
        )

    async def close(self) -> None:
        """See `catflap.store.api.Store.close`."""
        await self._lifetime.end()

    async def _view(self) -> View:
        try:
            return await asyncio.to_thread(_read, self._path, self._modes())
        except UntrustedError as error:
            self._refuse(error)
        except OSError as error:
            raise StoreUnavailableError(
                f"cannot read the directory {self._path}: {error.strerror}"
            ) from error

    def _modes(self) -> StrictModes | None:
        return StrictModes() if self._strict_modes else None

    def _refuse(self, error: UntrustedError) -> NoReturn:
        raise StoreDeniedError(f"refusing to use the directory {self._path}: {error}") from error


def _read(root: str, modes: StrictModes | None) -> View:
    return Tree().update(scan(root, modes=modes))
