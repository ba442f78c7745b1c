from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from tests.store.etcd2.loopback import Proxy, listening, mute, serving

from catflap.lab.etcd import EtcdServer, free_port
from catflap.store.api import StoreDeniedError, StoreError, StoreOptions, StoreUnavailableError
from catflap.store.etcd2 import client as client_module
from catflap.store.etcd2.client import Etcd2Client, Timeouts
from catflap.store.etcd2.tree import Answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

ANSWER = '{"action":"get","node":{"key":"/calico/v1/a","value":"1"}}'
INDEX = {"X-Etcd-Index": "7"}
HASTY = Timeouts(connect=0.1, answer=0.2, write=0.2, load=5, load_silence=0.2)


@asynccontextmanager
async def answering(
    text: str = "", status: int = 200, headers: Mapping[str, str] = INDEX
) -> AsyncIterator[Etcd2Client]:
    """A client of a server that always answers the same."""

    async def handle(_request: web.Request) -> web.Response:
        return web.Response(text=text, status=status, headers=headers)

    async with serving(handle) as endpoint, Etcd2Client(endpoint, StoreOptions(), tls=False) as client:
        yield client


@pytest.fixture
async def client(etcd: EtcdServer) -> AsyncIterator[Etcd2Client]:
    async with Etcd2Client(etcd.endpoint, StoreOptions(), tls=False) as client:
        yield client


@pytest.mark.parametrize(
    "name",
    ["plain", "with space", "ü", "per%cent", "a+b", "q?x=1#y", "quote'\"", "wild*", "line\nend", "\x01"],
)
async def test_any_name_is_one_key(client: Etcd2Client, name: str) -> None:
    await client.put(f"/calico/v1/{name}", "välue & more=1")
    reply = await client.read(f"/calico/v1/{name}")
    assert isinstance(reply.body, Answer)
    assert (reply.body.node.key, reply.body.node.value) == (f"/calico/v1/{name}", "välue & more=1")


async def test_what_is_missing_is_said_to_be_missing(client: Etcd2Client) -> None:
    await client.put("/calico/v1/value", "1")
    for path in ("/calico/v1/none", "/calico/v1/value/below"):
        reply = await client.read(path)
        assert reply.missing
        assert reply.index > 0
        assert reply.cluster_id


async def test_a_reply_tells_the_term(client: Etcd2Client) -> None:
    assert (await client.put("/calico/v1/a", "1")).raft_term > 0
    assert (await client.read("/calico/v1/none")).raft_term == 0  # etcd leaves it out


async def test_a_put_can_have_a_condition_and_a_time_to_live(client: Etcd2Client) -> None:
    assert (await client.put("/calico/v1/a", "1", {"prevExist": "false"}, ttl=100)).index
    refused = await client.put("/calico/v1/a", "2", {"prevExist": "false"})
    assert not isinstance(refused.body, Answer)
    assert refused.body.error_code == 105


async def test_a_refresh_is_no_event(client: Etcd2Client) -> None:
    index = (await client.put("/calico/v1/a", "1", ttl=100)).index
    refreshed = await client.put("/calico/v1/a", None, ttl=100)
    assert refreshed.index > index
    await client.put("/calico/v1/b", "1")
    async with aclosing(await client.poll("/calico/v1/", index + 1)) as poll:
        event = await poll.answer(5)
    assert event is not None
    assert isinstance(event.body, Answer)
    assert event.body.node.key == "/calico/v1/b"


async def test_what_is_gone_cannot_be_refreshed(client: Etcd2Client) -> None:
    assert (await client.put("/calico/v1/none", None, ttl=100)).missing


async def test_an_accepted_poll_tells_the_index_at_once(client: Etcd2Client) -> None:
    index = (await client.put("/calico/v1/a", "1")).index
    async with aclosing(await client.poll("/calico/v1/", index + 1)) as poll:
        assert poll.accepted
        assert poll.index >= index
        assert await poll.answer(0.05) is None


async def test_a_poll_brings_the_next_event(client: Etcd2Client) -> None:
    reply = await client.put("/calico/v1/a", "1")
    assert isinstance(reply.body, Answer)
    async with aclosing(await client.poll("/calico/v1/", reply.body.node.modified_index)) as poll:
        event = await poll.answer(5)
    assert event is not None
    assert event.body == reply.body


