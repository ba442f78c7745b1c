"""A TCP proxy on loopback that does to connections what bad networks do: cuts them, or swallows what they carry.

It runs in a thread of its own, so that whoever uses it may block.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Final, Self

from catflap.lab.etcd import free_port

_CHUNK: Final = 64 << 10  # bytes


class TcpProxy:
    """Passes everything on to ``target`` (host and port); as a context manager it listens, and ends at the end."""

    def __init__(self, target: str) -> None:
        self._host, _, self._port = target.rpartition(":")
        self._listen_port = free_port()
        self.endpoint = f"127.0.0.1:{self._listen_port}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tcp-proxy", daemon=True)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._left: int | None = None  # bytes to clients until all connections are cut; None: no limit
        self._connections: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.passed = 0  # bytes to clients so far

    def cut(self) -> None:
        """Reset all connections; new ones are accepted."""
        self._loop.call_soon_threadsafe(self._cut)

    def cut_after(self, count: int) -> None:
        """Reset all connections, once, when ``count`` more bytes have gone to clients."""
        self._loop.call_soon_threadsafe(setattr, self, "_left", count)

    def freeze(self) -> None:
        """Pass nothing on, while connections stay and new ones are accepted: a black hole."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def thaw(self) -> None:
        """Go on; nothing of what was held back is lost."""
        self._loop.call_soon_threadsafe(self._flowing.set)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._listen_port)

    async def _end(self) -> None:
        self._server.close()
        self._cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _cut(self) -> None:
        for connection in self._connections:
            connection.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - tells the type checker what asyncio promises
        self._tasks.add(task)
        self._connections.add(writer)
        try:
            await self._connect(reader, writer)
        except OSError:
            writer.transport.abort()
        finally:
            self._connections.discard(writer)
            self._tasks.discard(task)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, downstream = await asyncio.open_connection(self._host, int(self._port))
        self._connections.add(downstream)
        try:
            await asyncio.gather(self._pump(reader, downstream), self._pump(upstream, writer, counted=True))
        finally:
            self._connections.discard(downstream)
            downstream.transport.abort()
            writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool = False
    ) -> None:
        while data := await reader.read(_CHUNK):
            await self._flowing.wait()
            writer.write(self._count(data) if counted else data)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    def _count(self, data: bytes) -> bytes:
        """Count bytes to a client; what is beyond the limit does not go out, and all connections are cut."""
        if self._left is not None:
            if len(data) > self._left:
                data, self._left = data[: self._left], None
                self._loop.call_soon(self._cut)
            else:
                self._left -= len(data)
        self.passed += len(data)
        return data
