from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from tests.store.etcd3.fake_etcd import EndError, FakeEtcd, answer, put

from catflap.lab.etcd import free_port
from catflap.store.api import StoreError, StoreOptions, StoreUnavailableError
from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.connection import CONNECT_TIMEOUT, Connection, Login, channel_credentials

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


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


async def test_silence_keeps_the_watch_and_its_next_answer(server: FakeEtcd) -> None:
    server.scripts = [[server.created()]]
    async with (
        connection_to(server.endpoint) as connection,
        aclosing(await connection.watch(pb.WatchCreateRequest(key=b"/"))) as watch,
    ):
        created = await watch.read(5)
        assert created is not None
        assert created.created
        assert await watch.read(0.01) is None
        assert await watch.read(0.01) is None


async def test_the_end_of_a_watch_is_an_error(server: FakeEtcd) -> None:
    server.scripts = [[answer(put(11, "a")), EndError()]]
    async with (
        connection_to(server.endpoint) as connection,
        aclosing(await connection.watch(pb.WatchCreateRequest(key=b"/"))) as watch,
    ):
        assert await watch.read(5)
        with pytest.raises(StoreUnavailableError, match="ended the watch"):
            await watch.read(5)


@pytest.mark.parametrize("option", ["ca_file", "cert_file", "key_file"])
def test_a_tls_file_that_cannot_be_read_is_named(option: str, tmp_path: Path) -> None:
    file = str(tmp_path / "missing.pem")
    with pytest.raises(StoreError, match=rf"cannot read {option} .*missing\.pem: No such file"):
        channel_credentials(StoreOptions(**{option: file}))


@pytest.mark.parametrize(("set_by_user", "used"), [(None, "NONE"), ("ERROR", "ERROR")])
def test_grpc_does_not_write_to_stderr_unless_the_user_wants_it(set_by_user: str | None, used: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"}
    if set_by_user is not None:
        environment["GRPC_VERBOSITY"] = set_by_user
    program = "import os, catflap.store.etcd3; print(os.environ['GRPC_VERBOSITY'])"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == used
