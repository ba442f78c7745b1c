"""A thousand agents at one etcd: how long a change takes to reach the last one, and what they cost the server.

The followers are the product's own, in a few processes (`bench.watch_worker`) on the same machine as etcd, whose cores
they share. Measured directly and through one ``etcd grpc-proxy``. Run by ``python -m bench``.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench import fleet
from bench.facts import resident_mebibytes
from bench.watch_worker import ROUND_PATH
from catflap.lab.etcd import EtcdServer
from catflap.lab.grpc_proxy import GrpcProxy
from catflap.lab.server_process import ServerProcess
from catflap.store import Store, open_store

WATCHERS, WORKERS = 1_000, 8
ENDPOINTS = 1_000
ROUNDS = 30
IDLE = 20.0  # seconds in which nothing is written
PATIENCE = 120.0  # seconds


class Workers:
    """The processes that follow, and what they tell."""

    def __init__(self, url: str) -> None:
        command = (sys.executable, "-m", "bench.watch_worker", url, str(WATCHERS // WORKERS))
        self._processes = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            for _ in range(WORKERS)
        ]

    async def last(self, event: str, number: str = "") -> float:
        """The monotonic time at which the last of all followers got there."""
        async with asyncio.timeout(PATIENCE):
            return max(
                await asyncio.gather(
                    *(asyncio.to_thread(_told, process, event, number) for process in self._processes)
                )
            )

    @property
    def memory(self) -> float:
        """Resident memory of one follower, MiB: that of all processes shared out."""
        return sum(resident_mebibytes(process.pid) for process in self._processes) / WATCHERS

    def close(self) -> None:
        """End them."""
        for process in self._processes:
            process.kill()
            process.communicate()


def _told(process: subprocess.Popen[str], event: str, number: str) -> float:
    """Read on until a worker tells of this event."""
    if process.stdout is None:
        raise RuntimeError("the worker has no output")
    for line in process.stdout:
        told: dict[str, Any] = json.loads(line)
        if told["event"] == event and told["round"] == number:
            return float(told["at"])
    raise RuntimeError(f"a worker ended with {process.wait()}")


async def measure(way: str) -> list[tuple[str, str, str]]:
    """Run all measurements; returns rows of what, measured and target."""
    with EtcdServer() as server:
        store = open_store(f"etcd://{server.endpoint}")
        for first in range(0, ENDPOINTS, 100):
            await store.write([fleet.endpoint("v3", number) for number in range(first, first + 100)])
        if way == "direct":
            rows = await _measure(store, server, server.endpoint, {"etcd": _pid(server.process)})
            await store.close()
            return rows
        with GrpcProxy([server.endpoint]) as proxy:
            rows = await _measure(
                store, server, proxy.endpoint, {"etcd": _pid(server.process), "proxy": _pid(proxy.process)}
            )
            await store.close()
            return rows


async def _measure(
    store: Store, server: EtcdServer, endpoint: str, servers: dict[str, int]
) -> list[tuple[str, str, str]]:
    """All rows for followers of ``endpoint``, which these processes serve."""
    cpu = Processor(servers)
    started = time.monotonic()
    workers = Workers(f"etcd://{endpoint}")
    try:
        loaded = await workers.last("loaded") - started
        load_cost = cpu.lap()
        fanouts = [await _fan_out(store, workers, str(number)) for number in range(ROUNDS)]
        fanout_cost = cpu.lap()
        await asyncio.sleep(IDLE)
        idle_cost = cpu.lap()
        memory = {name: resident_mebibytes(pid) for name, pid in servers.items()}
        follower = workers.memory
        server.kill()
        server.start()
        store = open_store(f"etcd://{server.endpoint}")
        restarted = time.monotonic()
        await store.write([(ROUND_PATH, b"storm")])
        storm = await workers.last("seen", "storm") - restarted
        await store.close()
    finally:
        workers.close()
    return [
        ("put → last follower, median", f"{statistics.median(fanouts):.0f} ms", "< 250 ms"),
        ("put → last follower, slowest", f"{max(fanouts):.0f} ms", ""),
        (
            "servers' processor time for one put",
            _shown(fanout_cost, lambda used: f"{used / ROUNDS * 1000:.0f} ms"),
            "",
        ),
        (
            "servers' processor time while idle",
            _shown(idle_cost, lambda used: f"{used / IDLE:.1%} of a core"),
            "",
        ),
        ("servers' memory", _shown(memory, lambda size: f"{size:.0f} MiB"), ""),
        ("start of all, until the last has a snapshot", f"{loaded:.1f} s", ""),
        ("servers' processor time for that", _shown(load_cost, lambda used: f"{used:.1f} s"), ""),
        ("etcd killed and restarted → last follower in sync", f"{storm:.1f} s", ""),
        ("memory of a follower", f"{follower:.1f} MiB", ""),
    ]


async def _fan_out(store: Store, workers: Workers, number: str) -> float:
    """Milliseconds from a put to the last follower that has seen it."""
    started = time.monotonic()
    await store.write([(ROUND_PATH, number.encode())])
    return (await workers.last("seen", number) - started) * 1000


class Processor:
    """Seconds of processor time that each of some processes has used since the last look."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._before = self._used()

    def lap(self) -> dict[str, float]:
        """Seconds since the last call, by name."""
        before, self._before = self._before, self._used()
        return {name: used - before[name] for name, used in self._before.items()}

    def _used(self) -> dict[str, float]:
        return {name: _processor_seconds(pid) for name, pid in self._pids.items()}


def _shown(seconds: dict[str, float], form: Callable[[float], str]) -> str:
    """One figure for each process: ``etcd 3 ms, proxy 20 ms``."""
    return ", ".join(f"{name} {form(value)}" for name, value in seconds.items())


def _pid(process: ServerProcess) -> int:
    if process.pid is None:
        raise RuntimeError("a server has ended")
    return process.pid


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(sys.argv[2]))))
