"""What lies between a follower and etcd: connections cut, packets swallowed."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Iterator

import pytest
from tests.faults.conftest import Begin
from tests.faults.etcd_http import Access
from tests.faults.writer import Work

from catflap.lab.etcd import EtcdServer, cluster
from catflap.lab.namespaces import Lab, Namespace
from catflap.lab.tcp_proxy import TcpProxy
from catflap.lab.topology import HOST_MANAGEMENT, STORE, GuideNetwork
from catflap.store.api import Disconnected

TARGET = 10.0  # seconds until a black hole is noticed
PORTS = (2379, 4001, 7001)
DROP = f"""
table ip fault {{
    chain input {{ type filter hook input priority 0; ip saddr {HOST_MANAGEMENT.v4} %(match)s drop; }}
    chain output {{ type filter hook output priority 0; ip daddr {HOST_MANAGEMENT.v4} %(back)s drop; }}
}}
"""


@pytest.fixture
def proxy(etcd: EtcdServer) -> Iterator[TcpProxy]:
    with TcpProxy(etcd.endpoint) as made:
        yield made


@pytest.fixture
def network() -> Iterator[GuideNetwork]:
    with Lab() as lab:
        yield GuideNetwork.build(lab)


@pytest.fixture
def remote(network: GuideNetwork) -> Iterator[list[EtcdServer]]:
    """A cluster in a namespace of its own, behind real (virtual) cables."""
    members = cluster(3, listen=STORE.v4, ports=PORTS, command_prefix=network.store.command_prefix)
    yield members
    for member in members:
        member.close()


def drop(store: Namespace, port: int | None = None) -> None:
    """Swallow all packets between the store and the agent's host, or those of one port of the store."""
    match, back = ("", "") if port is None else (f"tcp dport {port}", f"tcp sport {port}")
    store.run("nft", "-f", "-", stdin=DROP % {"match": match, "back": back})


def restore(store: Namespace) -> None:
    store.run("nft", "delete", "table", "ip", "fault")


@pytest.mark.fault("all connections reset", "goes on without a gap")
async def test_reset(begin: Begin, etcd: EtcdServer, proxy: TcpProxy) -> None:
    async with begin([etcd], f"etcd://{proxy.endpoint}") as scene:
        scene.strike(proxy.cut)
        await scene.flowing()
        assert scene.snapshots == 0


async def _cut(begin: Begin, etcd: EtcdServer, proxy: TcpProxy, cuts: int) -> None:
    """Revisions of 1 MB, so that most of them are split across messages; each cut comes after some bytes."""
    work = Work(access=Access(endpoints=()), batch=16, size=60_000, loose=0, pause=0.15)
    source = random.Random(cuts)
    async with begin([etcd], f"etcd://{proxy.endpoint}", work=work) as scene:
        scene.strike(proxy.freeze, proxy.cut)
        wanted = len(scene.writer.acknowledged) + 20
        await scene.writer.until(lambda: len(scene.writer.acknowledged) >= wanted, 30, "20 writes")
        proxy.thaw()
        for _ in range(cuts):
            before, count = proxy.passed, source.randrange(1, 3_000_000)
            proxy.cut_after(count)
            await until(lambda: proxy.passed - before >= count)  # noqa: B023 - awaited here
        await scene.flowing()
        assert scene.snapshots == 0


@pytest.mark.fault("connection cut 4 times while 20 MB are caught up", "goes on where it was cut")
async def test_cut_while_catching_up(begin: Begin, etcd: EtcdServer, proxy: TcpProxy) -> None:
    await _cut(begin, etcd, proxy, 4)


@pytest.mark.long
@pytest.mark.fault("connection cut 12 times while 20 MB are caught up", "goes on where it was cut")
async def test_cut_often_while_catching_up(begin: Begin, etcd: EtcdServer, proxy: TcpProxy) -> None:
    await _cut(begin, etcd, proxy, 12)


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not reached():
            await asyncio.sleep(0.01)


@pytest.mark.fault("black hole in front of a single etcd, idle", "noticed, told, goes on")
async def test_black_hole_while_idle(begin: Begin, etcd: EtcdServer, proxy: TcpProxy) -> None:
    async with begin([etcd], f"etcd://{proxy.endpoint}", work=None) as scene:
        await asyncio.sleep(1)
        scene.strike(proxy.freeze)
        scene.row.behind = await scene.noticed(30)
        await scene.follower.until(lambda: scene.judge.count(Disconnected) > 0, 30, "it is told")
        proxy.thaw()
        await asyncio.to_thread(etcd.etcdctl, "put", "/calico/v1/after", "x")
        await scene.follower.until(lambda: "/calico/v1/after" in scene.judge.model, 30, "the change")
        assert scene.row.behind < TARGET


@pytest.mark.fault("silence of 14 s", "proves itself alive every 6 s")
async def test_silence(begin: Begin, etcd: EtcdServer) -> None:
    async with begin([etcd], work=None) as scene:
        began = scene.strike()
        await asyncio.sleep(14)
        moments = [began, *(at for at in scene.judge.proofs() if at > began), began + 14]
        scene.row.behind = max(later - earlier for earlier, later in itertools.pairwise(moments))
        assert scene.row.behind < 6.5


async def _drop_all(begin: Begin, network: GuideNetwork, members: list[EtcdServer], seconds: float) -> None:
    prefixes = (network.host.command_prefix, network.store.command_prefix)
    async with begin(members, prefixes=prefixes, truth=network.store) as scene:
        scene.strike(lambda: drop(network.store))
        await asyncio.sleep(seconds)
        assert scene.judge.count(Disconnected) > 0
        restore(network.store)
        await scene.flowing()
        assert scene.snapshots == 0


@pytest.mark.fault("packets to all members dropped for 12 s", "told, goes on without a gap")
async def test_drop(begin: Begin, network: GuideNetwork, remote: list[EtcdServer]) -> None:
    await _drop_all(begin, network, remote, 12)


@pytest.mark.long
@pytest.mark.fault("packets to all members dropped for 60 s", "told, goes on without a gap")
async def test_drop_for_long(begin: Begin, network: GuideNetwork, remote: list[EtcdServer]) -> None:
    await _drop_all(begin, network, remote, 60)


@pytest.mark.fault("packets to the connected member dropped", "noticed, goes on through another")
async def test_drop_connected(begin: Begin, network: GuideNetwork, remote: list[EtcdServer]) -> None:
    prefixes = (network.host.command_prefix, network.store.command_prefix)
    async with begin(remote, prefixes=prefixes, truth=network.store) as scene:
        port = int((await scene.follower.endpoint()).rpartition(":")[2])
        scene.strike(lambda: drop(network.store, port))
        await scene.noticed(30)
        await scene.flowing()
        assert scene.snapshots == 0
        assert scene.judge.longest_lag(scene.writer.acknowledged, 0) < TARGET
