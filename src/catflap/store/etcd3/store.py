"""The store for etcd's v3 API: puts connections, follower and transactions behind the store's port."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from catflap.store.api import Entry, Listing, StoreError, StoreUnavailableError
from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3 import transactions
from catflap.store.etcd3.connection import Connection, Login, channel_credentials
from catflap.store.etcd3.errors import MessageTooLargeError
from catflap.store.etcd3.follower import DEFAULT_TUNING, RANGE_START, Etcd3Session, Tuning
from catflap.store.etcd3.lease import Etcd3Keys
from catflap.store.etcd3.paths import after_prefix, decode_path, encode_path
from catflap.store.etcd3.ranges import read_range
from catflap.store.lease import KeptKeys
from catflap.store.lifetime import Lifetime
from catflap.store.supervisor import DEFAULT_PACE, Pace, supervise

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from catflap.store.api import Lease, StoreEvent, StoreOptions


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
        answer = await connection.range(pb.RangeRequest(key=encode_path(path)))
        return answer.kvs[0].value if answer.kvs else None

    async def read(self, prefix: str) -> Listing:
        """See `catflap.store.api.Store.read`. A version is the revision of the key's last change."""
        connection, _ = await self._reach()
        start = encode_path(prefix)
        revision, found = await read_range(connection, start or b"\0", after_prefix(start))
        entries = {decode_path(kv.key): Entry(kv.value, kv.mod_revision) for kv in found}
        return Listing(revision, entries)

    @property
    def transaction_limit(self) -> int | None:
        """What etcd takes unless it is told otherwise, of changes and of expected versions alike."""
        return transactions.MAX_OPERATIONS

    async def write(
        self, changes: Sequence[tuple[str, bytes | None]], expected: Mapping[str, int] | None = None
    ) -> int:
        """One transaction: all of it is done or nothing.

        Raises:
            StoreConflictError: see `catflap.store.api.Store.write`; it tells what is there now.
            StoreUnavailableError: no member can be reached; or the answer was lost, and what stands in the store
                now is not what was to be written. It may have been done and overwritten, or be done in a moment,
                so it is not repeated.
        """
        expected = expected or {}
        transactions.check(changes, expected)
        request = transactions.transaction(changes, expected)
        connection, before = await self._reach()
        try:
            answer = await connection.transact(request)
        except StoreUnavailableError as error:
            return await self._read_back(changes, before, error)
        except MessageTooLargeError as error:
            raise StoreError(f"{error} (write fewer or smaller objects at once)") from error
        if not answer.succeeded:
            raise transactions.conflict(answer, expected)
        return answer.header.revision

    def lease(self, seconds: float) -> Lease:
        """See `catflap.store.api.Store.lease`. No time is shorter than etcd's minimum, by default 2 s."""
        return KeptKeys(Etcd3Keys(self._reach_connection, seconds), seconds, self._pace)

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

    async def _reach_connection(self) -> Connection:
        connection, _ = await self._reach()
        return connection

    async def _read_back(
        self, changes: Sequence[tuple[str, bytes | None]], before: int, lost: StoreUnavailableError
    ) -> int:
        """The revision of a write whose answer was lost."""
        try:
            connection, _ = await self._reach()
            answer = await connection.transact(transactions.reading(path for path, _ in changes))
        except StoreError as error:
            raise _unknown_outcome(lost, f"and the store cannot be read now: {error}") from error
        revision = transactions.written_at(changes, transactions.found(answer), before)
        if revision is None:
            raise _unknown_outcome(lost, "and the store does not hold what was written") from lost
        return revision or answer.header.revision


def _unknown_outcome(lost: StoreUnavailableError, what: str) -> StoreUnavailableError:
    advice = "it may still have been done, so read the objects before trying again"
    return StoreUnavailableError(f"{lost}: the answer to a write was lost {what}; {advice}")
