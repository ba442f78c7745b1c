from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from msgspec import structs
from tests.store.etcd2.loopback import serving
from tests.store.etcd2.traffic import put_many

from catflap.lab.etcd import EtcdServer
from catflap.store.api import StoreOptions, StoreUnavailableError
from catflap.store.etcd2.client import Etcd2Client, Reply, Timeouts
from catflap.store.etcd2.history import Position, event_of, in_same_history, proved, resumed
from catflap.store.etcd2.tree import Answer, Failure, Node
from catflap.store.supervisor import ResyncNeededError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HERE = Position(index=7, cluster_id="c", raft_term=3)
FAILURE = (
    '{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}'
)


def reply(
    body: Answer | Failure | None = None, *, index: int = 9, cluster_id: str = "c", raft_term: int = 3
) -> Reply:
    return Reply(index, cluster_id, raft_term, body or Answer("get", Node()))


def event(action: str = "set", index: int = 8) -> Answer:
    return Answer(action=action, node=Node(key="/calico/v1/a", modified_index=index))


@pytest.mark.parametrize(
    "action", ["set", "create", "update", "compareAndSwap", "delete", "expire", "compareAndDelete"]
)
def test_an_event_is_the_body_of_a_poll(action: str) -> None:
    assert event_of(reply(event(action)), "h:1", 8) == event(action)


@pytest.mark.parametrize("answer", [event("get"), event("dance"), event(index=7), event(index=0)])
def test_what_is_no_event_after_the_last_one_is_not_believed(answer: Answer) -> None:
    with pytest.raises(StoreUnavailableError, match="h:1: strange answer to a poll from index 8"):
        event_of(reply(answer), "h:1", 8)


def test_two_silent_polls_bring_the_position_to_where_both_began() -> None:
    indices = []
    position = HERE
    for began in (9, 12, 11, 15, 15):  # the third one on a member that lags behind
        position = position.after_silence(began)
        indices.append(position.index)
    assert indices == [7, 9, 11, 11, 15]


def test_after_an_event_silence_begins_anew() -> None:
    node = Node(key="/calico/v1/a", modified_index=8)
    position = HERE.after_silence(13).after_event(node)
    assert (position.index, position.newest) == (8, node)
    assert position.after_silence(13).index == 8


@pytest.mark.parametrize("code", [400, 401])
def test_cleared_history_asks_for_a_resync(code: int) -> None:
    with pytest.raises(ResyncNeededError, match="cleared"):
        event_of(reply(Failure(code, "The event in requested index is outdated and cleared")), "h:1", 8)


def test_any_other_failure_ends_the_session() -> None:
    with pytest.raises(StoreUnavailableError, match="h:1: Not a file"):
        event_of(reply(Failure(error_code=102, message="Not a file")), "h:1", 8)


@pytest.mark.parametrize("index", [7, 8])
def test_the_same_or_a_later_index_is_the_same_history(index: int) -> None:
    assert in_same_history(HERE, reply(index=index)) == HERE


def test_a_later_term_is_remembered_and_one_that_is_not_told_is_not() -> None:
    assert in_same_history(HERE, reply(raft_term=4)).raft_term == 4
    assert in_same_history(HERE, reply(raft_term=0)) == HERE


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (reply(cluster_id="d"), "another cluster answers"),
        (reply(index=6), "went back to index 6 from 7"),
        (reply(raft_term=2), "went back to term 2 from 3"),
    ],
)
def test_another_history_asks_for_a_resync(other: Reply, reason: str) -> None:
    with pytest.raises(ResyncNeededError, match=reason):
        in_same_history(HERE, other)


async def test_a_read_that_fails_is_no_sign_of_another_history() -> None:
    async def fail(_request: web.Request) -> web.Response:
        return web.Response(status=500, text=FAILURE)

    async with serving(fail) as endpoint, Etcd2Client(endpoint, StoreOptions(), tls=False) as client:
        with pytest.raises(StoreUnavailableError, match="request timed out"):
            await proved(client, HERE)


@pytest.fixture
async def client(etcd: EtcdServer) -> AsyncIterator[Etcd2Client]:
    timeouts = Timeouts(answer=0.5)
    async with Etcd2Client(etcd.endpoint, StoreOptions(), tls=False, timeouts=timeouts) as client:
        yield client


async def last_change(client: Etcd2Client, value: str = "1") -> Position:
    reply = await client.put("/calico/v1/a", value)
    assert isinstance(reply.body, Answer)
    return Position(reply.index, reply.cluster_id, reply.raft_term, reply.body.node)


async def test_a_follower_goes_on_where_its_newest_change_is_known(client: Etcd2Client) -> None:
    position = await last_change(client)
    await last_change(client, "2")
    assert await resumed(client, position) == position
    nothing = structs.replace(position, newest=None)
    assert await resumed(client, nothing) == nothing


@pytest.mark.parametrize("later", [True, False], ids=["another change later", "no change later"])
async def test_another_change_at_the_same_index_is_another_history(client: Etcd2Client, later: bool) -> None:
    theirs = await last_change(client, "theirs")
    assert theirs.newest is not None
    ours = structs.replace(theirs.newest, value="ours", modified_index=theirs.index + (not later))
    await client.put("/elsewhere", "1")
    with pytest.raises(ResyncNeededError, match=r"/calico/v1/a at index .* is not in the store's history"):
        await resumed(client, structs.replace(theirs, newest=ours))


async def test_what_etcd_no_longer_remembers_is_no_reason_to_doubt(client: Etcd2Client) -> None:
    position = await last_change(client)
    await put_many(client.endpoint, (f"/other/{number}" for number in range(1100)))
    assert await resumed(client, position) == position
