"""What the reports of 1,000 agents cost one etcd, and what a write of policy feels of them.

The reporters are the product's own, each with a connection of its own, in a few processes (`bench.report_worker`) on
the same machine as etcd, whose cores they share. Run by ``python -m bench status_load``.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from bench.facts import resident_mebibytes
from bench.watchers import Processor
from catflap.lab.etcd import EtcdServer
from catflap.store import Store, open_store

REPORTERS, WORKERS = 1_000, 4
INTERVAL = 30  # seconds, the default of ReportingIntervalSecs
QUIET, BUSY = 30.0, 20.0  # seconds that are measured
POLICY = "/calico/v1/policy/tier/default/policy/bench"
VALUE = b'{"selector":"all()","inbound_rules":[{"action":"allow"}]}'
BETWEEN = 0.25  # seconds between two writes of policy
PATIENCE = 120.0  # seconds


class Workers:
    """The processes that report."""

    def __init__(self, url: str) -> None:
        count = REPORTERS // WORKERS
        self._processes = [
            subprocess.Popen(
                (sys.executable, "-m", "bench.report_worker", url, str(first), str(count), str(INTERVAL)),
                stdin=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            for first in range(0, REPORTERS, count)
        ]

    def enforce(self, revision: int) -> None:
        """Let all hosts enforce a revision from now on."""
        for process in self._processes:
            if process.stdin is None:
                raise RuntimeError("a worker has no input")
            process.stdin.write(f"{revision}\n")
            process.stdin.flush()

    def close(self) -> None:
        """End them."""
        for process in self._processes:
            process.kill()
            process.communicate()


async def measure() -> list[tuple[str, str, str]]:
    """Run all measurements; returns rows of what, measured and target."""
    with EtcdServer() as server:
        store = open_store(f"etcd://{server.endpoint}")
        pid = server.process.pid
        if pid is None:
            raise RuntimeError("etcd has ended")
        cpu = Processor({"etcd": pid})
        alone = await _writes(store, 5.0)
        workers = Workers(f"etcd://{server.endpoint}")
        try:
            await _until_all_report(store)
            cpu.lap()
            before, begun = await _revision(store), time.monotonic()
            quiet = await _writes(store, QUIET)
            spent, seconds = cpu.lap()["etcd"], time.monotonic() - begun
            rate = (await _revision(store) - before - len(quiet)) / seconds
            before, begun = await _revision(store), time.monotonic()
            changed, busy = asyncio.create_task(_change(workers, store)), await _writes(store, BUSY)
            last = await changed
            busy_spent = cpu.lap()["etcd"]
            memory = resident_mebibytes(pid)
        finally:
            workers.close()
            await store.close()
    return [
        ("writes of reports, nothing changes", f"{rate:.0f}/s", ""),
        ("etcd's processor time meanwhile", f"{spent / seconds:.1%} of a core", "< 25 %"),
        ("a write of policy: without reporters", _latency(alone), ""),
        ("… while they report", _latency(quiet), "p99 < 50 ms"),
        ("a change for all: until the last has reported it", f"{last:.1f} s", "< 12 s"),
        ("etcd's processor time in 20 s with that", f"{busy_spent:.1f} s", ""),
        ("a write of policy meanwhile", _latency(busy), ""),
        ("etcd's memory", f"{memory:.0f} MiB", ""),
    ]


async def _writes(store: Store, seconds: float) -> list[float]:
    """Milliseconds of writes of a policy, one after the other, for some time."""
    found: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        await store.write([(POLICY, VALUE)])
        found.append((time.monotonic() - begun) * 1000)
        await asyncio.sleep(BETWEEN)
    return found


def _latency(found: Sequence[float]) -> str:
    p99 = statistics.quantiles(found, n=100)[98]
    return f"median {statistics.median(found):.1f} ms, p99 {p99:.1f} ms"


async def _change(workers: Workers, store: Store) -> float:
    """Let all hosts enforce something new; seconds until the store holds that of the last one."""
    revision = await _revision(store)
    begun = time.monotonic()
    workers.enforce(revision)
    mark = f'"revision_enforced":{revision},'.encode()
    await _until_all_report(store, mark)
    return time.monotonic() - begun


async def _until_all_report(store: Store, mark: bytes = b"") -> None:
    """Wait until the documents of all hosts hold some text."""
    async with asyncio.timeout(PATIENCE):
        while await _reporting(store, mark) < REPORTERS:  # noqa: ASYNC110  # another process's event
            await asyncio.sleep(0.5)


async def _reporting(store: Store, mark: bytes) -> int:
    """How many hosts report a document that holds some text."""
    entries = (await store.read("/calico/felix/v1/host/")).entries
    return sum(path.endswith("/catflap") and mark in entry.value for path, entry in entries.items())


async def _revision(store: Store) -> int:
    return (await store.read(POLICY)).revision


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure())))