async def test_a_server_without_the_v2_api_is_told_apart() -> None:
    with EtcdServer(arguments=["--enable-v2=false"]) as server:
        async with Etcd2Client(server.endpoint, StoreOptions(), tls=False) as client:
            with pytest.raises(StoreUnavailableError, match="--enable-v2"):
                await client.read("/calico/v1/")


async def test_a_closed_port_is_unavailable() -> None:
    async with Etcd2Client(f"127.0.0.1:{free_port()}", StoreOptions(), tls=False) as client:
        with pytest.raises(StoreUnavailableError, match="Connect"):
            await client.read("/calico/v1/")
        with pytest.raises(StoreUnavailableError, match="Connect"):
            await client.poll("/calico/v1/", 1)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_names_the_path_and_the_permission(status: int) -> None:
    async with answering('{"message":"Insufficient credentials"}', status) as client:
        with pytest.raises(StoreDeniedError, match=r"read access to /calico/v1/ .*Insufficient credentials"):
            await client.read("/calico/v1/")
        with pytest.raises(StoreDeniedError, match="write access to /calico/v1/a "):
            await client.put("/calico/v1/a", "1")


async def test_what_is_no_file_is_not_a_lack_of_permission(client: Etcd2Client) -> None:
    await client.put("/calico/v1/dir/a", "1")
    reply = await client.put("/calico/v1/dir", "1")  # answered with status 403
    assert not isinstance(reply.body, Answer)
    assert reply.body.text == "Not a file /calico/v1/dir"


@pytest.mark.parametrize(
    ("text", "status", "headers"),
    [
        ("<html>hello</html>", 200, INDEX),
        ("", 500, INDEX),
        ("no leader", 503, INDEX),
        ("[" * 100_000, 200, INDEX),
        (ANSWER, 200, {"X-Etcd-Index": "many"}),
        (ANSWER, 200, {}),
        (ANSWER, 200, {**INDEX, "X-Raft-Term": "?"}),
        ("", 301, {"Location": "http://127.0.0.1:1/"}),
    ],
    ids=["html", "empty", "plain", "deep", "index", "no index", "term", "redirect"],
)
async def test_answers_that_make_no_sense_are_unavailability(
    text: str, status: int, headers: Mapping[str, str]
) -> None:
    async with answering(text, status, headers) as client:
        with pytest.raises(StoreUnavailableError, match="strange answer"):
            await client.read("/calico/v1/")


async def test_a_poll_with_an_index_that_makes_no_sense_is_unavailability() -> None:
    async with answering(ANSWER, headers={"X-Etcd-Index": "many"}) as client:
        with pytest.raises(
            StoreUnavailableError, match="strange answer with status 200 and X-Etcd-Index 'many'"
        ):
            await client.poll("/calico/v1/", 1)


FAILURE = (
    '{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}'
)


async def test_a_request_that_fails_says_nothing_about_the_state() -> None:
    async with answering(FAILURE, 500) as client:
        for request in (
            client.read("/calico/v1/"),
            client.load("/calico/v1/"),
            client.put("/calico/v1/a", "1"),
        ):
            with pytest.raises(
                StoreUnavailableError, match="Raft Internal Error etcdserver: request timed out"
            ):
                await request


async def test_a_poll_that_ends_without_an_answer_is_the_end_of_the_member() -> None:
    async with (
        answering() as client,
        aclosing(await client.poll("/calico/v1/", 1)) as poll,
    ):
        with pytest.raises(StoreUnavailableError, match="as if shut down"):
            await poll.answer(1)


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
async def test_a_member_that_says_nothing_is_given_up(tls: bool) -> None:
    async with mute() as endpoint, Etcd2Client(endpoint, StoreOptions(), tls=tls, timeouts=HASTY) as client:
        for request in (client.read("/calico/v1/"), client.load("/calico/v1/"), client.poll("/x/", 1)):
            started = time.monotonic()
            with pytest.raises(StoreUnavailableError, match=endpoint):
                await request
            assert time.monotonic() - started < 1


