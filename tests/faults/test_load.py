"""More than usual: large values, many keys, odd names, and consumers that do not keep up."""

from __future__ import annotations

import asyncio
import signal

import pytest
from tests.faults.conftest import Begin
from tests.faults.etcd_http import Access
from tests.faults.scene import Scene
from tests.faults.writer import Work

from catflap.lab.etcd import EtcdServer

MANY = 50_000
STEP = 125  # keys for each transaction
RANGE = ("/calico/v1/many/", "/calico/v1/many0")
ODD = (
    b"\xff\xfe",
    b"\x00",
    b"new\nline",
    b"'\"\\",
    b"%s{}",
    "käse/チーズ".encode(),
    b" ",
    b"..",
    b"a" * 3000,
)


async def _pause(
    begin: Begin, etcd: EtcdServer, stop: signal.Signals, go_on: signal.Signals, seconds: float
) -> None:
    async with begin([etcd]) as scene:
        scene.strike()
        scene.follower.send_signal(stop)
        await asyncio.sleep(seconds)
        scene.follower.send_signal(go_on)
        await scene.flowing()
        assert scene.snapshots == 0


@pytest.mark.fault("the consumer takes no event for 5 s", "catches up")
async def test_slow_consumer(begin: Begin, etcd: EtcdServer) -> None:
    await _pause(begin, etcd, signal.SIGUSR1, signal.SIGUSR1, 5)


@pytest.mark.long
@pytest.mark.fault("the consumer takes no event for 30 s", "catches up")
async def test_slow_consumer_for_long(begin: Begin, etcd: EtcdServer) -> None:
    await _pause(begin, etcd, signal.SIGUSR1, signal.SIGUSR1, 30)


@pytest.mark.fault("the whole process stopped for 6 s", "catches up")
async def test_stopped_process(begin: Begin, etcd: EtcdServer) -> None:
    await _pause(begin, etcd, signal.SIGSTOP, signal.SIGCONT, 6)


@pytest.mark.long
@pytest.mark.fault("the whole process stopped for 30 s", "catches up")
async def test_stopped_process_for_long(begin: Begin, etcd: EtcdServer) -> None:
    await _pause(begin, etcd, signal.SIGSTOP, signal.SIGCONT, 30)


@pytest.mark.fault("values of 1 MiB", "keeps up")
async def test_large_values(begin: Begin, etcd: EtcdServer) -> None:
    size = 1 << 20
    work = Work(access=Access(endpoints=()), batch=1, loose=0, size=size, pause=0.05)
    async with begin([etcd], work=work) as scene:
        scene.strike()
        await scene.flowing(writes=30)
        assert scene.snapshots == 0


@pytest.mark.fault("50,000 keys deleted at once", "one change; time from the delete to the model")
async def test_range_delete(begin: Begin, etcd: EtcdServer) -> None:
    async with begin([etcd]) as scene:
        await asyncio.to_thread(_fill, scene)
        model = scene.judge.model
        await scene.follower.until(lambda: f"{RANGE[0]}{MANY - 1}" in model, 60, "all keys")
        await scene.flowing()
        began = scene.strike()
        await asyncio.to_thread(scene.http.delete_range, *RANGE)
        await scene.follower.until(lambda: f"{RANGE[0]}0" not in model, 30, "no key")
        assert not [path for path in model if path.startswith(RANGE[0])]
        at, count = next(delta for delta in scene.judge.deltas if delta[1] >= MANY)
        scene.row.behind = at - began
        assert count >= MANY
        assert scene.snapshots == 0


def _fill(scene: Scene) -> None:
    for start in range(0, MANY, STEP):
        scene.http.transact([(f"{RANGE[0]}{number}", b"x" * 100) for number in range(start, start + STEP)])


@pytest.mark.fault("keys with odd bytes", "shown with \\xNN; nothing else is affected")
async def test_odd_keys(begin: Begin, etcd: EtcdServer) -> None:
    async with begin([etcd]) as scene:
        scene.strike()
        keys = [b"/calico/v1/odd/" + odd for odd in ODD]
        await asyncio.to_thread(scene.http.transact, [(key, b"1") for key in keys])
        await scene.flowing()
        assert scene.judge.model["/calico/v1/odd/\\xff\\xfe"] == b"1"
        await asyncio.to_thread(scene.http.transact, [(key, None) for key in keys[::2]])
        await scene.flowing()
        assert scene.snapshots == 0
