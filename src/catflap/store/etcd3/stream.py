"""The answers to one watch request, read no faster than they are taken."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import grpc
from grpc.aio import AioRpcError

from catflap.store.api import StoreUnavailableError
from catflap.store.etcd3.errors import translate, unreadable

if TYPE_CHECKING:
    from grpc.aio import StreamStreamCall

    from catflap.store.etcd3 import etcd_pb2 as pb


class WatchStream:
    """A call of the method Watch. At most one answer is read ahead; gRPC's flow control then holds the server."""

    def __init__(self, call: StreamStreamCall[pb.WatchRequest, pb.WatchResponse], endpoint: str) -> None:
        self._call = call
        self._endpoint = endpoint
        self._reading: asyncio.Task[pb.WatchResponse] | None = None

    async def send(self, request: pb.WatchRequest) -> None:
        """Send the request that begins the watch."""
        try:
            await self._call.write(request)
        except AioRpcError as error:
            raise translate(error, self._endpoint) from error

    async def read(self, patience: float) -> pb.WatchResponse | None:
        """The next answer, or None after ``patience`` seconds of silence.

        Raises:
            StoreError: the stream has ended.
        """
        if self._reading is None:  # cancelling a read would end the call, so it stays across silences
            self._reading = asyncio.ensure_future(self._receive())
        done, _ = await asyncio.wait({self._reading}, timeout=patience)
        if not done:
            return None
        reading, self._reading = self._reading, None
        return reading.result()

    async def aclose(self) -> None:
        """Drop the stream."""
        self._call.cancel()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})
            if not self._reading.cancelled():
                self._reading.exception()  # seen: nobody waits for this answer any more

    async def _receive(self) -> pb.WatchResponse:
        try:
            answer = await self._call.read()
        except AioRpcError as error:
            raise translate(error, self._endpoint) from error
        if answer is grpc.aio.EOF:
            raise StoreUnavailableError(f"etcd {self._endpoint}: the server ended the watch")
        if answer is None:  # else changes would be lost with it
            raise unreadable(self._endpoint)
        return cast("pb.WatchResponse", answer)
