from __future__ import annotations

import asyncio
import logging
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING

import pytest

from catflap.agent import serving as module
from catflap.agent.serving import Address, Serving
from catflap.lab.etcd import free_port

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


def application(environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    if environment["PATH_INFO"] == "/fault":
        raise ValueError("a fault of ours")
    start("200 OK", [])
    return [b"yes"]


@pytest.fixture
async def serving() -> AsyncIterator[Serving]:
    made = Serving("answers", "AnswersHost or AnswersPort", lambda: application)
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.wait([task])


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


async def get(port: int, path: str = "/", host: str = "127.0.0.1") -> bytes:
    def fetch() -> bytes:
        with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=5) as answer:
            return bytes(answer.read())

    return await asyncio.to_thread(fetch)


async def test_it_begins_moves_and_ends(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    first, second = free_port(), free_port()
    serving.want(Address("127.0.0.1", first))
    await until(lambda: listens(first))
    assert await get(first) == b"yes"
    serving.want(Address("127.0.0.1", second))
    await until(lambda: listens(second))
    assert not listens(first)
    serving.want(None)
    await until(lambda: not listens(second))
    assert caplog.messages == [
        f"Serving answers on http://127.0.0.1:{first}/",
        f"Serving answers on http://127.0.0.1:{second}/",
    ]


@pytest.mark.parametrize(("host", "url_host"), [("localhost", "localhost"), ("::1", "[::1]")])
async def test_an_address_may_be_a_name_or_of_version_6(serving: Serving, host: str, url_host: str) -> None:
    port = free_port()
    serving.want(Address(host, port))
    async with asyncio.timeout(5):
        while True:
            try:
                assert await get(port, host=url_host) == b"yes"
                break
            except OSError:
                await asyncio.sleep(0.01)


async def test_a_port_in_use_is_said_once_and_had_when_it_is_free(
    serving: Serving, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY", 0.05)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        serving.want(Address("127.0.0.1", port))
        await until(lambda: bool(caplog.messages))
        await asyncio.sleep(0.2)
    (line,) = caplog.messages
    assert line == (
        f"No answers: cannot serve on 127.0.0.1 port {port}: Address already in use; change AnswersHost or"
        " AnswersPort, or free the port: it is tried again"
    )
    await until(lambda: listens(port))
    assert await get(port) == b"yes"


@pytest.mark.parametrize("host", ["no.such.name.invalid", "a" * 300, "192.0.2.1", ".."])
async def test_an_address_that_is_none_of_ours_is_said(
    serving: Serving, caplog: pytest.LogCaptureFixture, host: str
) -> None:
    serving.want(Address(host, free_port()))
    await until(lambda: bool(caplog.messages))
    (line,) = caplog.messages
    assert line.startswith(f"No answers: cannot serve on {host} port ")


async def test_clients_that_are_silent_or_talk_nonsense_keep_nobody_waiting(serving: Serving) -> None:
    port = free_port()
    serving.want(Address("127.0.0.1", port))
    await until(lambda: listens(port))
    with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)) as odd:
        odd.sendall(b"\x00\xff nonsense\r\n\r\n")
        assert await get(port) == b"yes"


async def test_a_fault_of_ours_is_an_error_for_that_client_only(
    serving: Serving, capfd: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    serving.want(Address("127.0.0.1", port))
    await until(lambda: listens(port))
    with pytest.raises(urllib.error.HTTPError, match="500"):
        await get(port, "/fault")
    assert await get(port) == b"yes"
    capfd.readouterr()


def test_no_thread_wakes_up_while_nobody_asks() -> None:
    made = module._Server(Address("127.0.0.1", 0), application)
    try:
        assert made.timeout is None
        assert made._thread.is_alive()
    finally:
        made.stop()
    assert not made._thread.is_alive()
