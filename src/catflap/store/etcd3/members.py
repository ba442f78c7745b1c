"""The members of one cluster: which of them to ask. One connection is kept for as long as its member serves."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from catflap.store.api import StoreUnavailableError
from catflap.store.etcd3.connection import Connection
from catflap.store.etcd3.credentials import Login, channel_credentials
from catflap.store.etcd3.paths import RANGE_START

if TYPE_CHECKING:
    from collections.abc import Sequence

    from catflap.store.api import StoreOptions


class Members:
    """How to reach a cluster: host and port of each member, TLS files and credentials. All share one login."""

    def __init__(self, endpoints: Sequence[str], options: StoreOptions, *, tls: bool = False) -> None:
        self.endpoints = tuple(endpoints)
        self.tls = tls
        self.login = Login(options)
        self._options = options
        self._connection: Connection | None = None
        self._reaching = asyncio.Lock()

    def connect(self, endpoint: str) -> Connection:
        """A connection of the caller's own. TLS files are read now: nothing has to be restarted when they change.

        Raises:
            StoreError: a TLS file cannot be used.
        """
        credentials = channel_credentials(self._options) if self.tls else None
        return Connection(endpoint, self.login, credentials)

    async def reach(self) -> tuple[Connection, int]:
        """The shared connection, which has just proved to serve, and the store's revision at that moment.

        Raises:
            StoreUnavailableError: no member serves; the text says of each why.
            StoreDeniedError: one refuses.
        """
        async with self._reaching:
            if self._connection is not None:
                try:
                    return self._connection, (await self._connection.ready(RANGE_START)).revision
                except StoreUnavailableError:
                    await self.close()
            return await self._reach_any()

    async def close(self) -> None:
        """Drop the shared connection; `reach` makes another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _reach_any(self) -> tuple[Connection, int]:
        reasons = []
        for endpoint in random.sample(self.endpoints, len(self.endpoints)):
            connection = self.connect(endpoint)
            try:
                header = await connection.ready(RANGE_START)
            except BaseException as error:
                await connection.close()
                if not isinstance(error, StoreUnavailableError):
                    raise
                reasons.append(str(error))
            else:
                self._connection = connection
                return connection, header.revision
        raise StoreUnavailableError("; ".join(reasons))
