from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from grpc import StatusCode
from tests.store.etcd3.fake_etcd import GARBAGE, AbortError, FakeEtcd

from catflap.lab.etcd import free_port
from catflap.store.api import StoreDeniedError, StoreOptions, StoreUnavailableError
from catflap.store.etcd3 import connection as connection_module
from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.connection import CONNECT_TIMEOUT, Connection
from catflap.store.etcd3.credentials import Login
from catflap.store.etcd3.permissions import Permission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine


@pytest.fixture
async def server() -> AsyncIterator[FakeEtcd]:
    async with FakeEtcd() as server:
        yield server


def connection_to(endpoint: str) -> Connection:
    return Connection(endpoint, Login(StoreOptions()), None)


async def test_a_member_that_serves_is_ready(server: FakeEtcd) -> None:
    async with connection_to(server.endpoint) as connection:
        assert (await connection.ready(b"/key")).revision == server.revision


async def test_a_closed_port_is_left_at_once_and_with_the_reason() -> None:
    started = asyncio.get_running_loop().time()
    async with connection_to(f"127.0.0.1:{free_port()}") as connection:
        with pytest.raises(StoreUnavailableError, match="refused"):
            await connection.ready(b"/key")
    assert asyncio.get_running_loop().time() - started < CONNECT_TIMEOUT / 2


async def test_a_refused_read_names_what_it_needs_or_what_it_was_told_to_ask_for(server: FakeEtcd) -> None:
    def refuse(_request: pb.RangeRequest) -> None:
        raise AbortError(StatusCode.PERMISSION_DENIED, "etcdserver: permission denied")

    server.on_range = refuse
    async with connection_to(server.endpoint) as connection:
        with pytest.raises(StoreDeniedError, match="refuses to read /a: the user"):
            await connection.range(pb.RangeRequest(key=b"/a"))
        with pytest.raises(StoreDeniedError, match="refuses to read /b: the user"):
            await connection.range(pb.RangeRequest(key=b"/a"), permission=Permission("read", b"/b"))


async def test_a_call_without_an_answer_ends_in_time_and_says_so(server: FakeEtcd) -> None:
    server.answering.clear()
    async with connection_to(server.endpoint) as connection:
        with pytest.raises(StoreUnavailableError, match=r"no answer within 0\.05 s"):
            await connection.range(pb.RangeRequest(key=b"/a"), 0.05)


@pytest.mark.parametrize("call", [Connection.keep_lease, Connection.revoke_lease])
async def test_whoever_shares_a_connection_that_is_closed_learns_of_a_fault_and_is_not_cancelled(
    server: FakeEtcd, call: Callable[[Connection, int], Coroutine[None, None, None]]
) -> None:
    async with connection_to(server.endpoint) as connection:
        during = asyncio.create_task(call(connection, 1))
        await server.lease_requested.wait()
        await connection.close()
        for attempt in (during, call(connection, 1)):
            with pytest.raises(StoreUnavailableError, match="given up"):
                await attempt


@pytest.mark.parametrize("call", [Connection.keep_lease, Connection.revoke_lease])
async def test_an_answer_that_cannot_be_decoded_is_a_fault_of_the_member(
    server: FakeEtcd, call: Callable[[Connection, int], Coroutine[None, None, None]]
) -> None:
    server.lease_answer = GARBAGE
    async with connection_to(server.endpoint) as connection:
        with pytest.raises(StoreUnavailableError, match="cannot be decoded"):
            await call(connection, 1)


async def test_a_lease_is_not_kept_for_ever_on_a_connection_that_is_closed_before_it_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_module, "CALL_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with connection_to("{}:{}".format(*silent.getsockname())) as connection:
            keeping = asyncio.create_task(connection.keep_lease(1))
            await asyncio.sleep(0)  # it has begun, and waits for the connection
            await connection.close()
            with pytest.raises(StoreUnavailableError, match=r"no answer within 0\.2 s|given up"):
                await keeping


@pytest.mark.parametrize(("set_by_user", "used"), [(None, "NONE"), ("ERROR", "ERROR")])
def test_grpc_does_not_write_to_stderr_unless_the_user_wants_it(set_by_user: str | None, used: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"}
    if set_by_user is not None:
        environment["GRPC_VERBOSITY"] = set_by_user
    program = "import os, catflap.store.etcd3; print(os.environ['GRPC_VERBOSITY'])"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == used
