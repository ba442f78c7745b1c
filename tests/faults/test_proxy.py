"""Behind a real ``etcd grpc-proxy``, which hides what happens to the members, and through which pings do not pass."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from tests.faults.conftest import Begin

from catflap.lab.etcd import EtcdServer
from catflap.lab.grpc_proxy import GrpcProxy

TARGET = 10.0  # seconds


@pytest.fixture
def single(etcd: EtcdServer) -> Iterator[GrpcProxy]:
    """A proxy in front of one etcd."""
    with GrpcProxy([etcd.endpoint]) as made:
        yield made


@pytest.fixture
def pair(members: list[EtcdServer]) -> Iterator[list[GrpcProxy]]:
    """Two proxies in front of three members."""
    endpoints = [member.endpoint for member in members]
    with GrpcProxy(endpoints) as first, GrpcProxy(endpoints) as second:
        yield [first, second]


@pytest.mark.fault("one of two proxies killed", "goes on through the other; no snapshot")
async def test_one_killed(begin: Begin, members: list[EtcdServer], pair: list[GrpcProxy]) -> None:
    async with begin(members, f"etcd://{pair[0].endpoint},{pair[1].endpoint}") as scene:
        endpoint = await scene.follower.endpoint()
        scene.strike(next(proxy for proxy in pair if proxy.endpoint == endpoint).process.kill)
        await scene.flowing()
        assert scene.snapshots == 0


@pytest.mark.fault("the proxy killed and restarted", "goes on without a gap")
async def test_killed(begin: Begin, etcd: EtcdServer, single: GrpcProxy) -> None:
    async with begin([etcd], f"etcd://{single.endpoint}") as scene:
        scene.strike(single.process.kill)
        await asyncio.sleep(2)
        single.start()
        await scene.flowing()
        assert scene.snapshots == 0


@pytest.mark.fault("the only proxy frozen, nobody writes", "noticed, told")
async def test_frozen(begin: Begin, etcd: EtcdServer, single: GrpcProxy) -> None:
    async with begin([etcd], f"etcd://{single.endpoint}", work=None) as scene:
        scene.strike(single.process.freeze)
        scene.row.behind = await scene.noticed(30)
        single.process.thaw()
        await asyncio.to_thread(etcd.etcdctl, "put", "/calico/v1/after", "x")
        await scene.follower.until(lambda: "/calico/v1/after" in scene.judge.model, 20, "the change")
        assert scene.row.behind < TARGET


@pytest.mark.fault("etcd behind the proxy frozen, nobody writes", "noticed, told")
async def test_backend_frozen(begin: Begin, etcd: EtcdServer, single: GrpcProxy) -> None:
    async with begin([etcd], f"etcd://{single.endpoint}", work=None) as scene:
        scene.strike(etcd.freeze)
        scene.row.behind = await scene.noticed(30)
        etcd.thaw()
        await asyncio.to_thread(etcd.etcdctl, "put", "/calico/v1/after", "x")
        await scene.follower.until(lambda: "/calico/v1/after" in scene.judge.model, 20, "the change")
        assert scene.row.behind < TARGET


@pytest.mark.fault("etcd behind the proxy killed and restarted", "goes on without a gap")
async def test_backend_killed(begin: Begin, etcd: EtcdServer, single: GrpcProxy) -> None:
    async with begin([etcd], f"etcd://{single.endpoint}") as scene:
        scene.strike(etcd.kill)
        await asyncio.sleep(2)
        etcd.launch()
        await scene.flowing(60)
