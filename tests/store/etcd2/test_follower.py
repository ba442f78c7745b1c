"""One session with one member: signs of life, black holes, broken answers, other histories."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from msgspec import structs
from tests.store.etcd2.loopback import Proxy, serving
from tests.store.etcd2.traffic import BRISK, HASTY, following, put_many

from catflap.lab.etcd import EtcdServer
from catflap.store import Alive, Connected, Delta, Disconnected, Snapshot, StoreOptions, StoreUnavailableError
from catflap.store.etcd2.client import Etcd2Client
from catflap.store.etcd2.follower import DEFAULT_TUNING, Etcd2Session, Tuning
from catflap.store.supervisor import ResyncNeededError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from catflap.store import StoreEvent

TREE = '{"action":"get","node":{"key":"/calico/v1","dir":true}}'
EVENT = '{"action":"set","node":{"key":"/calico/v1/a","value":"1","modifiedIndex":8}}'
FAILURE = (
    '{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}'
)


def session(tuning: Tuning = HASTY) -> Etcd2Session:
    return Etcd2Session(
        lambda endpoint: Etcd2Client(endpoint, StoreOptions(), tls=False, timeouts=tuning.timeouts), tuning
    )


@asynccontextmanager
async def running(endpoint: str, session: Etcd2Session) -> AsyncIterator[AsyncGenerator[StoreEvent, None]]:
    async with aclosing(session.run(endpoint)) as events:
        yield events


async def until_lost(events: AsyncGenerator[StoreEvent, None]) -> list[StoreEvent]:
    """What comes before the session ends, as it must soon."""
    seen = []
    try:
        async with asyncio.timeout(10):
            while True:
                seen.append(await anext(events))
    except StoreUnavailableError:
        return seen


def test_silence_and_proof_together_take_less_than_ten_seconds() -> None:
    assert 1.25 * DEFAULT_TUNING.silence + DEFAULT_TUNING.timeouts.answer < 10


async def test_in_silence_there_are_signs_of_life_that_follow_the_index(etcd: EtcdServer) -> None:
    async with running(etcd.endpoint, session()) as events:
        snapshot = await anext(events)
        assert isinstance(snapshot, Snapshot)
        assert isinstance(await anext(events), Connected)
        await put_many(etcd.endpoint, ["/other/a", "/other/b"])
        last = snapshot.revision
        while last < snapshot.revision + 2:
            alive = await anext(events)
            assert isinstance(alive, Alive)
            assert alive.revision >= last
            last = alive.revision


async def test_quiet_polls_keep_up_with_the_traffic_of_others(etcd: EtcdServer) -> None:
    async with following(etcd.endpoint, tuning=BRISK) as (_, follower):
        await follower.next(Snapshot)
        for _ in range(3):  # altogether more than etcd remembers
            await put_many(etcd.endpoint, (f"/other/{number}" for number in range(400)))
            for _ in range(3):
                await follower.next(Alive)
        await put_many(etcd.endpoint, ["/calico/v1/a"])
        await follower.until(lambda seen: seen.count(Delta) == 1)
    assert follower.count(Snapshot) == 1


async def test_a_black_hole_is_noticed_in_silence(etcd: EtcdServer) -> None:
    async with Proxy(etcd.endpoint) as proxy, running(proxy.endpoint, session()) as events:
        while not isinstance(await anext(events), Alive):
            pass
        proxy.swallow()
        assert all(isinstance(event, Alive) for event in await until_lost(events))


async def test_a_frozen_member_is_noticed_in_silence(own_etcd: EtcdServer) -> None:
    async with running(own_etcd.endpoint, session()) as events:
        while not isinstance(await anext(events), Alive):
            pass
        own_etcd.freeze()
        assert all(isinstance(event, Alive) for event in await until_lost(events))


async def test_a_black_hole_is_noticed_in_the_middle_of_a_snapshot(etcd: EtcdServer) -> None:
    await put_many(etcd.endpoint, (f"/calico/v1/{number}" for number in range(8)), "x" * 500_000)
    async with Proxy(etcd.endpoint) as proxy, running(proxy.endpoint, session()) as events:
        proxy.swallow_after(500_000)
        assert await until_lost(events) == []


@pytest.mark.parametrize("count", [0, 30, 150, 260, 300, 1000, 5000])
async def test_answers_that_are_cut_off_lose_and_repeat_nothing(etcd: EtcdServer, count: int) -> None:
    keys = [f"/calico/v1/{number:02}" for number in range(20)]
    async with Proxy(etcd.endpoint) as proxy, following(proxy.endpoint, tuning=BRISK) as (_, follower):
        await follower.next(Snapshot)
        proxy.cut_after(count)
        for key in keys:
            await put_many(etcd.endpoint, [key])
        await follower.until(lambda seen: keys[-1] in seen.entries)
        assert proxy.connections > 1
    assert follower.changed_paths() == keys
    assert (follower.count(Snapshot), follower.count(Disconnected)) == (1, follower.count(Connected))


async def test_a_member_that_takes_polls_but_proves_nothing_does_not_serve(etcd: EtcdServer) -> None:
    """As one without quorum: it must not be taken for the end of an outage."""
    following = session()
    async with running(etcd.endpoint, following) as events:
        await anext(events)

    async def without_quorum(request: web.Request) -> web.StreamResponse:
        if "wait" in request.query:
            return web.Response(text=EVENT, headers={"X-Etcd-Index": "100000"})
        return web.Response(status=500, text=FAILURE)

    async with serving(without_quorum) as endpoint, running(endpoint, following) as events:
        assert await until_lost(events) == []


async def test_a_full_read_comes_now_and_then(etcd: EtcdServer) -> None:
    often = structs.replace(BRISK, reload_after=0.2)
    async with running(etcd.endpoint, session(often)) as events:
        await anext(events)
        with pytest.raises(ResyncNeededError, match="regular full read"):
            await anext(event async for event in events if not isinstance(event, Connected | Alive))


async def test_another_cluster_behind_the_address_is_read_anew(etcd: EtcdServer) -> None:
    await put_many(etcd.endpoint, ["/calico/v1/here"])
    arguments = [
        "--name=other",
        "--initial-cluster-token=other",
        "--initial-cluster=other=http://127.0.0.1:0",
    ]
    arguments.append("--initial-advertise-peer-urls=http://127.0.0.1:0")
    with EtcdServer(arguments=arguments) as other:
        await put_many(other.endpoint, [*(f"/other/{number}" for number in range(500)), "/calico/v1/there"])
        async with Proxy(etcd.endpoint) as proxy, following(proxy.endpoint, tuning=BRISK) as (_, follower):
            await follower.next(Snapshot)
            proxy.target = other.endpoint
            proxy.cut()
            await follower.until(lambda seen: seen.count(Snapshot) == 2)
    assert set(follower.entries) == {"/calico/v1/there"}


class Member:
    """Loads the tree at ``index``, and answers polls with what the test gives; then polls are silent."""

    def __init__(self, index: int, *polls: tuple[int, str]) -> None:
        self.index = index
        self.polls = list(polls)
        self.proofs = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if "wait" not in request.query:
            self.proofs += "recursive" not in request.query
            return web.Response(text=TREE, headers={"X-Etcd-Index": str(self.index)})
        index, text = self.polls.pop(0) if self.polls else (self.index, "")
        response = web.StreamResponse(headers={"X-Etcd-Index": str(index)})
        await response.prepare(request)
        await response.write(text.encode())
        if not text:
            await asyncio.sleep(60)
        return response


async def test_a_member_that_lags_behind_has_to_prove_that_it_serves_and_may_go_on() -> None:
    member = Member(7, (3, EVENT))
    async with serving(member.answer) as endpoint, running(endpoint, session(DEFAULT_TUNING)) as events:
        kinds = [type(await anext(events)) for _ in range(3)]
    assert kinds == [Snapshot, Connected, Delta]
    assert member.proofs == 1


async def test_an_event_that_is_held_up_after_its_headers_is_not_lost() -> None:
    member = Member(7, (13, ""), (13, EVENT))
    async with serving(member.answer) as endpoint, running(endpoint, session()) as events:
        seen = [await anext(events) for _ in range(4)]
    assert [type(event) for event in seen] == [Snapshot, Connected, Alive, Delta]


@pytest.mark.parametrize(
    "answer", ["<html>", "[]", TREE, EVENT.replace("8", "7"), EVENT.replace("set", "dance"), EVENT[:-20]]
)
async def test_garbage_ends_the_session_and_changes_nothing(answer: str) -> None:
    async with serving(Member(7, (7, answer)).answer) as endpoint, running(endpoint, session()) as events:
        assert [type(event) for event in await until_lost(events)] == [Snapshot, Connected]


async def test_a_read_that_fails_is_no_snapshot() -> None:
    async def fail(_request: web.Request) -> web.Response:
        return web.Response(status=500, text=FAILURE)

    async with serving(fail) as endpoint, running(endpoint, session()) as events:
        assert await until_lost(events) == []


async def test_a_slow_consumer_gets_all_of_what_is_more_than_etcd_remembers_at_once(etcd: EtcdServer) -> None:
    followed = session(BRISK)
    async with running(etcd.endpoint, followed) as events:
        assert isinstance(await anext(events), Snapshot)
        for part in range(4):  # the consumer asks for nothing, the reader goes on
            index = await put_many(etcd.endpoint, (f"/calico/v1/{part}-{number}" for number in range(300)))
            while followed._position is None or followed._position.index < index:
                await asyncio.sleep(0.01)
        assert isinstance(await anext(events), Connected)
        delta = await anext(events)
        assert isinstance(delta, Delta)
        assert len(delta.changes) == 1200


async def test_at_the_end_nothing_waits_for_the_member() -> None:
    member = Member(7)
    async with serving(member.answer) as endpoint:
        events = session(DEFAULT_TUNING).run(endpoint)
        assert [type(await anext(events)) for _ in range(2)] == [Snapshot, Connected]
        started = time.monotonic()
        await events.aclose()
        assert time.monotonic() - started < 1
