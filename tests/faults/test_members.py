"""Members of a cluster die, freeze, lose each other."""

from __future__ import annotations

import asyncio

import pytest
from tests.faults.conftest import Begin
from tests.faults.scene import Scene

from catflap.lab.etcd import EtcdServer, add_learner

TARGET = 10.0  # seconds until a silent member is given up


async def connected(scene: Scene, members: list[EtcdServer]) -> EtcdServer:
    """The member that the follower is connected to."""
    endpoint = await scene.follower.endpoint()
    return next(member for member in members if member.endpoint == endpoint)


@pytest.mark.fault("kill -9 of the connected member", "goes on through another; no snapshot")
async def test_kill_connected(begin: Begin, members: list[EtcdServer]) -> None:
    async with begin(members) as scene:
        scene.strike((await connected(scene, members)).kill)
        await scene.flowing()
        assert scene.snapshots == 0


@pytest.mark.fault("kill -9 of the leader", "waits for the election")
async def test_kill_leader(begin: Begin, members: list[EtcdServer]) -> None:
    async with begin(members) as scene:
        leader = next(member for member in members if member.leads())
        scene.strike(leader.kill)
        await scene.flowing()
        assert scene.snapshots == 0


async def _kill_all(scene: Scene, members: list[EtcdServer], seconds: float) -> None:
    scene.strike(*(member.kill for member in members))
    await asyncio.sleep(seconds)
    for member in members:
        member.launch()
    await scene.flowing()
    assert scene.snapshots == 0


@pytest.mark.fault("kill -9 of all members for 3 s", "waits, goes on without a gap")
async def test_kill_all(begin: Begin, members: list[EtcdServer]) -> None:
    async with begin(members) as scene:
        await _kill_all(scene, members, 3)


@pytest.mark.long
@pytest.mark.fault("kill -9 of all members for 20 s", "waits, goes on without a gap")
async def test_kill_all_for_long(begin: Begin, members: list[EtcdServer]) -> None:
    async with begin(members) as scene:
        await _kill_all(scene, members, 20)


@pytest.mark.fault("connected member frozen (SIGSTOP)", "noticed, goes on through another")
async def test_freeze_connected(begin: Begin, members: list[EtcdServer]) -> None:
    async with begin(members) as scene:
        member = await connected(scene, members)
        scene.strike(member.freeze)
        await scene.noticed(TARGET)
        await scene.flowing()
        member.thaw()
        assert scene.snapshots == 0


@pytest.mark.fault("connected member frozen, nobody writes", "noticed, goes on through another")
async def test_freeze_connected_while_idle(begin: Begin, members: list[EtcdServer]) -> None:
    async with begin(members, work=None) as scene:
        member = await connected(scene, members)
        scene.strike(member.freeze)
        scene.row.behind = await scene.noticed(30)
        other = next(each for each in members if each is not member)
        await asyncio.to_thread(other.etcdctl, "put", "/calico/v1/after", "x")
        await scene.follower.until(lambda: "/calico/v1/after" in scene.judge.model, 10, "the change")
        member.thaw()
        assert scene.row.behind < TARGET
        assert scene.snapshots == 0


@pytest.mark.fault("quorum lost for 6 s: the two others frozen", "told, goes on without a gap")
async def test_lost_quorum(begin: Begin, members: list[EtcdServer]) -> None:
    async with begin(members) as scene:
        member = await connected(scene, members)
        others = [each for each in members if each is not member]
        scene.strike(*(other.freeze for other in others))
        await asyncio.sleep(6)
        for other in others:
            other.thaw()
        await scene.flowing()
        assert scene.snapshots == 0


@pytest.mark.fault("members restarted one after the other", "goes on through another each time")
async def test_rolling_restart(begin: Begin, members: list[EtcdServer]) -> None:
    async with begin(members) as scene:
        scene.strike()
        for member in members:
            await asyncio.to_thread(member.stop)
            member.launch()
            await scene.flowing()
        assert scene.snapshots == 0


@pytest.mark.fault("a learner among the members; the connected one killed", "never follows the learner")
async def test_learner(begin: Begin, members: list[EtcdServer]) -> None:
    learner = add_learner(members)
    try:
        endpoints = [member.endpoint for member in (*members, learner)]
        async with begin(members, f"etcd://{','.join(endpoints)}") as scene:
            member = await connected(scene, members)
            scene.strike(member.kill)
            await scene.flowing()
            member.launch()
            await scene.flowing()
            assert await connected(scene, members) is not learner
            assert scene.snapshots == 0
    finally:
        learner.close()


@pytest.mark.fault("a member 3 s behind the others takes over", "shows nothing older than before")
async def test_lagging_member(begin: Begin, members: list[EtcdServer]) -> None:
    async with begin(members) as scene:
        member = await connected(scene, members)
        lagging = next(each for each in members if each is not member)
        lagging.freeze()
        await asyncio.sleep(3)
        scene.strike(lagging.thaw, member.kill)
        await scene.flowing()
        assert scene.snapshots == 0
