"""The store for etcd's v2 API: puts client and follower behind the store's port."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from catflap.model import V1_ROOT
from catflap.store.api import StoreError, StoreUnavailableError
from catflap.store.etcd2.client import Etcd2Client, Reply
from catflap.store.etcd2.follower import IDLE, Etcd2Session
from catflap.store.etcd2.tree import Answer
from catflap.store.lifetime import Lifetime
from catflap.store.supervisor import DEFAULT_PACE, Pace, supervise

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from catflap.store.api import StoreEvent, StoreOptions


class Etcd2Store:
    """Implements `catflap.store.api.Store` for the v2 API of the members at ``endpoints`` (host and port each).

    Only the tree below ``/calico/v1`` is followed and written. The API has no transactions: `write` makes one
    change after the other.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        options: StoreOptions,
        *,
        tls: bool = False,
        idle: float = IDLE,
        pace: Pace = DEFAULT_PACE,
    ) -> None:
        self._endpoints = tuple(endpoints)
        self._options = options
        self._tls = tls
        self._idle = idle
        self._pace = pace
        self._lifetime = Lifetime()

    @property
    def url(self) -> str:
        """The store's address."""
        return f"{'etcd2s' if self._tls else 'etcd2'}://{','.join(self._endpoints)}"

    @property
    def driver(self) -> str:
        """The word for log lines."""
        return "etcd"

    def follow(self) -> AsyncIterator[StoreEvent]:
        """See `catflap.store.api.Store.follow`."""
        session = Etcd2Session(self._connect, self._idle)
        return self._lifetime.bound(supervise(self._endpoints, session, self._pace))

    async def get(self, path: str) -> bytes | None:
        """See `catflap.store.api.Store.get`."""
        async with self._reach() as client:
            reply = await client.read(path)
        if reply.missing or (isinstance(reply.body, Answer) and reply.body.node.dir):
            return None
        return _answer(reply, path).node.value.encode()

    async def write(self, changes: Sequence[tuple[str, bytes | None]]) -> int:
        """One change after the other, not all or nothing: after an error, those before it stay.

        Raises:
            StoreError: one change failed; the text says which, and how many before it were made.
        """
        texts = [(path, _text(path, value)) for path, value in changes]
        revision = 0
        async with self._reach() as client:
            for done, (path, text) in enumerate(texts):
                try:
                    revision = await _change(client, path, text)
                except StoreError as error:
                    raise type(error)(
                        f"{error} ({done} of {len(texts)} changes were made before {path})"
                    ) from error
        return revision

    async def close(self) -> None:
        """See `catflap.store.api.Store.close`."""
        await self._lifetime.end()

    def _connect(self, endpoint: str) -> Etcd2Client:
        return Etcd2Client(endpoint, self._options, tls=self._tls)

    @asynccontextmanager
    async def _reach(self) -> AsyncGenerator[Etcd2Client]:
        """A client of a member that has just proved to serve."""
        reasons = []
        for endpoint in random.sample(self._endpoints, len(self._endpoints)):
            async with self._connect(endpoint) as client:
                try:
                    await client.read(V1_ROOT.rstrip("/"))
                except StoreUnavailableError as error:
                    reasons.append(str(error))
                else:
                    yield client
                    return
        raise StoreUnavailableError("; ".join(reasons))


async def _change(client: Etcd2Client, path: str, text: str | None) -> int:
    """Make one change, return its index. What is deleted may be missing already."""
    reply = await (client.delete(path) if text is None else client.write(path, text))
    if text is None and reply.missing:
        return reply.index
    return _answer(reply, path).node.modified_index


def _answer(reply: Reply, path: str) -> Answer:
    if isinstance(reply.body, Answer):
        return reply.body
    raise StoreError(f"etcd refuses {path}: {reply.body.message} {reply.body.cause}")


def _text(path: str, value: bytes | None) -> str | None:
    """The value as the API takes it: text."""
    if not path.startswith(V1_ROOT):
        raise StoreError(
            f"cannot write {path}: with etcd's v2 API Catflap uses {V1_ROOT} only; use etcd:// instead"
        )
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError as error:
        raise StoreError(
            f"cannot write {path}: values in etcd's v2 API must be UTF-8 text ({error})"
        ) from error
