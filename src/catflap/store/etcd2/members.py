"""The members of one cluster: which of them to ask."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from catflap.store.api import StoreUnavailableError
from catflap.store.etcd2.client import DEFAULT_TIMEOUTS, Etcd2Client, Reply, Timeouts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from catflap.store.api import StoreOptions


class Members(msgspec.Struct, frozen=True):
    """How to reach a cluster: host and port of each member, TLS files and credentials, times to wait."""

    endpoints: tuple[str, ...]
    options: StoreOptions
    tls: bool = False
    timeouts: Timeouts = DEFAULT_TIMEOUTS

    def connect(self, endpoint: str) -> Etcd2Client:
        """A client of one member. The TLS files are read now: nothing has to be restarted when they change."""
        return Etcd2Client(endpoint, self.options, tls=self.tls, timeouts=self.timeouts)

    @asynccontextmanager
    async def reach(self, path: str, *, recursive: bool = False) -> AsyncGenerator[tuple[Etcd2Client, Reply]]:
        """A client of a member that serves, and the quorum read of ``path`` by which it has just proved so.

        Raises:
            StoreUnavailableError: no member serves; the text says of each why.
            StoreDeniedError: one refuses.
        """
        reasons = []
        for endpoint in random.sample(self.endpoints, len(self.endpoints)):
            async with self.connect(endpoint) as client:
                try:
                    reply = await (client.load(path) if recursive else client.read(path))
                except StoreUnavailableError as error:
                    reasons.append(str(error))
                else:
                    yield client, reply
                    return
        raise StoreUnavailableError("; ".join(reasons))
