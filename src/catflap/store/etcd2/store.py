"""The store for etcd's v2 API: puts follower, writer and leases behind the store's port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catflap.store.api import Entry, Listing
from catflap.store.etcd2.changes import changes_of, node_of
from catflap.store.etcd2.follower import DEFAULT_TUNING, Etcd2Session, Tuning
from catflap.store.etcd2.lease import TtlKeys
from catflap.store.etcd2.members import Members
from catflap.store.etcd2.tree import Answer, leaves
from catflap.store.etcd2.writer import Writer
from catflap.store.lease import KeptKeys
from catflap.store.lifetime import Lifetime
from catflap.store.pace import DEFAULT_PACE, Pace
from catflap.store.supervisor import supervise

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from catflap.store.api import Lease, StoreEvent, StoreOptions


class Etcd2Store:
    """Implements `catflap.store.api.Store` for the v2 API of the members at ``endpoints`` (host and port each).

    Only the tree below ``/calico/v1`` is followed. The API has no transactions: `write` makes one change after the
    other.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        options: StoreOptions,
        *,
        tls: bool = False,
        tuning: Tuning = DEFAULT_TUNING,
        pace: Pace = DEFAULT_PACE,
    ) -> None:
        self._members = Members(tuple(endpoints), options, tls, tuning.timeouts)
        self._tuning = tuning
        self._pace = pace
        self._lifetime = Lifetime()

    @property
    def url(self) -> str:
        """The store's address."""
        return f"{'etcd2s' if self._members.tls else 'etcd2'}://{','.join(self._members.endpoints)}"

    @property
    def driver(self) -> str:
        """The word for log lines."""
        return "etcd"

    def follow(self) -> AsyncIterator[StoreEvent]:
        """See `catflap.store.api.Store.follow`."""
        session = Etcd2Session(self._members.connect, self._tuning)
        return self._lifetime.bound(supervise(self._members.endpoints, session, self._pace))

    def follow_tree(self, _prefix: str) -> None:
        """The API keeps too little history; see `catflap.store.api.Store.follow_tree`."""

    async def get(self, path: str) -> bytes | None:
        """See `catflap.store.api.Store.get`."""
        async with self._members.reach(path) as (_, reply):
            node = node_of(reply)
        return None if node is None else node.value.encode()

    async def read(self, prefix: str) -> Listing:
        """See `catflap.store.api.Store.read`; the whole directory that ``prefix`` is in is read for it.

        Keys that no follower sees are left out: hidden ones (their names begin with ``_``) and those nested too
        deeply.
        """
        directory = prefix[: prefix.rindex("/") + 1]
        async with self._members.reach(directory, recursive=True) as (_, reply):
            found = leaves(reply.body.node) if isinstance(reply.body, Answer) else ()
            entries = {
                node.key: Entry(node.value.encode(), node.modified_index)
                for node in found
                if node.key.startswith(prefix) and not node.dir
            }
        return Listing(reply.index, dict(sorted(entries.items())))

    @property
    def transaction_limit(self) -> int:
        """More than one change is not all or nothing."""
        return 1

    async def write(
        self, changes: Sequence[tuple[str, bytes | None]], expected: Mapping[str, int] | None = None
    ) -> int:
        """One change after the other, each only if its path has the expected version.

        All expected versions are checked before the first change; the paths that do not change are not looked at
        again. After an error the changes before it stay. `transaction_limit` is what one write can make without
        that.

        Raises:
            StoreConflictError: a path has another version; the text says which changes were made before, if any.
            StoreError: one change failed; the text says which, and which were made before it.
        """
        expected = expected or {}
        wanted = changes_of(changes, expected)
        changing = {change.path for change in wanted}
        others = {path: version for path, version in expected.items() if path not in changing}
        return await Writer(self._members).write(wanted, others)

    def lease(self, seconds: float) -> Lease:
        """See `catflap.store.api.Store.lease`; each key has a time to live of its own."""
        return KeptKeys(TtlKeys(self._members, seconds), seconds, self._pace)

    async def close(self) -> None:
        """See `catflap.store.api.Store.close`."""
        await self._lifetime.end()
