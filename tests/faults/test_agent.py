"""A whole agent: from the store to the kernel."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults import fleet
from tests.faults.agent_host import Host, agent_host
from tests.faults.processes import WriterProcess
from tests.faults.scene import Row
from tests.faults.writer import Work

WITHIN = 30.0  # seconds
READY = "/calico/v1/Ready"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with agent_host(tmp_path / "felix.log") as made:
        yield made


def work_for(host: Host) -> Work:
    return Work(access=host.access, policy=True, pause=0.02)


async def started(writer: WriterProcess) -> None:
    await writer.until(lambda: len(writer.acknowledged) >= 20, WITHIN, "20 writes")


async def judged(host: Host, row: Row, writer: WriterProcess) -> None:
    """Stop the writer; the kernel must then hold what a fresh agent makes of the store."""
    back = await host.catches_up(WITHIN)
    await writer.stop()
    row.away = row.away or writer.longest_gap(writer.acknowledged[0].at, writer.acknowledged[-1].at)
    row.behind = row.behind or back or WITHIN
    row.revisions = len(writer.acknowledged)
    assert await host.catches_up(WITHIN) is not None, host.agent.log()
    assert "Traceback" not in host.agent.log()
    assert await asyncio.to_thread(host.difference) == (frozenset(), frozenset())
    row.verdict = "EQUAL"


@pytest.mark.fault("Ready toggled 100 times", "holds back, goes on enforcing; catches up")
async def test_ready(host: Host, row: Row) -> None:
    async with WriterProcess(work_for(host), host.network.mgmt.command_prefix) as writer:
        await started(writer)
        for number in range(100):
            value = b"true" if number % 2 else random.choice((b"false", None, b""))
            assert await asyncio.to_thread(host.put, [(READY, value)])
            await asyncio.sleep(0.02)
        await judged(host, row, writer)


@pytest.mark.fault("agent stopped (SIGSTOP) for 5 s", "the rule set stays; catches up")
async def test_stopped(host: Host, row: Row) -> None:
    await _stop(host, row, 5)


@pytest.mark.long
@pytest.mark.fault("agent stopped (SIGSTOP) for 30 s", "the rule set stays; catches up")
async def test_stopped_for_long(host: Host, row: Row) -> None:
    await _stop(host, row, 30)


async def _stop(host: Host, row: Row, seconds: float) -> None:
    async with WriterProcess(work_for(host), host.network.mgmt.command_prefix) as writer:
        await started(writer)
        host.agent.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        host.agent.send_signal(signal.SIGCONT)
        await judged(host, row, writer)


@pytest.mark.fault("all of etcd killed, policy tested, restarted after 3 s", "goes on enforcing; catches up")
async def test_no_store(host: Host, row: Row) -> None:
    async with WriterProcess(work_for(host), host.network.mgmt.command_prefix) as writer:
        await started(writer)
        for member in host.members:
            member.kill()
        await asyncio.sleep(1)  # what it was given before is enforced by now
        before = await asyncio.to_thread(host.rule_set)
        await asyncio.sleep(2)
        assert await asyncio.to_thread(host.rule_set) == before
        for member in host.members:
            member.launch()
        await judged(host, row, writer)


@pytest.mark.fault("1,000 endpoints come and go in bursts", "keeps up")
async def test_bursts(host: Host, row: Row) -> None:
    async with WriterProcess(work_for(host), host.network.mgmt.command_prefix) as writer:
        await started(writer)
        for _ in range(3):
            for start in range(0, 1000, 100):
                changes = [fleet.many(number) for number in range(start, start + 100)]
                assert await asyncio.to_thread(host.put, changes)
            assert await asyncio.to_thread(host.delete_range, *fleet.MANY)
        await judged(host, row, writer)
