"""On loopback, between a follower and etcd or in its place: a proxy that can fail, and members that are none."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Self

import aiohttp
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from types import TracebackType

CHUNK = 65536


class Proxy:
    """Passes bytes on between its clients and ``target`` (host and port), until it is told to fail."""

    def __init__(self, target: str) -> None:
        self.target = target
        self._tasks: set[asyncio.Task[None]] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self._allowance: int | None = None  # bytes of answers that pass before something happens
        self._swallowing = False
        self.connections = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def endpoint(self) -> str:
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    def swallow(self) -> None:
        """Be a black hole: connections stay, and new ones are taken, but nothing passes."""
        self._passing.clear()

    def pass_on(self) -> None:
        """Be a black hole no more."""
        self._passing.set()

    def swallow_after(self, count: int) -> None:
        """Let ``count`` more bytes of answers pass, then `swallow`."""
        self._allowance, self._swallowing = count, True

    def cut(self) -> None:
        """End every connection."""
        for task in self._tasks:
            task.cancel()

    def cut_after(self, count: int) -> None:
        """Let ``count`` more bytes of answers pass, then end the connection of the last one, and go on as before."""
        self._allowance, self._swallowing = count, False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:  # a cut is an end like any other
            host, port = self.target.split(":")
            target_reader, target_writer = await asyncio.open_connection(host, int(port))
            with suppress(OSError):
                await self._join(reader, writer, target_reader, target_writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _join(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        target_reader: asyncio.StreamReader,
        target_writer: asyncio.StreamWriter,
    ) -> None:
        """Pass on both ways until one of them ends."""
        ways = [
            asyncio.create_task(self._pass(reader, target_writer)),
            asyncio.create_task(self._pass(target_reader, writer, answers=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            target_writer.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool = False
    ) -> None:
        while data := await reader.read(CHUNK):
            await self._passing.wait()
            if answers and self._allowance is not None:
                allowed, data = data[: self._allowance], data[self._allowance :]
                self._allowance -= len(allowed)
                writer.write(allowed)
                await writer.drain()
                if not data:
                    continue
                self._allowance = None
                if not self._swallowing:
                    return
                self._passing.clear()
                await self._passing.wait()
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def listening(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """The endpoint of a server of raw bytes."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError):
                await handle(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def mute() -> AsyncIterator[str]:
    """The endpoint of a server that takes connections and says nothing."""

    async def wait(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with listening(wait) as endpoint:
        yield endpoint


@asynccontextmanager
async def serving(handle: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """The endpoint of a HTTP server."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        yield f"{host}:{port}"
    finally:
        await runner.cleanup()


class Lossy:
    """Passes requests on to etcd; of the first write the answer is lost, and the request too unless it is ``made``."""

    def __init__(self, target: str, *, made: bool, value_after: str | None = None) -> None:
        self._target = target
        self._made = made
        self._value_after = value_after
        self.writes = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        writing = request.method != "GET"
        self.writes += writing
        losing = writing and self.writes == 1
        response = web.Response()
        if self._made or not losing:
            response = await self._pass_on(request)
        if losing:
            await self._overwrite(request.path)
            assert request.transport is not None
            request.transport.abort()
        return response

    async def _pass_on(self, request: web.Request) -> web.Response:
        url = f"http://{self._target}{request.raw_path}"
        kind = {"Content-Type": request.content_type}
        async with (
            aiohttp.ClientSession() as client,
            client.request(request.method, url, data=await request.read(), headers=kind) as answer,
        ):
            headers = {name: value for name, value in answer.headers.items() if name.startswith("X-")}
            return web.Response(status=answer.status, body=await answer.read(), headers=headers)

    async def _overwrite(self, path: str) -> None:
        """As if somebody else wrote at once."""
        if self._value_after is not None:
            async with aiohttp.ClientSession() as client:
                await client.put(f"http://{self._target}{path}", data={"value": self._value_after})
