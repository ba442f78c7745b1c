"""The store for etcd's v3 API: puts follower, transactions and leases behind the store's port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catflap.store.api import Entry, Listing, StoreError, StoreUnavailableError
from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3 import transactions
from catflap.store.etcd3.errors import MessageTooLargeError
from catflap.store.etcd3.follower import DEFAULT_TUNING, Etcd3Session, KeyRange, Tuning
from catflap.store.etcd3.lease import Etcd3Keys
from catflap.store.etcd3.members import Members
from catflap.store.etcd3.paths import after_prefix, decode_path, encode_path
from catflap.store.etcd3.ranges import read_range
from catflap.store.lease import KeptKeys
from catflap.store.lifetime import Lifetime
from catflap.store.pace import DEFAULT_PACE, Pace
from catflap.store.supervisor import supervise

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
        self._members = Members(endpoints, options, tls=tls)
        self._tuning = tuning
        self._pace = pace
        self._lifetime = Lifetime()

    @property
    def url(self) -> str:
        """The store's address."""
        return f"{'etcds' if self._members.tls else 'etcd'}://{','.join(self._members.endpoints)}"

    @property
    def driver(self) -> str:
        """The word for log lines."""
        return "etcd"

    def follow(self) -> AsyncIterator[StoreEvent]:
        """See `catflap.store.api.Store.follow`."""
        session = Etcd3Session(self._members.connect, self._tuning)
        return self._lifetime.bound(supervise(self._members.endpoints, session, self._pace))

    def follow_tree(self, prefix: str) -> AsyncIterator[StoreEvent]:
        """See `catflap.store.api.Store.follow_tree`."""
        start = encode_path(prefix)
        session = Etcd3Session(self._members.connect, self._tuning, KeyRange(start, after_prefix(start)))
        return self._lifetime.bound(supervise(self._members.endpoints, session, self._pace))

    async def get(self, path: str) -> bytes | None:
        """See `catflap.store.api.Store.get`."""
        connection, _ = await self._members.reach()
        answer = await connection.range(pb.RangeRequest(key=encode_path(path)))
        return answer.kvs[0].value if answer.kvs else None

    async def read(self, prefix: str) -> Listing:
        """See `catflap.store.api.Store.read`. A version is the revision of the key's last change."""
        connection, _ = await self._members.reach()
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
        connection, before = await self._members.reach()
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
        return KeptKeys(Etcd3Keys(self._members, seconds), seconds, self._pace)

    async def close(self) -> None:
        """See `catflap.store.api.Store.close`."""
        await self._lifetime.end()
        await self._members.close()

    async def _read_back(
        self, changes: Sequence[tuple[str, bytes | None]], before: int, lost: StoreUnavailableError
    ) -> int:
        """The revision of a write whose answer was lost."""
        try:
            connection, _ = await self._members.reach()
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
