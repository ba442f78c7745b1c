"""Reading in pages, from a real etcd; a compaction can come between two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from catflap.store import StoreOptions, StoreUnavailableError
from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.connection import Connection
from catflap.store.etcd3.credentials import Login
from catflap.store.etcd3.errors import MessageTooLargeError
from catflap.store.etcd3.ranges import ATTEMPTS, read_range

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from catflap.lab.etcd import EtcdServer

KEYS = [f"/calico/v1/{number}".encode() for number in range(10)]
START, END = b"/calico/v1/", b"/calico/v10"


@pytest.fixture
async def connection(etcd: EtcdServer) -> AsyncIterator[Connection]:
    async with Connection(etcd.endpoint, Login(StoreOptions()), None) as connection:
        for key in (*KEYS, b"/calico/v10"):
            await put(connection, key)
        yield connection


async def put(connection: Connection, key: bytes) -> int:
    operation = pb.RequestOp(request_put=pb.PutRequest(key=key, value=b"x"))
    return (await connection.transact(pb.TxnRequest(success=[operation]))).header.revision


@pytest.mark.parametrize("page", [1, 3, 5, 10, 5000])
async def test_pages_give_every_key_once(connection: Connection, page: int) -> None:
    _, found = await read_range(connection, START, END, page)
    assert [kv.key for kv in found] == KEYS


async def test_all_pages_are_of_one_revision(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    after_each_page(monkeypatch, lambda: put(connection, KEYS[-1]))
    revision, found = await read_range(connection, START, END, 4)
    assert max(kv.mod_revision for kv in found) <= revision


async def test_pages_shrink_when_an_answer_is_too_large(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[int] = []

    async def small(self: Connection, request: pb.RangeRequest, *how: Any) -> pb.RangeResponse:
        limits.append(request.limit)
        if request.limit > 3:
            raise MessageTooLargeError("too large")
        return await original(self, request, *how)

    original = Connection.range
    monkeypatch.setattr(Connection, "range", small)
    _, found = await read_range(connection, START, END, 12)
    assert [kv.key for kv in found] == KEYS
    assert limits == [12, 6, 3, 3, 3, 3]


@pytest.mark.parametrize("keys", [[], [KEYS[0]]], ids=["no keys", "the same keys again"])
async def test_pages_that_do_not_go_on_are_not_asked_for_for_ever(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, keys: list[bytes]
) -> None:
    async def more(_self: Connection, _request: pb.RangeRequest, *_how: Any) -> pb.RangeResponse:
        return pb.RangeResponse(kvs=[pb.KeyValue(key=key) for key in keys], more=True)

    monkeypatch.setattr(Connection, "range", more)
    with pytest.raises(StoreUnavailableError, match="do not go on"):
        await read_range(connection, START, END)


async def test_a_compaction_between_pages_begins_the_read_anew(
    etcd: EtcdServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    compactions = iter([True])

    async def compact_once() -> None:
        if next(compactions, False):
            etcd.etcdctl("compact", str(await put(connection, KEYS[0])))

    after_each_page(monkeypatch, compact_once)
    _, found = await read_range(connection, START, END, 4)
    assert [kv.key for kv in found] == KEYS


async def test_compacting_all_the_time_is_reported(
    etcd: EtcdServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def compact() -> None:
        etcd.etcdctl("compact", str(await put(connection, KEYS[0])))

    after_each_page(monkeypatch, compact)
    with pytest.raises(StoreUnavailableError, match=f"compacted.* {ATTEMPTS} times.*compact less often"):
        await read_range(connection, START, END, 4)


def after_each_page(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Awaitable[object]]) -> None:
    original = Connection.range

    async def paged(self: Connection, request: pb.RangeRequest, *how: Any) -> pb.RangeResponse:
        answer = await original(self, request, *how)
        await happens()
        return answer

    monkeypatch.setattr(Connection, "range", paged)
