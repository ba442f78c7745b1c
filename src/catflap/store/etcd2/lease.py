"""Keys that live for some seconds after their last refresh, by the v2 API's times to live.

A refresh is told to no follower. It does raise etcd's index and takes one of the 1,000 places in its memory of events.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from catflap.model import V1_ROOT
from catflap.store.api import StoreError, StoreUnavailableError
from catflap.store.etcd2.changes import text_of
from catflap.store.etcd2.tree import Answer
from catflap.store.lease import LeaseLostError

if TYPE_CHECKING:
    from catflap.store.etcd2.client import Reply
    from catflap.store.etcd2.members import Members


class TtlKeys:
    """Implements `catflap.store.lease.LeaseBackend`. etcd counts whole seconds: a part of one is rounded up."""

    def __init__(self, members: Members, seconds: float) -> None:
        self._members = members
        self._ttl = max(1, math.ceil(seconds))
        self._paths: set[str] = set()

    async def put(self, path: str, value: bytes) -> None:
        """See `catflap.store.lease.LeaseBackend.put`."""
        text = text_of(path, value)
        async with self._members.reach(V1_ROOT) as (client, _):
            try:
                _check(await client.put(path, text, ttl=self._ttl), path)
            except StoreUnavailableError:
                self._paths.add(path)  # only the answer may have been lost
                raise
        self._paths.add(path)

    async def delete(self, path: str) -> None:
        """See `catflap.store.lease.LeaseBackend.delete`."""
        await self._delete(path)

    async def refresh(self) -> None:
        """See `catflap.store.lease.LeaseBackend.refresh`."""
        lost = []
        async with self._members.reach(V1_ROOT) as (client, _):
            for path in sorted(self._paths):
                reply = await client.put(path, None, ttl=self._ttl)
                if reply.missing:
                    lost.append(path)
                else:
                    _check(reply, path)
        if lost:
            raise LeaseLostError(f"{', '.join(lost)} expired or were deleted")

    async def end(self) -> None:
        """See `catflap.store.lease.LeaseBackend.end`."""
        await self._delete(*sorted(self._paths))

    async def _delete(self, *paths: str) -> None:
        async with self._members.reach(V1_ROOT) as (client, _):
            for path in paths:
                reply = await client.delete(path)
                if not reply.missing:
                    _check(reply, path)
                self._paths.discard(path)


def _check(reply: Reply, path: str) -> None:
    if not isinstance(reply.body, Answer):
        raise StoreError(f"etcd refuses {path}: {reply.body.text}")