async def test_a_load_that_stops_coming_is_given_up(etcd: EtcdServer) -> None:
    async with Etcd2Client(etcd.endpoint, StoreOptions(), tls=False) as direct:
        for number in range(8):
            await direct.put(f"/calico/v1/{number}", "x" * 1_000_000)
    async with (
        Proxy(etcd.endpoint) as proxy,
        Etcd2Client(proxy.endpoint, StoreOptions(), tls=False, timeouts=HASTY) as client,
    ):
        assert isinstance((await client.load("/calico/v1/")).body, Answer)
        proxy.swallow_after(1_000_000)
        with pytest.raises(StoreUnavailableError, match=proxy.endpoint):
            await client.load("/calico/v1/")


async def first_event(client: Etcd2Client) -> object:
    async with aclosing(await client.poll("/calico/v1/", 1)) as poll:
        return await poll.answer(5)


async def one_read(client: Etcd2Client) -> object:
    return await client.read("/calico/v1/a")


@pytest.mark.parametrize("ask", [first_event, one_read])
@pytest.mark.parametrize(("longest", "load"), [(1000, 5), (1 << 20, 0.1)], ids=["size", "time"])
async def test_an_answer_that_does_not_end_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
    longest: int,
    load: float,
    ask: Callable[[Etcd2Client], Awaitable[object]],
) -> None:
    async def go_on(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=INDEX)
        await response.prepare(request)
        while True:
            await response.write(b" " * 100)
            await asyncio.sleep(0.01)

    monkeypatch.setattr(client_module, "LONGEST_BODY", longest)
    timeouts = Timeouts(answer=5, load=load)
    async with (
        serving(go_on) as endpoint,
        Etcd2Client(endpoint, StoreOptions(), tls=False, timeouts=timeouts) as client,
    ):
        with pytest.raises(StoreUnavailableError, match="does not end"):
            await ask(client)


async def test_a_compressed_answer_is_not_unpacked() -> None:
    packed = {**INDEX, "Content-Encoding": "deflate"}
    async with answering(ANSWER, headers=packed) as client:
        assert isinstance((await client.read("/calico/v1/a")).body, Answer)


async def test_a_long_story_is_told_in_short() -> None:
    async with answering(f'{{"errorCode":300,"message":"{10_000 * "x"}"}}', 500) as client:
        with pytest.raises(StoreUnavailableError) as caught:
            await client.read("/calico/v1/a")
    assert len(str(caught.value)) < 1000


async def test_an_answer_that_is_cut_off_is_unavailability(etcd: EtcdServer) -> None:
    async with (
        Proxy(etcd.endpoint) as proxy,
        Etcd2Client(proxy.endpoint, StoreOptions(), tls=False, timeouts=HASTY) as client,
    ):
        await client.put("/calico/v1/a", "x" * 10_000)
        for count in (0, 20, 1_000):  # before the headers' end, in them, in the body
            proxy.cut_after(count)
            with pytest.raises(StoreUnavailableError, match=proxy.endpoint):
                await client.load("/calico/v1/")


async def test_a_request_is_sent_once_even_if_the_connection_breaks() -> None:
    seen: list[bytes] = []

    async def hang_up(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n"))

    async with listening(hang_up) as endpoint, Etcd2Client(endpoint, StoreOptions(), tls=False) as client:
        for request in (client.put("/calico/v1/a", "1"), client.delete("/calico/v1/a")):
            with pytest.raises(StoreUnavailableError, match=endpoint):
                await request
    assert len(seen) == 2


async def test_a_user_is_named_in_every_request() -> None:
    options = StoreOptions(username="root", password="secret")  # noqa: S106 - of this test
    seen: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        return web.Response(text='{"errorCode":100}', status=404, headers=INDEX)

    async with serving(handle) as endpoint, Etcd2Client(endpoint, options, tls=False) as client:
        await client.read("/calico/v1/")
        await (await client.poll("/calico/v1/", 1)).aclose()
    assert seen == ["Basic cm9vdDpzZWNyZXQ="] * 2


async def test_a_user_name_that_http_cannot_carry_is_an_error() -> None:
    with pytest.raises(StoreError, match="user name"):
        Etcd2Client("host:1", StoreOptions(username="a:b"), tls=False)
