from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator

import pytest

from catflap.agent.config import Configuration, resolve
from catflap.agent.metrics import Metrics
from catflap.agent.status import AgentStatus, KeptStatus, State, StoreStatus
from catflap.lab.etcd import free_port

from .conftest import local_sources

STALE = AgentStatus(StoreStatus(State.STALE, 17.5, 12, 2.5, "lost"), 11, 3, 2, ("eth0", "eth1"))
FRESH = AgentStatus(
    StoreStatus(State.WAIT_FOR_READY, 1, None, 1, None),
    None,
    0,
    0,
    kept=KeptStatus(problem="the disk is full"),
)


def configuration(port: int, *, enabled: bool = True) -> Configuration:
    made, _ = resolve(
        local_sources(
            PrometheusMetricsEnabled=str(enabled),
            PrometheusMetricsHost="127.0.0.1",
            PrometheusMetricsPort=str(port),
        )
    )
    return made


class Served:
    """Metrics of a status that can be changed, served on a free port."""

    def __init__(self) -> None:
        self.status = STALE
        self.metrics = Metrics(lambda: self.status)
        self.port = free_port()

    async def configure(self, *, enabled: bool = True, port: int | None = None) -> None:
        self.metrics.configure(configuration(port or self.port, enabled=enabled))

    async def fetch(self) -> dict[str, float]:
        """By name and labels; waits for the server."""
        text = ""
        async with asyncio.timeout(5):
            while not text:
                try:
                    text = await asyncio.to_thread(self._get)
                except OSError:
                    await asyncio.sleep(0.01)
        lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}

    def _get(self) -> str:
        url = f"http://127.0.0.1:{self.port}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode())


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    made = Served()
    task = asyncio.create_task(made.metrics.run())
    yield made
    task.cancel()
    await asyncio.wait([task])


async def test_every_metric_says_what_the_status_says(served: Served) -> None:
    await served.configure()
    assert await served.fetch() == {
        "catflap_store_staleness_seconds": 17.5,
        "catflap_store_revision_seen": 12,
        'catflap_store_state{state="wait-for-ready"}': 0,
        'catflap_store_state{state="resync"}': 0,
        'catflap_store_state{state="in-sync"}': 0,
        'catflap_store_state{state="stale"}': 1,
        "catflap_enforced_revision": 11,
        "catflap_invalid_objects": 3,
        "catflap_interfaces_not_enforced": 2,
        "catflap_kept_for_boot": 1,
        "catflap_connections_ended_total": 0,
        "catflap_connections_unsure": 0,
        "felix_resync_state": 3,
        "felix_resyncs_started": 2,
    }
    served.status = FRESH
    fetched = await served.fetch()
    assert (fetched["felix_resync_state"], fetched["catflap_enforced_revision"]) == (1, 0)
    assert fetched["catflap_kept_for_boot"] == 0


async def test_it_can_be_moved_and_ended(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await served.configure()
    await served.fetch()
    old, served.port = served.port, free_port()
    await served.configure()
    await served.fetch()
    await served.configure(enabled=False)
    async with asyncio.timeout(5):
        while _listens(served.port):
            await asyncio.sleep(0.01)
    assert not _listens(old)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


async def test_a_port_in_use_is_said_and_another_one_can_be_had(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        await served.configure(port=other.getsockname()[1])
        async with asyncio.timeout(5):
            while not caplog.messages:
                await asyncio.sleep(0.01)
    assert "No metrics: cannot serve on 127.0.0.1 port" in caplog.text
    assert "Address already in use; change PrometheusMetricsPort" in caplog.text
    await served.configure()
    assert await served.fetch()


def test_the_library_is_not_loaded_unless_metrics_are_wanted() -> None:
    program = (
        "import sys, catflap.cli.agent_process; sys.exit(any('prometheus' in name for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
