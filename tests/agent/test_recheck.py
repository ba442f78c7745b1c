from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from catflap.agent import recheck as module
from catflap.agent.config import Configuration
from catflap.agent.recheck import Recheck
from catflap.policy import HostPolicy

COUNT = """
import sys, select
from catflap.recheck.wire import Outcome, read_policy
import msgspec
stream = open(0, "rb", buffering=0)
policies = 0
while policies < WANTED:
    read_policy(stream)
    policies += 1
outcome = Outcome(policies, 7, 4, 2, 1, 2, RETURNED, 0.5, ["tcp a > b"], ["refused"][:RETURNED])
sys.stdout.buffer.write(msgspec.json.encode(outcome))
"""


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def program(monkeypatch: pytest.MonkeyPatch, wanted: int = 1, returned: int = 0) -> None:
    text = COUNT.replace("WANTED", str(wanted)).replace("RETURNED", str(returned))
    monkeypatch.setattr(module, "COMMAND", (sys.executable, "-c", text))


def mode(word: str) -> Any:
    configuration: Any = {"ExistingConnections": word}
    wanted: Configuration = configuration
    return wanted


@asynccontextmanager
async def running(word: str = "recheck") -> AsyncIterator[Recheck]:
    made = Recheck()
    made.configure(mode(word))
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.wait([task])


async def settled(recheck: Recheck) -> None:
    await asyncio.wait_for(recheck.settled.wait(), 10)


async def test_a_run_is_told_in_one_line_with_the_connections_in_another(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    program(monkeypatch)
    async with running() as recheck:
        recheck.set_policy(HostPolicy())
        await settled(recheck)
    assert caplog.messages == [
        "Existing connections: 7 checked, 4 kept, 2 ended, 1 unsure and kept; 2 sockets closed, in 0.50 s",
        "Ended connections: tcp a > b, …",
    ]
    assert (recheck.status.runs, recheck.status.ended, recheck.status.unsure) == (1, 2, 1)


async def test_what_came_back_and_what_was_refused_are_warnings(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    program(monkeypatch, returned=1)
    async with running() as recheck:
        recheck.set_policy(HostPolicy())
        await settled(recheck)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "nf_conntrack_tcp_loose" in warnings[0]
    assert warnings[1].endswith("could be ended: refused")


async def test_nothing_runs_where_connections_are_kept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    program(monkeypatch)
    async with running("keep") as recheck:
        recheck.set_policy(HostPolicy())
        await settled(recheck)
        assert caplog.messages == []
        recheck.configure(mode("recheck"))
        await settled(recheck)
    assert recheck.status.runs == 1


async def test_a_newer_policy_is_handed_to_the_run_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, wanted=2)
    async with running() as recheck:
        recheck.set_policy(HostPolicy())
        await asyncio.sleep(0.05)
        assert not recheck.settled.is_set()
        recheck.set_policy(HostPolicy(workload_prefixes=("cali",)))
        await settled(recheck)
    assert recheck.status.runs == 1


async def test_a_run_ends_when_it_is_no_longer_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, wanted=9)
    async with running() as recheck:
        recheck.set_policy(HostPolicy())
        await asyncio.sleep(0.05)
        recheck.configure(mode("keep"))
        await settled(recheck)
    assert recheck.status.runs == 0


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ((sys.executable, "-c", "raise OSError('no conntrack')"), "OSError: no conntrack"),
        ((sys.executable, "-c", ""), "ended without a result"),
        ((sys.executable, "-c", "import time; time.sleep(60)"), "no result within"),
        (("/nonexistent/program",), "No such file"),
    ],
)
async def test_a_failure_is_said_loudly_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, command: tuple[str, ...], reason: str
) -> None:
    monkeypatch.setattr(module, "COMMAND", command)
    monkeypatch.setattr(module, "TIMEOUT", 0.5)
    monkeypatch.setattr(module, "RETRY", 0.2)
    async with running() as recheck:
        recheck.set_policy(HostPolicy())
        async with asyncio.timeout(10):
            while not caplog.messages:
                await asyncio.sleep(0.01)
        assert reason in caplog.messages[0]
        program(monkeypatch)
        async with asyncio.timeout(10):
            while not recheck.status.runs:
                await asyncio.sleep(0.01)
