"""From a store to the agent's model: a large first load, single changes, bursts, and a directory of many files.

The agent is the product's own with fakes of kernel and interfaces, so that the store's way is what is measured. Run by
``python -m bench``, in a process of its own, so that memory is that of one agent.
"""

from __future__ import annotations

import asyncio
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from bench import fleet
from bench.idle_agent import idle_agent
from catflap.agent.daemon import Agent
from catflap.agent.status import State
from catflap.lab.etcd import EtcdServer
from catflap.store import Delta, Snapshot, Store, StoreEvent, open_store
from catflap.store.directory import DEFAULT_BURST_TIMES

ENDPOINTS = 100_000
QUIET = DEFAULT_BURST_TIMES.quiet
VALUE_SIZE = 400  # bytes
CHANGES = 200
BURST, IN_ONE_TRANSACTION = 20_000, 100
FILES = 2_000
FILE_CHANGES = 20
TICK = 0.001  # seconds between looks at how late the event loop is

Row = tuple[str, str, str]


async def measure(part: str) -> list[Row]:
    """Run one part of the measurements; returns rows of what, measured and target."""
    if part == "directory":
        with tempfile.TemporaryDirectory() as directory:
            return await _directory(Path(directory))
    with EtcdServer() as server:
        return await (_load(server) if part == "load" else _changes(server))


async def _load(server: EtcdServer) -> list[Row]:
    """An agent's first load of `ENDPOINTS` endpoints."""
    writer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.store_speed", "-", "fill", f"etcd://{server.endpoint}")
    )
    if await writer.wait():
        raise RuntimeError("the store could not be filled")
    store = open_store(f"etcd://{server.endpoint}")
    agent = idle_agent(store)
    before = _peak_mebibytes()
    started = time.perf_counter()
    async with _running(agent), _lateness() as latest:
        await _until(lambda: agent.state is State.IN_SYNC)
        loaded = time.perf_counter() - started
    await store.close()
    return [
        ("connect → model of 100,000 endpoints complete", f"{loaded:.2f} s", "< 2 s"),
        ("peak memory of the process", f"{_peak_mebibytes():.0f} MiB ({before:.0f} before)", "< 250 MB"),
        ("longest stall of the event loop", f"{latest() * 1000:.0f} ms", "< 50 ms"),
    ]


async def _fill(url: str) -> None:
    store = open_store(url)
    await store.write([("/calico/v1/Ready", b"true")])
    for first in range(0, ENDPOINTS, 100):
        await store.write([_endpoint(number) for number in range(first, first + 100)])
    await store.close()


def _endpoint(number: int, role: int = 0) -> tuple[str, bytes]:
    """An endpoint whose value has `VALUE_SIZE` bytes."""
    changed = {"role": f"role{role}", "comment": ""}
    missing = VALUE_SIZE - len(fleet.endpoint("v3", number, changed)[1])
    return fleet.endpoint("v3", number, changed | {"comment": "x" * missing})


async def _changes(server: EtcdServer) -> list[Row]:
    """Single puts, and a burst written by this process in many transactions."""
    store = open_store(f"etcd://{server.endpoint}")
    events = store.follow()
    await _next(events, Snapshot)
    delays = []
    for number in range(CHANGES):
        started = time.perf_counter()
        await store.write([_endpoint(0, number)])
        await _next(events, Delta)
        delays.append((time.perf_counter() - started) * 1000)
    started = time.perf_counter()
    writing = asyncio.create_task(_burst(store))
    seen: dict[str, bytes | None] = {}
    while len(seen) < BURST:
        event = await anext(events)
        if isinstance(event, Delta):
            seen.update(event.changes)
    burst = time.perf_counter() - started
    await writing
    await store.close()
    return [
        ("put → model, median", f"{statistics.median(delays):.2f} ms", "< 2.5 ms"),
        ("put → model, p99", f"{sorted(delays)[int(CHANGES * 0.99)]:.2f} ms", ""),
        ("20,000 changes in bursts of 100, written and in the model", f"{burst:.2f} s", "< 1 s"),
    ]


async def _burst(store: Store) -> None:
    for first in range(1, BURST + 1, IN_ONE_TRANSACTION):
        await store.write([_endpoint(number) for number in range(first, first + IN_ONE_TRANSACTION)])


async def _directory(directory: Path) -> list[Row]:
    """A directory of `FILES` files, and single files replaced."""
    for number in range(FILES):
        _write_file(directory, number, 0)
    store = open_store(f"dir:{directory}")
    started = time.perf_counter()
    events = store.follow()
    await _next(events, Snapshot)
    loaded = time.perf_counter() - started
    delays = []
    for number in range(FILE_CHANGES):
        await asyncio.sleep(2 * QUIET)
        _write_file(directory, number, 1)
        started = time.perf_counter()
        await _next(events, Delta)
        delays.append((time.perf_counter() - started - QUIET) * 1000)
    await store.close()
    return [
        ("2,000 files → model", f"{loaded:.2f} s", "< 1 s"),
        (
            "one file changed → model, after settling, median",
            f"{statistics.median(delays):.1f} ms",
            "< 20 ms",
        ),
        ("settle time", f"{QUIET * 1000:.0f} ms", ""),
    ]


def _write_file(directory: Path, number: int, role: int) -> None:
    _, value = _endpoint(number, role)
    directory.joinpath(f"endpoint-{number}.json").write_bytes(value)


async def _next(events: AsyncIterator[StoreEvent], kind: type[StoreEvent]) -> StoreEvent:
    async for event in events:
        if isinstance(event, kind):
            return event
    raise RuntimeError("the store was closed")


@asynccontextmanager
async def _running(agent: Agent) -> AsyncIterator[None]:
    task = asyncio.create_task(agent.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def _lateness() -> AsyncIterator[Callable[[], float]]:
    """By how many seconds the event loop came too late, at most, while the block ran."""
    latest = 0.0

    async def look() -> None:
        nonlocal latest
        while True:
            started = time.perf_counter()
            await asyncio.sleep(TICK)
            latest = max(latest, time.perf_counter() - started - TICK)

    task = asyncio.create_task(look())
    try:
        yield lambda: latest
        await asyncio.sleep(2 * TICK)  # a stall just before the end has to be seen, too
    finally:
        task.cancel()


async def _until(reached: Callable[[], bool]) -> None:
    while not reached():  # noqa: ASYNC110 - the agent has no event for its state
        await asyncio.sleep(TICK)


def _peak_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[2] == "fill":
        asyncio.run(_fill(sys.argv[3]))
    else:
        print(json.dumps(asyncio.run(measure(sys.argv[2]))))
