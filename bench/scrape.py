"""A scrape of the metrics of an agent with 2,000 policies, and what scraping without a pause costs enforcement.

A real agent and a real etcd inside one network namespace. Run by ``python -m bench``, which makes the namespace.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Self

from bench.agent_latency import HOST, endpoint, policy
from bench.generations import Generations
from catflap.lab.agent import AgentProcess
from catflap.lab.etcd import EtcdServer
from catflap.lab.namespaces import Namespace
from catflap.store import Store, open_store

POLICIES = 2_000
ENDPOINTS = 10
SCRAPES = 100
PUTS = 50
PART = 100  # objects in one transaction
URL = "http://127.0.0.1:9091/metrics"


async def measure(namespace: Namespace) -> list[tuple[str, str, str]]:
    """Run all measurements; returns rows of what, measured and target."""
    with tempfile.TemporaryDirectory() as directory, EtcdServer() as server:
        store = open_store(f"etcd://{server.endpoint}")
        objects = [endpoint(n) for n in range(ENDPOINTS)] + [policy(n, 80) for n in range(POLICIES)]
        for start in range(0, len(objects), PART):
            await store.write(objects[start : start + PART])
        await store.write([("/calico/v1/Ready", b"true")])
        environment = {
            "FELIX_FELIXHOSTNAME": HOST,
            "FELIX_ETCDENDPOINTS": server.client_url,
            "FELIX_PROMETHEUSMETRICSENABLED": "true",
            "CATFLAP_STATE_DIR": f"{directory}/state",
        }
        agent = AgentProcess(namespace, Path(directory) / "felix.log", environment)
        with agent:
            agent.wait_for(f"Enforcing on .* {POLICIES} policies", timeout=60)
            agent.wait_for("Serving metrics")
            scrapes, size = _scrapes()
            quiet = await _puts(store)
            with Scraper() as scraper:
                scraped = await _puts(store)
        await store.close()
    return [
        (
            f"scrape, {POLICIES} policies, median of {SCRAPES}",
            f"{statistics.median(scrapes):.1f} ms",
            "< 50 ms",
        ),
        ("scrape, slowest", f"{max(scrapes):.1f} ms", "< 50 ms"),
        ("size", f"{size / 1024:.1f} KiB", ""),
        ("put → enforced, median, nobody scrapes", f"{statistics.median(quiet):.1f} ms", ""),
        (
            f"the same, {scraper.rate:.0f} scrapes a second",
            f"{statistics.median(scraped):.1f} ms",
            "",
        ),
    ]


def _scrapes() -> tuple[list[float], int]:
    """Milliseconds of each scrape, and the bytes of the last one."""
    times, size = [], 0
    for _ in range(SCRAPES):
        started = time.perf_counter()
        size = len(_fetch())
        times.append((time.perf_counter() - started) * 1000)
    return times, size


def _fetch() -> bytes:
    with urllib.request.urlopen(URL, timeout=10) as answer:
        return bytes(answer.read())


class Scraper:
    """Scrapes ten times a second, as nobody does, until it is left."""

    PAUSE = 0.1  # seconds

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._count, self._began = 0, time.perf_counter()
        self._thread = threading.Thread(target=self._run)
        self.rate = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self.rate = self._count / (time.perf_counter() - self._began)

    def _run(self) -> None:
        while not self._ended.wait(self.PAUSE):
            _fetch()
            self._count += 1


async def _puts(store: Store) -> list[float]:
    """Milliseconds from each put to the last commit that it caused."""
    generations = Generations()
    latencies = []
    for number in range(PUTS):
        started = time.perf_counter()
        await store.write([policy(number, 1024 + time.monotonic_ns() % 60_000)])
        latencies.append((await generations.last_commit(first=5, quiet=0.05) - started) * 1000)
        await asyncio.sleep(0.01)
    generations.close()
    return latencies


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(Namespace(sys.argv[1], "bench")))))
