"""Faults of etcd under its v2 API, which has a history of 1,000 events and no transactions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from tests.faults.conftest import Begin
from tests.faults.etcd_http import Access, EtcdHttp
from tests.faults.scene import Scene

from catflap.lab.etcd import EtcdServer
from catflap.lab.tcp_proxy import TcpProxy

TARGET = 10.0  # seconds until a silent member is given up
HISTORY = 1000  # events
TREE = "/calico/v1/tree"


@pytest.fixture
def proxy(etcd: EtcdServer) -> Iterator[TcpProxy]:
    with TcpProxy(etcd.endpoint) as made:
        yield made


def url_of(*members: EtcdServer | TcpProxy) -> str:
    return f"etcd2://{','.join(member.endpoint for member in members)}"


async def connected(scene: Scene, members: list[EtcdServer]) -> EtcdServer:
    endpoint = await scene.follower.endpoint()
    return next(member for member in members if member.endpoint == endpoint)


@pytest.mark.fault("kill -9 of the connected member", "goes on through another; no snapshot")
async def test_kill_connected(begin: Begin, members: list[EtcdServer]) -> None:
    async with begin(members, url_of(*members)) as scene:
        scene.strike((await connected(scene, members)).kill)
        await scene.flowing()
        assert scene.snapshots == 0


@pytest.mark.fault("connected member frozen, nobody writes", "noticed, goes on through another")
async def test_freeze_connected_while_idle(begin: Begin, members: list[EtcdServer]) -> None:
    async with begin(members, url_of(*members), work=None) as scene:
        member = await connected(scene, members)
        scene.strike(member.freeze)
        scene.row.behind = await scene.noticed(30)
        others = [each for each in members if each is not member]
        await asyncio.to_thread(wait_for_leader, others)  # without one, etcdctl may write twice
        await asyncio.to_thread(others[0].etcdctl, "set", "/calico/v1/after", "x", api=2)
        await scene.follower.until(lambda: "/calico/v1/after" in scene.judge.model, 20, "the change")
        member.thaw()
        assert scene.row.behind < TARGET


def wait_for_leader(members: list[EtcdServer]) -> None:
    while not any(member.leads() for member in members):
        time.sleep(0.1)


@pytest.mark.fault("quorum lost for 6 s: the two others frozen", "waits, goes on without a gap")
async def test_lost_quorum(begin: Begin, members: list[EtcdServer]) -> None:
    async with begin(members, url_of(*members)) as scene:
        member = await connected(scene, members)
        others = [each for each in members if each is not member]
        scene.strike(*(other.freeze for other in others))
        await asyncio.sleep(6)
        for other in others:
            other.thaw()
        await scene.flowing()


@pytest.mark.fault("etcd restarted", "goes on without a gap")
async def test_restart(begin: Begin, etcd: EtcdServer) -> None:
    async with begin([etcd], url_of(etcd)) as scene:
        scene.strike()
        await asyncio.to_thread(etcd.restart)
        await scene.flowing()
        assert scene.snapshots == 0


@pytest.mark.fault("a new, empty etcd behind the same address", "one snapshot of the new content")
async def test_wiped(begin: Begin, etcd: EtcdServer) -> None:
    async with begin([etcd], url_of(etcd)) as scene:
        scene.judge.history_may_change = True
        scene.strike(etcd.kill, etcd.wipe, etcd.launch)
        await scene.flowing()
        assert scene.snapshots >= 1


@pytest.mark.fault("a new etcd, grown past us before we are back", "one snapshot of the new content")
async def test_wiped_and_grown(begin: Begin, etcd: EtcdServer, proxy: TcpProxy) -> None:
    async with begin([etcd], url_of(proxy)) as scene:
        scene.judge.history_may_change = True
        scene.strike(proxy.freeze, proxy.cut, etcd.kill, etcd.wipe)
        await asyncio.to_thread(etcd.start)
        wanted = len(scene.writer.acknowledged) * 2 + 50  # more events than the old history had
        await scene.writer.until(lambda: len(scene.writer.acknowledged) > wanted, 30, "as many events")
        proxy.cut()
        proxy.thaw()
        await scene.flowing()
        assert scene.snapshots >= 1


@pytest.mark.fault("more than 1,000 changes while disconnected: history cleared", "one snapshot")
async def test_cleared_history(begin: Begin, etcd: EtcdServer, proxy: TcpProxy) -> None:
    async with begin([etcd], url_of(proxy)) as scene:
        scene.strike(proxy.freeze, proxy.cut)
        await asyncio.to_thread(_burst, etcd)
        proxy.cut()
        proxy.thaw()
        await scene.flowing()
        assert scene.snapshots == 1


@pytest.mark.fault("3,000 changes elsewhere in etcd while nothing changes here", "nothing")
async def test_traffic_of_others(begin: Begin, etcd: EtcdServer) -> None:
    async with begin([etcd], url_of(etcd), work=None) as scene:
        scene.strike()
        for _ in range(3):
            await asyncio.to_thread(_burst, etcd, "/elsewhere")
        await asyncio.to_thread(etcd.etcdctl, "set", "/calico/v1/after", "x", api=2)
        await scene.follower.until(lambda: "/calico/v1/after" in scene.judge.model, 20, "the change")


def _burst(etcd: EtcdServer, root: str = "/calico/v1/burst") -> None:
    http = EtcdHttp(Access(endpoints=(etcd.endpoint,)), timeout=10.0)
    for number in range(HISTORY + 100):
        http.set2(f"{root}/{number % 10}", str(number))
    http.close()


@pytest.mark.fault("black hole in front of a single etcd, idle", "noticed, told, goes on")
async def test_black_hole(begin: Begin, etcd: EtcdServer, proxy: TcpProxy) -> None:
    async with begin([etcd], url_of(proxy), work=None) as scene:
        scene.strike(proxy.freeze)
        scene.row.behind = await scene.noticed(30)
        proxy.cut()
        proxy.thaw()
        await asyncio.to_thread(etcd.etcdctl, "set", "/calico/v1/after", "x", api=2)
        await scene.follower.until(lambda: "/calico/v1/after" in scene.judge.model, 20, "the change")
        assert scene.row.behind < TARGET


@pytest.mark.fault("a directory of 300 keys deleted", "all of them go at once")
async def test_recursive_delete(begin: Begin, etcd: EtcdServer) -> None:
    async with begin([etcd], url_of(etcd)) as scene:
        for number in range(300):
            await asyncio.to_thread(scene.http.set2, f"{TREE}/{number % 10}/{number}", "x")
        model = scene.judge.model
        await scene.follower.until(lambda: f"{TREE}/9/299" in model, 20, "all keys")
        began = scene.strike()
        await asyncio.to_thread(scene.http.delete2, TREE, recursive=True)
        await scene.follower.until(lambda: f"{TREE}/9/299" not in model, 20, "no key")
        assert not [path for path in model if path.startswith(TREE)]
        at, _ = next(delta for delta in scene.judge.deltas if delta[1] >= 300)
        scene.row.behind = max(0.0, at - began)


@pytest.mark.fault("keys whose time to live ends", "vanish from the model, too")
async def test_expiry(begin: Begin, etcd: EtcdServer) -> None:
    async with begin([etcd], url_of(etcd)) as scene:
        scene.strike()
        for number in range(5):
            await asyncio.to_thread(scene.http.set2, f"{TREE}/{number}", "x", 1)
        model = scene.judge.model
        await scene.follower.until(lambda: f"{TREE}/4" in model, 10, "the keys")
        await scene.follower.until(lambda: f"{TREE}/4" not in model, 10, "no keys")
        await scene.flowing()
