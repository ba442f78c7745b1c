from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from catflap.lab.etcd import EtcdServer, free_port
from catflap.store.api import StoreDeniedError, StoreError, StoreOptions, StoreUnavailableError
from catflap.store.etcd2.client import Etcd2Client, tls_context
from catflap.store.etcd2.tree import Answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path


ANSWER = '{"action":"get","node":{"key":"/calico/v1/a","value":"1"}}'


@asynccontextmanager
async def served(
    handle: Callable[[web.Request], Awaitable[web.Response]], options: StoreOptions
) -> AsyncIterator[Etcd2Client]:
    """A client of a server that is not etcd."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        async with Etcd2Client(f"{host}:{port}", options, tls=False) as client:
            yield client
    finally:
        await runner.cleanup()


@asynccontextmanager
async def answering(response: web.Response) -> AsyncIterator[Etcd2Client]:
    """A client of a server that always answers the same."""

    async def handle(_request: web.Request) -> web.Response:
        return response

    async with served(handle, StoreOptions()) as client:
        yield client


@pytest.fixture
async def client(etcd: EtcdServer) -> AsyncIterator[Etcd2Client]:
    async with Etcd2Client(etcd.endpoint, StoreOptions(), tls=False) as client:
        yield client


@pytest.mark.parametrize(
    "name", ["plain", "with space", "ü", "per%cent", "a+b", "q?x=1#y", "quote'\"", "wild*"]
)
async def test_any_name_is_one_key(client: Etcd2Client, name: str) -> None:
    await client.write(f"/calico/v1/{name}", "välue & more=1")
    reply = await client.read(f"/calico/v1/{name}")
    assert isinstance(reply.body, Answer)
    assert (reply.body.node.key, reply.body.node.value) == (f"/calico/v1/{name}", "välue & more=1")


async def test_what_is_missing_is_said_to_be_missing(client: Etcd2Client) -> None:
    reply = await client.read("/calico/v1/none")
    assert reply.missing
    assert reply.index > 0
    assert reply.cluster_id


async def test_an_accepted_poll_tells_the_index_at_once(client: Etcd2Client) -> None:
    index = (await client.write("/calico/v1/a", "1")).index
    async with aclosing(await client.poll("/calico/v1", index + 1, 0.05)) as poll:
        assert poll.accepted
        assert poll.index >= index
        assert await poll.answer() is None


async def test_a_poll_brings_the_next_event(client: Etcd2Client) -> None:
    reply = await client.write("/calico/v1/a", "1")
    assert isinstance(reply.body, Answer)
    async with aclosing(await client.poll("/calico/v1", reply.body.node.modified_index, 5)) as poll:
        event = await poll.answer()
    assert event is not None
    assert event.body == reply.body


async def test_a_server_without_the_v2_api_is_told_apart() -> None:
    with EtcdServer(arguments=["--enable-v2=false"]) as server:
        async with Etcd2Client(server.endpoint, StoreOptions(), tls=False) as client:
            with pytest.raises(StoreUnavailableError, match="--enable-v2"):
                await client.read("/calico/v1")


async def test_a_closed_port_is_unavailable() -> None:
    async with Etcd2Client(f"127.0.0.1:{free_port()}", StoreOptions(), tls=False) as client:
        with pytest.raises(StoreUnavailableError, match="Connect"):
            await client.read("/calico/v1")
        with pytest.raises(StoreUnavailableError, match="Connect"):
            await client.poll("/calico/v1", 1, 1)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_names_the_remedy(status: int) -> None:
    async with answering(
        web.Response(status=status, text='{"message":"Insufficient credentials"}')
    ) as client:
        with pytest.raises(StoreDeniedError, match=r"Insufficient credentials.*check user name and password"):
            await client.read("/calico/v1")


@pytest.mark.parametrize(
    "response",
    [
        web.Response(text="<html>hello</html>"),
        web.Response(status=500, text=""),
        web.Response(status=503, text="no leader"),
        web.Response(text="[" * 100_000),
        web.Response(text=ANSWER, headers={"X-Etcd-Index": "many"}),
    ],
    ids=["html", "empty", "plain", "deep", "index"],
)
async def test_answers_that_make_no_sense_are_unavailability(response: web.Response) -> None:
    async with answering(response) as client:
        with pytest.raises(StoreUnavailableError, match="strange answer"):
            await client.read("/calico/v1")


async def test_a_poll_with_an_index_that_makes_no_sense_is_unavailability() -> None:
    async with answering(web.Response(text=ANSWER, headers={"X-Etcd-Index": "many"})) as client:
        with pytest.raises(StoreUnavailableError, match="strange answer with X-Etcd-Index 'many'"):
            await client.poll("/calico/v1", 1, 1)


async def test_a_read_that_fails_says_nothing_about_the_state() -> None:
    failure = (
        '{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}'
    )
    async with answering(web.Response(status=500, text=failure)) as client:
        with pytest.raises(StoreUnavailableError, match="Raft Internal Error etcdserver: request timed out"):
            await client.read("/calico/v1")


async def test_a_poll_that_ends_without_an_answer_is_silence() -> None:
    async with (
        answering(web.Response(text="")) as client,
        aclosing(await client.poll("/calico/v1", 1, 1)) as poll,
    ):
        assert await poll.answer() is None


async def test_a_user_is_named_in_every_request() -> None:
    options = StoreOptions(username="root", password="secret")  # noqa: S106 - of this test
    seen: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        return web.Response(text='{"errorCode":100}', status=404)

    async with served(handle, options) as client:
        await client.read("/calico/v1")
        await (await client.poll("/calico/v1", 1, 1)).aclose()
    assert seen == ["Basic cm9vdDpzZWNyZXQ="] * 2


async def test_a_user_name_that_http_cannot_carry_is_an_error() -> None:
    with pytest.raises(StoreError, match="user name"):
        Etcd2Client("host:1", StoreOptions(username="a:b"), tls=False)


def test_tls_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(StoreError, match=name):
            tls_context(StoreOptions(ca_file=str(tmp_path / name)))
