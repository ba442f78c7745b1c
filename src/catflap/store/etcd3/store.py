"""The store for etcd's v3 API: puts connections, follower and transactions behind the store's port."""

from __future__ import annotations

import asyncio
import random
from functools import partial
from typing import TYPE_CHECKING

from catflap.store.api import StoreError, StoreUnavailableError
from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.connection import Connection, Login, channel_credentials
from catflap.store.etcd3.follower import DEFAULT_TUNING, RANGE_START, Etcd3Session, Tuning
from catflap.store.lifetime import Lifetime
from catflap.store.supervisor import DEFAULT_PACE, Pace, supervise

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from catflap.store.api import StoreEvent, StoreOptions

MAX_OPERATIONS = 128  # etcd's default limit for one transaction


class Etcd3Store:
    """Implements `catflap.store.api.Store` for the v3 API of the members at ``endpoints`` (host and port each)."""

    def __init__(
        self,
        endpoints: Sequence[str],
        options: StoreOptions,
        *,
        tls: bool = False,
        tuning: Tuning = DEFAULT_TUNING,
        pace: Pace = DEFAULT_PACE,
    ) -> None:
        self._endpoints = tuple(endpoints)
        self._options = options
        self._tls = tls
        self._tuning = tuning
        self._pace = pace
        self._login = Login(options)
        self._lifetime = Lifetime()
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()

    @property
    def url(self) -> str:
        """The store's address."""
        return f"{'etcds' if self._tls else 'etcd'}://{','.join(self._endpoints)}"

    @property
    def driver(self) -> str:
        """The word for log lines."""
        return "etcd"

    def follow(self) -> AsyncIterator[StoreEvent]:
        """See `catflap.store.api.Store.follow`."""
        session = Etcd3Session(self._connect, self._tuning)
        return self._lifetime.bound(supervise(self._endpoints, session, self._pace))

    async def get(self, path: str) -> bytes | None:
        """See `catflap.store.api.Store.get`."""
        connection, _ = await self._reach()
        answer = await connection.range(pb.RangeRequest(key=path.encode()))
        return answer.kvs[0].value if answer.kvs else None

    async def write(self, changes: Sequence[tuple[str, bytes | None]]) -> int:
        """One transaction: all of it is done or nothing. At most 128 changes, each path once.

        Raises:
            StoreUnavailableError: no member can be reached; or the answer was lost, and what stands in the store
                now is not what was to be written. It may have been done and overwritten, so it is not repeated.
        """
        check_changes(changes)
        connection, before = await self._reach()
        try:
            return (await connection.transact(transaction(changes))).header.revision
        except StoreUnavailableError as error:
            revision = await self._read_back(changes, before)
            if revision is None:
                raise StoreUnavailableError(
                    f"{error}: the answer to a write was lost and the store does not hold what was written; "
                    "read the objects before trying again"
                ) from error
            return revision

    async def close(self) -> None:
        """See `catflap.store.api.Store.close`."""
        await self._lifetime.end()
        await self._drop()

    def _connect(self, endpoint: str) -> Connection:
        credentials = channel_credentials(self._options) if self._tls else None
        return Connection(endpoint, self._login, credentials)

    async def _reach(self) -> tuple[Connection, int]:
        """A connection that has just proved to serve, and the store's revision at that moment."""
        async with self._connecting:
            if self._connection is not None:
                try:
                    return self._connection, (await self._connection.ready(RANGE_START)).revision
                except StoreUnavailableError:
                    await self._drop()
            return await self._reach_any()

    async def _reach_any(self) -> tuple[Connection, int]:
        reasons = []
        for endpoint in random.sample(self._endpoints, len(self._endpoints)):
            connection = self._connect(endpoint)
            try:
                header = await connection.ready(RANGE_START)
            except StoreUnavailableError as error:
                reasons.append(str(error))
                await connection.close()
            except BaseException:
                await connection.close()
                raise
            else:
                self._connection = connection
                return connection, header.revision
        raise StoreUnavailableError("; ".join(reasons))

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _read_back(self, changes: Sequence[tuple[str, bytes | None]], before: int) -> int | None:
        """The revision of a write whose answer was lost, None if the store does not hold what it wrote."""
        connection, _ = await self._reach()
        reads = [pb.RequestOp(request_range=pb.RangeRequest(key=path.encode())) for path, _ in changes]
        answer = await connection.transact(pb.TxnRequest(success=reads))
        found = [part.response_range.kvs[0] if part.response_range.kvs else None for part in answer.responses]
        if not all(map(partial(_holds, before=before), changes, found)):
            return None
        return max((kv.mod_revision for kv in found if kv is not None), default=answer.header.revision)


def check_changes(changes: Sequence[tuple[str, bytes | None]]) -> None:
    """Check that the changes fit into one transaction.

    Raises:
        StoreError: they do not.
    """
    if len(changes) > MAX_OPERATIONS:
        raise StoreError(
            f"{len(changes)} changes are too many for one transaction: etcd takes {MAX_OPERATIONS} at once; "
            "write them in several steps"
        )
    paths: set[str] = set()
    for path, _ in changes:
        if path in paths:
            raise StoreError(f"{path} is changed twice in one transaction: give its last value only")
        paths.add(path)


def transaction(changes: Sequence[tuple[str, bytes | None]]) -> pb.TxnRequest:
    """The transaction that makes all changes."""
    return pb.TxnRequest(success=[_operation(path.encode(), value) for path, value in changes])


def _operation(key: bytes, value: bytes | None) -> pb.RequestOp:
    if value is None:
        return pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=key))
    return pb.RequestOp(request_put=pb.PutRequest(key=key, value=value))


def _holds(change: tuple[str, bytes | None], found: pb.KeyValue | None, *, before: int) -> bool:
    """Whether the store holds what a change wrote after revision ``before``."""
    _, value = change
    if found is None or value is None:
        return found is None and value is None
    return found.value == value and found.mod_revision > before
