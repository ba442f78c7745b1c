from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator

import pytest

from catflap.agent.config import Configuration, resolve
from catflap.agent.histogram import Distribution
from catflap.agent.metric_table import METRICS
from catflap.agent.metric_values import Sample
from catflap.agent.metrics import Metrics
from catflap.lab.etcd import free_port

from .conftest import local_sources


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
    """Metrics of samples that can be changed, served on a free port."""

    def __init__(self) -> None:
        self.samples: list[Sample] = [Sample("catflap_ready", 1)]
        self.metrics = Metrics([self.source])
        self.port = free_port()

    def source(self) -> Iterator[Sample]:
        yield from self.samples

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


async def test_every_type_is_served_under_the_names_of_the_table(served: Served) -> None:
    seconds = Distribution((0.1, 1.0), (1, 2, 3), 9.5)
    served.samples = [
        Sample("catflap_ready", 1),
        Sample("catflap_passes_total", 4, ("failed",)),
        Sample("catflap_passes_total", 5, ("changed",)),
        Sample("felix_resyncs_started", 2),
        Sample("catflap_event_to_kernel_seconds", seconds),
        Sample("felix_int_dataplane_apply_time_seconds", seconds),
    ]
    await served.configure()
    fetched = await served.fetch()
    assert fetched == {
        "catflap_ready": 1,
        'catflap_passes_total{result="failed"}': 4,
        'catflap_passes_total{result="changed"}': 5,
        "felix_resyncs_started": 2,
        'catflap_event_to_kernel_seconds_bucket{le="0.1"}': 1,
        'catflap_event_to_kernel_seconds_bucket{le="1.0"}': 3,
        'catflap_event_to_kernel_seconds_bucket{le="+Inf"}': 6,
        "catflap_event_to_kernel_seconds_count": 6,
        "catflap_event_to_kernel_seconds_sum": 9.5,
        "felix_int_dataplane_apply_time_seconds_count": 6,
        "felix_int_dataplane_apply_time_seconds_sum": 9.5,
    }
    names = {name for sample in served.samples for name in METRICS[sample.name].served_names()}
    assert {name.partition("{")[0] for name in fetched} == names
    served.samples = [Sample("catflap_ready", 0)]
    assert await served.fetch() == {"catflap_ready": 0}


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
    assert "Address already in use; change PrometheusMetricsHost or PrometheusMetricsPort" in caplog.text
    await served.configure()
    assert await served.fetch()


def test_the_library_is_not_loaded_unless_metrics_are_wanted() -> None:
    program = (
        "import sys, catflap.cli.agent_process; sys.exit(any('prometheus' in name for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
