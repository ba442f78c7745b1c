"""Makes changes one after the other, each under its condition: the v2 API has no transactions.

It must never send a change twice: when the answer is lost, the store is asked what became of the first time. And
an error must tell which changes were made before it, because nothing takes them back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from catflap.model import V1_ROOT
from catflap.store.api import StoreError, StoreUnavailableError
from catflap.store.etcd2.changes import (
    Change,
    check_possible,
    conflict,
    index_if_made,
    index_of,
    told,
    version_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from catflap.store.etcd2.members import Members


class Writer:
    """Writes to the cluster of ``members``."""

    def __init__(self, members: Members) -> None:
        self._members = members

    async def write(self, changes: Sequence[Change], others: Mapping[str, int]) -> int:
        """Make the changes in order and return the index of the last one, or the store's if there is none.

        The conditions of all are checked before the first is made, and each one's own again, by etcd, with it.

        Args:
            changes: what to make.
            others: versions that paths that do not change must have before the first change is made.

        Raises:
            StoreConflictError: a path has another version. Nothing was written, unless the text says so.
            StoreError: one change failed; the text says which were made before.
        """
        later = {change.path: change.expected for change in changes[1:] if change.expected is not None}
        if others or later or not changes:
            revision = await self._check({**others, **later})
        for made, change in enumerate(changes):
            try:
                revision = await self._make(change)
            except StoreError as error:
                raise told(error, change, changes[:made], len(changes)) from error
        return revision

    async def _check(self, expected: Mapping[str, int]) -> int:
        """Check versions without changing anything; the store's index."""
        async with self._members.reach(V1_ROOT) as (client, proof):
            wrong = [
                path for path, version in expected.items() if version_of(await client.read(path)) != version
            ]
        if wrong:
            raise conflict(*wrong)
        return proof.index

    async def _make(self, change: Change) -> int:
        """Make one change if what is there now allows it, and return its index."""
        async with self._members.reach(change.path) as (client, before):
            check_possible(change, before)
            if change.text is None and before.missing:
                return before.index
            try:
                if change.text is None:
                    reply = await client.delete(change.path, change.condition)
                else:
                    reply = await client.put(change.path, change.text, change.condition)
            except StoreUnavailableError as error:
                return await self._read_back(change, before.index, error)
        return index_of(change, reply)

    async def _read_back(self, change: Change, before: int, lost: StoreUnavailableError) -> int:
        """The index of a change that was made although its answer was lost.

        Raises:
            StoreUnavailableError: it was not made, or not yet, or has been overwritten, or nobody knows.
        """
        text = f"{lost}: the answer to the write of {change.path} was lost"
        try:
            async with self._members.reach(change.path) as (_, now):
                index = index_if_made(change, before, now)
        except StoreUnavailableError as error:
            raise StoreUnavailableError(f"{text}, and it cannot be read back ({error})") from lost
        if index is None:
            raise StoreUnavailableError(
                f"{text}, and the store does not hold what was written; read it before trying again"
            ) from lost
        return index
