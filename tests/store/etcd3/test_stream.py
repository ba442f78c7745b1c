from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from grpc import StatusCode
from tests.store.etcd3.fake_etcd import GARBAGE, AbortError, EndError, FakeEtcd, answer, put

from catflap.store.api import StoreError, StoreOptions, StoreUnavailableError
from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.connection import Connection
from catflap.store.etcd3.credentials import Login
from catflap.store.etcd3.errors import MessageTooLargeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.store.etcd3.fake_etcd import Step

    from catflap.store.etcd3.stream import WatchStream


@asynccontextmanager
async def watching(*script: Step) -> AsyncIterator[WatchStream]:
    """A watch that is answered so."""
    async with FakeEtcd() as server:
        server.scripts = [list(script)]
        async with (
            Connection(server.endpoint, Login(StoreOptions()), None) as connection,
            aclosing(await connection.watch(pb.WatchCreateRequest(key=b"/"))) as stream,
        ):
            yield stream


async def test_silence_keeps_the_watch_and_its_next_answer() -> None:
    hold = asyncio.Event()
    async with watching(pb.WatchResponse(created=True), hold, answer(put(11, "a"))) as stream:
        created = await stream.read(5)
        assert created is not None
        assert created.created
        assert await stream.read(0.01) is None
        assert await stream.read(0.01) is None
        hold.set()
        later = await stream.read(5)
        assert later is not None
        assert later.events


@pytest.mark.parametrize(
    ("end", "kind", "text"),
    [
        (EndError(), StoreUnavailableError, "ended the watch"),
        (AbortError(StatusCode.UNAVAILABLE, "etcdserver: no leader"), StoreUnavailableError, "no leader"),
        (AbortError(StatusCode.RESOURCE_EXHAUSTED, "larger than max"), MessageTooLargeError, "larger"),
        (GARBAGE, StoreUnavailableError, "cannot be decoded"),  # taken for silence, it would lose changes
    ],
)
async def test_the_end_of_a_watch_is_an_error(end: Step, kind: type[StoreError], text: str) -> None:
    async with watching(answer(put(11, "a")), end) as stream:
        assert await stream.read(5)
        with pytest.raises(kind, match=text):
            await stream.read(5)


async def test_a_stream_can_be_dropped_while_an_answer_is_waited_for() -> None:
    async with watching() as stream:
        assert await stream.read(0.01) is None
