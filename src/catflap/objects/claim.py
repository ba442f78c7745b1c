"""The header of a change in the hands of its author: a lock against other authors, and a sign to agents to hold back.

Each write that belongs to the change expects the header to be the author's own, so that an author who was believed
dead, and whose change somebody else has finished or undone, can write nothing more. (etcd's v2 API has no such
transactions: there a key is still safe that anybody touched, but not one that nobody has.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, TypeAlias

from msgspec import structs

from catflap.model.changes import CHANGE_PATH, ChangeHeader, read_change_header, write_change_header
from catflap.objects.errors import ChangeInProgressError, TakenOverError, UnreadableHeaderError
from catflap.store import ABSENT, Store, StoreConflictError

Write: TypeAlias = tuple[str, "bytes | None", int]  # path, new value, expected version


async def read_header(store: Store) -> tuple[ChangeHeader | None, int]:
    """The header and its version: (None, `ABSENT`) if no change is in progress.

    Raises:
        UnreadableHeaderError: there is something that is no header.
        StoreError: the store is unavailable or refuses.
    """
    entry = (await store.read(CHANGE_PATH)).entries.get(CHANGE_PATH)
    if entry is None:
        return None, ABSENT
    header = read_change_header(entry.value)
    if header is None:
        raise UnreadableHeaderError
    return header, entry.version


class Claim:
    """A header that this process has written last.

    Attributes:
        header: as written last.
        held: whether it is still there, as far as this process knows.
        revision: of the last write.
    """

    def __init__(self, store: Store, header: ChangeHeader, version: int) -> None:
        self.store = store
        self.header = header
        self.held = True
        self.revision = version
        self._version = version

    @classmethod
    async def take(cls, store: Store, header: ChangeHeader, expected: int = ABSENT) -> Self:
        """Write the header, which must be absent, or (to take a change over) have the expected version.

        Raises:
            ChangeInProgressError: that of another change is there.
            TakenOverError: somebody else has taken the change over meanwhile.
            UnreadableHeaderError: something is there that is no header.
            StoreError: the store is unavailable or refuses.
        """
        try:
            value = write_change_header(header)
            version = await store.write([(CHANGE_PATH, value)], {CHANGE_PATH: expected})
        except StoreConflictError:
            found, _ = await read_header(store)
            if expected != ABSENT and (found is None or found.id == header.id):
                raise TakenOverError(header) from None
            raise ChangeInProgressError(found or header) from None
        return cls(store, header, version)

    async def advance(self, writes: Sequence[Write], done: int) -> None:
        """Make the writes of a step, and tell that so many steps are done; after all of them the header is removed.

        Raises:
            StoreConflictError: a key has another version than the expected one. Of the step nothing was written,
                or, with etcd's v2 API, what comes before that key.
            TakenOverError: the header is not ours any more.
            StoreError: the store is unavailable or refuses.
        """
        header = structs.replace(self.header, done=done)
        if self.store.transaction_limit == 1:
            for write in writes:
                await self._write([write])
            writes = ()
        last = done == header.steps
        value = None if last else write_change_header(header)
        await self._write([*writes, (CHANGE_PATH, value, self._version)])
        self._version = self.revision
        self.header = header
        self.held = not last

    async def release(self) -> None:
        """Remove the header, if it is still there.

        Raises:
            TakenOverError: the header is not ours any more.
            StoreError: the store is unavailable or refuses.
        """
        if self.held:
            await self._write([(CHANGE_PATH, None, self._version)])
            self.held = False

    async def _write(self, writes: Sequence[Write]) -> None:
        changes = [(path, value) for path, value, _ in writes]
        expected = {path: version for path, _, version in writes}
        try:
            self.revision = await self.store.write(changes, expected)
        except StoreConflictError as error:
            if CHANGE_PATH in error.paths:
                raise TakenOverError(self.header) from error
            raise
