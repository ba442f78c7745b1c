from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from catflap.lab.etcd import free_port
from catflap.lab.tcp_proxy import TcpProxy

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[TcpProxy], Awaitable[Stream]]


@pytest.fixture
async def echo() -> AsyncIterator[str]:
    """A server that sends back what it gets."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Opens connections through a proxy, which end with the test."""
    opened: list[asyncio.StreamWriter] = []

    async def open_one(proxy: TcpProxy) -> Stream:
        host, _, port = proxy.endpoint.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        opened.append(writer)
        return reader, writer

    yield open_one
    for writer in opened:
        writer.close()


async def ask(stream: Stream, data: bytes) -> bytes:
    reader, writer = stream
    writer.write(data)
    return await reader.readexactly(len(data))


async def test_it_passes_on_both_ways_and_counts(echo: str, connect: Connect) -> None:
    with TcpProxy(echo) as proxy:
        stream = await connect(proxy)
        assert await ask(stream, b"hello") == b"hello"
        assert proxy.passed == 5


async def test_the_end_of_one_direction_is_passed_on(echo: str, connect: Connect) -> None:
    with TcpProxy(echo) as proxy:
        reader, writer = await connect(proxy)
        writer.write(b"last")
        writer.write_eof()
        assert await reader.read() == b"last"


async def test_a_cut_resets_connections_and_accepts_new_ones(echo: str, connect: Connect) -> None:
    with TcpProxy(echo) as proxy:
        stream = await connect(proxy)
        await ask(stream, b"hello")
        proxy.cut()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await ask(stream, b"again")
        assert await ask(await connect(proxy), b"new") == b"new"


async def test_a_cut_comes_after_so_many_bytes(echo: str, connect: Connect) -> None:
    with TcpProxy(echo) as proxy:
        proxy.cut_after(8)
        stream = await connect(proxy)
        assert await ask(stream, b"hello") == b"hello"
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await ask(stream, b"hello")
        assert proxy.passed == 8
        assert await ask(await connect(proxy), b"0123456789") == b"0123456789"


async def test_a_black_hole_swallows_and_gives_back(echo: str, connect: Connect) -> None:
    with TcpProxy(echo) as proxy:
        stream = await connect(proxy)
        await ask(stream, b"hello")
        proxy.freeze()
        answer = asyncio.create_task(ask(stream, b"again"))
        done, _ = await asyncio.wait({answer}, timeout=0.1)
        assert not done
        proxy.thaw()
        assert await answer == b"again"


async def test_a_target_that_refuses_closes_connections(connect: Connect) -> None:
    with TcpProxy(f"127.0.0.1:{free_port()}") as proxy:
        reader, _ = await connect(proxy)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)


def test_it_listens_no_more_in_the_end() -> None:
    with TcpProxy("127.0.0.1:1") as proxy:
        pass
    host, _, port = proxy.endpoint.rpartition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))
