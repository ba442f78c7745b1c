from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from tests.store.etcd2.loopback import serving

from catflap.lab.etcd import EtcdServer, free_port
from catflap.store.api import StoreDeniedError, StoreOptions, StoreUnavailableError
from catflap.store.etcd2.members import Members

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PATH = "/calico/v1/a"
FAILURE = (
    '{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}'
)


def answering(status: int, text: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    return handle


async def test_a_member_is_reached_with_the_newest_state(etcd: EtcdServer) -> None:
    members = Members((etcd.endpoint,), StoreOptions())
    async with members.reach(PATH) as (client, reply):
        assert reply.missing
        await client.put(PATH, "1")
    async with members.reach("/calico/v1/", recursive=True) as (_, reply):
        assert not reply.missing


async def test_another_member_is_reached_in_place_of_one_whose_reads_fail(etcd: EtcdServer) -> None:
    async with serving(answering(500, FAILURE)) as failing:
        members = Members((failing, etcd.endpoint, f"127.0.0.1:{free_port()}"), StoreOptions())
        for _ in range(8):  # members are tried in random order
            async with members.reach(PATH) as (client, _):
                assert client.endpoint == etcd.endpoint


async def test_when_none_serves_each_is_named_with_its_reason() -> None:
    closed = f"127.0.0.1:{free_port()}"
    async with serving(answering(500, FAILURE)) as failing:
        with pytest.raises(StoreUnavailableError) as caught:
            async with Members((failing, closed), StoreOptions()).reach(PATH):
                pass
    assert all(text in str(caught.value) for text in (failing, "request timed out", closed, "Connect"))


async def test_a_refusal_is_final() -> None:
    async with serving(answering(401, "{}")) as refusing:
        with pytest.raises(StoreDeniedError, match=PATH):
            async with Members((refusing,), StoreOptions()).reach(PATH):
                pass


async def test_what_fails_after_reaching_is_the_callers_affair(etcd: EtcdServer) -> None:
    with pytest.raises(StoreUnavailableError, match="later"):
        async with Members((etcd.endpoint,) * 2, StoreOptions()).reach(PATH):
            raise StoreUnavailableError("later")
