from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
import pytest
from aiohttp import web

from catflap.store.api import StoreOptions, StoreUnavailableError
from catflap.store.etcd2 import Etcd2Store
from catflap.store.etcd2.client import Etcd2Client, Reply
from catflap.store.etcd2.follower import ROOT, Etcd2Session, Position, check_same_history, event_of
from catflap.store.etcd2.tree import Answer, Failure, Node
from catflap.store.supervisor import ResyncNeededError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FAILED = Failure(error_code=300, message="Raft Internal Error", cause="etcdserver: request timed out")


def reply(body: Answer | Failure) -> Reply:
    return Reply(index=1, cluster_id="c", body=body)


def test_an_event_is_the_body_of_a_poll() -> None:
    answer = Answer(action="set", node=Node(key="/calico/v1/a"))
    assert event_of(reply(answer), "host:1") is answer


def test_cleared_history_asks_for_a_resync() -> None:
    with pytest.raises(ResyncNeededError, match="cleared"):
        event_of(
            reply(Failure(error_code=401, message="The event in requested index is outdated and cleared")),
            "h:1",
        )


def test_any_other_failure_ends_the_session() -> None:
    with pytest.raises(StoreUnavailableError, match="h:1: Raft Internal Error"):
        event_of(reply(Failure(error_code=300, message="Raft Internal Error")), "h:1")


@asynccontextmanager
async def member(tree: Answer | Failure) -> AsyncIterator[str]:
    """The endpoint of a member that answers ``tree`` for the tree, and a value for all else unless it fails."""

    async def handle(request: web.Request) -> web.Response:
        value = Answer(action="get", node=Node(key=request.path.removeprefix("/v2/keys"), value="1"))
        body = tree if isinstance(tree, Failure) or request.path == f"/v2/keys{ROOT}" else value
        status = 200 if isinstance(body, Answer) else 500
        return web.Response(status=status, body=msgspec.json.encode(body))

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        yield f"{host}:{port}"
    finally:
        await runner.cleanup()


async def test_a_read_that_fails_is_no_sign_of_another_history() -> None:
    async with member(FAILED) as endpoint, Etcd2Client(endpoint, StoreOptions(), tls=False) as client:
        with pytest.raises(StoreUnavailableError, match="request timed out"):
            await check_same_history(client, Position(index=7, cluster_id="c"))


async def test_a_read_that_fails_is_no_snapshot() -> None:
    async with member(FAILED) as endpoint:
        session = Etcd2Session(lambda endpoint: Etcd2Client(endpoint, StoreOptions(), tls=False))
        with pytest.raises(StoreUnavailableError, match="request timed out"):
            await anext(session.run(endpoint))


async def test_a_member_whose_reads_fail_is_not_asked_for_a_value() -> None:
    async with member(FAILED) as endpoint:
        with pytest.raises(StoreUnavailableError, match="request timed out"):
            await Etcd2Store([endpoint], StoreOptions()).get("/calico/v1/a")


async def test_another_member_serves_in_place_of_one_whose_reads_fail() -> None:
    served = Answer(action="get", node=Node(key=ROOT, dir=True))
    async with member(FAILED) as failing, member(served) as serving:
        for _ in range(8):  # members are tried in random order
            assert await Etcd2Store([failing, serving], StoreOptions()).get("/calico/v1/a") == b"1"
