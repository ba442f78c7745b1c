"""Keys that etcd deletes when a process no longer refreshes the lease that they belong to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from catflap.store.etcd3.transactions import MAX_OPERATIONS, transaction
from catflap.store.lease import LeaseLostError

if TYPE_CHECKING:
    from catflap.store.etcd3.connection import Connection
    from catflap.store.etcd3.members import Members


class Etcd3Keys:
    """Implements `catflap.store.lease.LeaseBackend` with one lease of at least ``seconds``.

    The lease is granted with the first key, and anew after it was lost.
    """

    def __init__(self, members: Members, seconds: float) -> None:
        self._members = members
        self._seconds = math.ceil(seconds)
        self._lease: int | None = None
        self._versions: dict[str, int] = {}

    async def put(self, path: str, value: bytes) -> None:
        """See `catflap.store.lease.LeaseBackend.put`."""
        connection, _ = await self._members.reach()
        if self._lease is None:
            self._lease = await connection.grant_lease(self._seconds)
        try:
            answer = await connection.transact(transaction([(path, value)], {}, self._lease))
        except LeaseLostError:
            self._forget()
            raise
        self._versions[path] = answer.header.revision

    async def delete(self, path: str) -> None:
        """See `catflap.store.lease.LeaseBackend.delete`."""
        connection, _ = await self._members.reach()
        await connection.transact(transaction([(path, None)], {}))
        self._versions.pop(path, None)

    async def refresh(self) -> None:
        """See `catflap.store.lease.LeaseBackend.refresh`.

        A lease can outlive its keys: after a restore from a backup, or when somebody deletes or overwrites them.
        """
        if self._lease is None:
            return
        connection, _ = await self._members.reach()
        try:
            await connection.keep_lease(self._lease)
        except LeaseLostError:
            self._forget()
            raise
        if not await self._unchanged(connection):
            raise LeaseLostError(f"etcd {connection.endpoint}: another program changed keys of this process")

    async def end(self) -> None:
        """See `catflap.store.lease.LeaseBackend.end`."""
        if self._lease is None:
            return
        lease = self._lease
        self._forget()
        connection, _ = await self._members.reach()
        await connection.revoke_lease(lease)

    async def _unchanged(self, connection: Connection) -> bool:
        """Whether every key is what was put last."""
        versions = list(self._versions.items())
        for start in range(0, len(versions), MAX_OPERATIONS):
            some = dict(versions[start : start + MAX_OPERATIONS])
            if not (await connection.transact(transaction([], some))).succeeded:
                return False
        return True

    def _forget(self) -> None:
        self._lease = None
        self._versions.clear()
