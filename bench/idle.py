"""What an agent costs that has nothing to do: processor and memory, with an etcd store, scraped or not.

Run by ``python -m bench``, which makes the namespace; the argument is for how many seconds each way is watched.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import urllib.request
from pathlib import Path

from bench.agent_latency import ENDPOINTS, HOST, POLICIES, endpoint, policy
from bench.facts import resident_mebibytes
from catflap.lab.agent import AgentProcess
from catflap.lab.etcd import EtcdServer
from catflap.lab.namespaces import Namespace
from catflap.store import open_store

SETTLE = 5.0  # seconds after the first enforcement
SERVED = {"FELIX_PROMETHEUSMETRICSENABLED": "true", "FELIX_HEALTHENABLED": "true"}
URLS = ("http://127.0.0.1:9091/metrics", "http://localhost:9099/readyz")
ASK = 10.0  # seconds between two questions, as monitoring does


def processor_seconds(pid: int) -> float:
    """What the threads of a process have used of processors since they began."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text(encoding="ascii").split()[0]) for thread in threads) / 1e9


def switches(pid: int) -> int:
    """How often its threads have waited for something."""
    count = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                count += int(line.split()[1])
    return count


async def measure(namespace: Namespace, seconds: float) -> list[tuple[str, str, str]]:
    """Run all measurements; returns rows of what, measured and target."""
    with tempfile.TemporaryDirectory() as directory, EtcdServer() as server:
        store = open_store(f"etcd://{server.endpoint}")
        await store.write([("/calico/v1/Ready", b"true")])
        await store.write([endpoint(n) for n in range(ENDPOINTS)] + [policy(n, 80) for n in range(POLICIES)])
        await store.close()
        rows = []
        for way, more in (("nothing served", {}), ("scraped and asked every 10 s", SERVED)):
            environment = {
                "FELIX_FELIXHOSTNAME": HOST,
                "FELIX_ETCDENDPOINTS": server.client_url,
                "CATFLAP_STATE_DIR": f"{directory}/state",
                **more,
            }
            with AgentProcess(namespace, Path(directory) / f"{len(more)}.log", environment) as agent:
                agent.wait_for("status changed to in-sync")
                rows += await _watch(agent.pid, seconds, way, asked=bool(more))
    return rows


async def _watch(pid: int, seconds: float, way: str, *, asked: bool) -> list[tuple[str, str, str]]:
    await asyncio.sleep(SETTLE)
    used, waited = processor_seconds(pid), switches(pid)
    for _ in range(int(seconds / ASK)):
        await asyncio.sleep(ASK)
        if asked:
            _ask()
    used, waited = processor_seconds(pid) - used, switches(pid) - waited
    return [
        (f"processor, {way}", f"{used / seconds * 100:.2f} % of a core", "< 0.1 %"),
        (f"wake-ups, {way}", f"{waited / seconds:.1f} a second", ""),
        (f"resident memory, {way}", f"{resident_mebibytes(pid):.0f} MiB", "< 60 MB"),
    ]


def _ask() -> None:
    for url in URLS:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # ours
            answer.read()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(Namespace(sys.argv[1], "bench"), float(sys.argv[2])))))
