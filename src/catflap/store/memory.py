"""A store in memory: a fake for tests that keeps the same promises as the real ones.

It can also be told to have an outage, so that a consumer's handling of faults can be tested without a server.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from catflap.store.api import (
    ABSENT,
    Alive,
    Connected,
    Delta,
    Disconnected,
    Entry,
    Listing,
    Snapshot,
    StoreConflictError,
    StoreUnavailableError,
)
from catflap.store.lease import KeptKeys, LeaseLostError
from catflap.store.lifetime import Lifetime
from catflap.store.pace import Pace

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

    from catflap.model.decoded import Problem
    from catflap.store.api import Lease, StoreEvent

PACE = Pace(first_delay=0.01, longest_delay=0.01)  # a test does not wait


class MemoryStore:
    """Implements `catflap.store.api.Store`, beginning with ``entries`` at revision 1."""

    def __init__(
        self, entries: Mapping[str, bytes] | None = None, problems: tuple[Problem, ...] = ()
    ) -> None:
        self._entries = dict(entries or {})
        self._versions = dict.fromkeys(self._entries, 1)
        self._problems = problems
        self._revision = 1
        self._outage: str | None = None
        self._missed: list[Delta] = []
        self._followers: set[asyncio.Queue[StoreEvent]] = set()
        self._unserved: set[asyncio.Queue[StoreEvent]] = set()  # followers that have had no snapshot yet
        self._leases: list[tuple[KeptKeys, MemoryKeys]] = []
        self._lifetime = Lifetime()

    @property
    def url(self) -> str:
        """The store's address."""
        return "memory:"

    @property
    def driver(self) -> str:
        """The word for log lines."""
        return "memory"

    def follow(self) -> AsyncIterator[StoreEvent]:
        """See `catflap.store.api.Store.follow`. Beginning in an outage, the snapshot comes when that is over."""
        return self._lifetime.bound(self._events())

    async def follow_tree(self, prefix: str) -> AsyncIterator[StoreEvent]:
        """See `catflap.store.api.Store.follow_tree`."""
        async for event in self.follow():
            match event:
                case Snapshot(revision, entries):
                    yield Snapshot(
                        revision, {path: v for path, v in entries.items() if path.startswith(prefix)}
                    )
                case Delta(revision, changes):
                    if found := tuple(each for each in changes if each[0].startswith(prefix)):
                        yield Delta(revision, found)
                case _:
                    yield event

    async def get(self, path: str) -> bytes | None:
        """See `catflap.store.api.Store.get`."""
        self._check()
        return self._entries.get(path)

    async def read(self, prefix: str) -> Listing:
        """See `catflap.store.api.Store.read`."""
        self._check()
        found = {
            path: Entry(value, self._versions[path])
            for path, value in sorted(self._entries.items())
            if path.startswith(prefix)
        }
        return Listing(self._revision, found)

    @property
    def transaction_limit(self) -> int | None:
        """There is none."""
        return None

    async def write(
        self, changes: Sequence[tuple[str, bytes | None]], expected: Mapping[str, int] | None = None
    ) -> int:
        """All changes at once; see `catflap.store.api.Store.write`."""
        self._check()
        wrong = tuple(
            path for path, version in (expected or {}).items() if self._versions.get(path, ABSENT) != version
        )
        if wrong:
            raise StoreConflictError(f"{', '.join(wrong)} changed meanwhile: nothing was written", wrong)
        return self.change(changes)

    def lease(self, seconds: float) -> Lease:
        """See `catflap.store.api.Store.lease`."""
        keys = MemoryKeys(self)
        lease = KeptKeys(keys, seconds, PACE)
        self._leases.append((lease, keys))
        return lease

    def expire_leases(self) -> None:
        """As after an outage longer than any lease: the keys are gone until `Lease.run` writes them again."""
        for lease, keys in self._leases:
            keys.expire()
            lease.lost()

    async def close(self) -> None:
        """See `catflap.store.api.Store.close`."""
        await self._lifetime.end()

    def change(self, changes: Sequence[tuple[str, bytes | None]]) -> int:
        """As if somebody else wrote; in an outage followers hear of it afterwards."""
        self._revision += 1
        effective = tuple(
            (path, value)
            for path, value in dict(changes).items()
            if value is not None or path in self._entries
        )
        for path, value in effective:
            if value is None:
                del self._entries[path], self._versions[path]
            else:
                self._entries[path] = value
                self._versions[path] = self._revision
        if effective:
            delta = Delta(self._revision, effective)
            if self._outage is None:
                self._tell(delta)
            else:
                self._missed.append(delta)
        return self._revision

    def disconnect(self, reason: str) -> None:
        """Begin an outage: followers are told, reads and writes fail."""
        self._outage = reason
        self._tell(Disconnected(reason))

    def reconnect(self) -> None:
        """End the outage with nothing missed: followers go on where they were."""
        self._outage = None
        events: tuple[StoreEvent, ...] = (Connected(self.url), *self._missed)
        for follower in self._followers - self._unserved:
            for event in events:
                follower.put_nowait(event)
        self._missed.clear()
        for follower in self._unserved.copy():
            self._serve(follower)

    def prove_alive(self) -> None:
        """As in a silence: followers hear that the store still serves."""
        self._tell(Alive(self._revision))

    def resync(self) -> None:
        """As after a doubt, or an outage that was too long: followers get everything anew."""
        self._outage = None
        self._missed.clear()
        for follower in self._followers:
            self._serve(follower)

    async def _events(self) -> AsyncGenerator[StoreEvent, None]:
        follower: asyncio.Queue[StoreEvent] = asyncio.Queue()
        self._followers.add(follower)
        if self._outage is None:
            self._serve(follower)
        else:
            self._unserved.add(follower)
            follower.put_nowait(Disconnected(self._outage))
        try:
            while True:
                yield await follower.get()
        finally:
            self._followers.discard(follower)
            self._unserved.discard(follower)

    def _serve(self, follower: asyncio.Queue[StoreEvent]) -> None:
        self._unserved.discard(follower)
        follower.put_nowait(Snapshot(self._revision, dict(self._entries), self._problems))

    def _tell(self, event: StoreEvent) -> None:
        for follower in self._followers:
            follower.put_nowait(event)

    def _check(self) -> None:
        if self._outage is not None:
            raise StoreUnavailableError(self._outage)


class MemoryKeys:
    """Implements `catflap.store.lease.LeaseBackend`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._put: set[str] = set()

    async def put(self, path: str, value: bytes) -> None:
        """See `catflap.store.lease.LeaseBackend.put`."""
        await self._store.write([(path, value)])
        self._put.add(path)

    async def delete(self, path: str) -> None:
        """See `catflap.store.lease.LeaseBackend.delete`."""
        await self._store.write([(path, None)])
        self._put.discard(path)

    async def refresh(self) -> None:
        """See `catflap.store.lease.LeaseBackend.refresh`."""
        if any([await self._store.get(path) is None for path in self._put]):
            raise LeaseLostError("the keys are gone")

    async def end(self) -> None:
        """See `catflap.store.lease.LeaseBackend.end`."""
        await self._store.write([(path, None) for path in self._put])
        self._put.clear()

    def expire(self) -> None:
        """All keys vanish."""
        self._store.change([(path, None) for path in self._put])
        self._put.clear()
