"""The store's history is not what it was: compacted, or another one altogether."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.conftest import Begin
from tests.faults.scene import Scene

from catflap.lab.etcd import EtcdServer
from catflap.lab.tcp_proxy import TcpProxy


@pytest.fixture
def proxy(etcd: EtcdServer) -> Iterator[TcpProxy]:
    with TcpProxy(etcd.endpoint) as made:
        yield made


async def writes(scene: Scene, count: int) -> None:
    """Wait until so many more writes are acknowledged."""
    wanted = len(scene.writer.acknowledged) + count
    await scene.writer.until(lambda: len(scene.writer.acknowledged) >= wanted, 30, f"{count} writes")


async def compact(etcd: EtcdServer) -> None:
    await asyncio.to_thread(etcd.compact)


@pytest.mark.fault("compaction while disconnected", "one snapshot, taken as differences")
async def test_compacted_while_disconnected(begin: Begin, etcd: EtcdServer, proxy: TcpProxy) -> None:
    async with begin([etcd], f"etcd://{proxy.endpoint}") as scene:
        scene.strike(proxy.freeze, proxy.cut)
        await writes(scene, 30)
        await compact(etcd)
        await writes(scene, 30)
        proxy.cut()
        proxy.thaw()
        await scene.flowing()
        assert scene.snapshots == 1


@pytest.mark.fault("compaction and defragmentation while connected", "nothing")
async def test_compacted_while_connected(begin: Begin, etcd: EtcdServer) -> None:
    async with begin([etcd]) as scene:
        scene.strike()
        for _ in range(5):
            await compact(etcd)
            await asyncio.to_thread(etcd.etcdctl, "defrag")
            await scene.flowing()
        assert scene.snapshots == 0


@pytest.mark.fault("restored from an older backup", "one snapshot of the older content")
async def test_restored(begin: Begin, etcd: EtcdServer, tmp_path: Path) -> None:
    async with begin([etcd]) as scene:
        await asyncio.to_thread(etcd.save_snapshot, tmp_path / "backup")
        await scene.flowing(writes=100)
        scene.judge.history_may_change = True
        scene.strike(etcd.stop)
        await asyncio.to_thread(etcd.restore_snapshot, tmp_path / "backup")
        etcd.launch()
        await scene.flowing()
        assert scene.snapshots == 1


@pytest.mark.fault("restored from an older backup, and grown past us before we are back", "one snapshot")
async def test_restored_and_grown(begin: Begin, etcd: EtcdServer, proxy: TcpProxy, tmp_path: Path) -> None:
    async with begin([etcd], f"etcd://{proxy.endpoint}") as scene:
        await asyncio.to_thread(etcd.save_snapshot, tmp_path / "backup")
        await scene.flowing(writes=50)
        scene.judge.history_may_change = True
        scene.strike(proxy.freeze, proxy.cut, etcd.stop)
        await asyncio.to_thread(etcd.restore_snapshot, tmp_path / "backup")
        await asyncio.to_thread(etcd.start)
        await writes(scene, 150)
        assert await asyncio.to_thread(scene.http.revision) > scene.judge.revision
        proxy.cut()
        proxy.thaw()
        await scene.flowing()
        assert scene.snapshots == 1


@pytest.mark.fault("a new, empty cluster behind the same address", "one snapshot of the new content")
async def test_wiped(begin: Begin, etcd: EtcdServer) -> None:
    async with begin([etcd]) as scene:
        scene.judge.history_may_change = True
        scene.strike(etcd.kill, etcd.wipe, etcd.launch)
        await scene.flowing()
        assert scene.snapshots >= 1


@pytest.mark.fault("a new cluster, grown past us before we are back", "one snapshot of the new content")
async def test_wiped_and_grown(begin: Begin, etcd: EtcdServer, proxy: TcpProxy) -> None:
    async with begin([etcd], f"etcd://{proxy.endpoint}") as scene:
        scene.judge.history_may_change = True
        scene.strike(proxy.freeze, proxy.cut, etcd.kill, etcd.wipe)
        await asyncio.to_thread(etcd.start)
        reached = scene.judge.revision + 50
        await scene.writer.until(lambda: scene.http.revision() > reached, 30, "as many revisions")
        proxy.cut()
        proxy.thaw()
        await scene.flowing()
        assert scene.snapshots >= 1
