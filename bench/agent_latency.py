"""From an etcd put to the kernel, from an agent's start to enforcement, and what the agent weighs.

A real agent with 10 endpoints and 10 policies and a real etcd, all inside one network namespace; the end of each way
is the kernel's own notice of the commit. Run by ``python -m bench``, which makes the namespace.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.facts import resident_mebibytes
from bench.generations import Generations
from catflap.lab.agent import AgentProcess, catflap_command
from catflap.lab.etcd import EtcdServer
from catflap.lab.namespaces import Namespace
from catflap.store import Store, open_store

HOST = "bench"
ENDPOINTS = POLICIES = 10
ROUNDS = 200
STARTS = 5
HELP_RUNS = 10
QUIET = 0.03  # seconds without a commit that end a change
BETWEEN = 0.01  # seconds between two changes


def endpoint(number: int) -> tuple[str, bytes]:
    """The key and value of a host endpoint."""
    value = {
        "name": f"eth{number}",
        "expected_ipv4_addrs": [f"192.0.2.{number + 1}"],
        "labels": {"role": f"role{number % 3}", "number": str(number)},
    }
    return f"/calico/v1/host/{HOST}/endpoint/ep{number}", json.dumps(value).encode()


def policy(number: int, port: int) -> tuple[str, bytes]:
    """The key and value of a policy for a third of the endpoints, with a net, ports and a selector."""
    value = {
        "selector": f"role == 'role{number % 3}'",
        "order": number,
        "inbound_rules": [
            {"protocol": "tcp", "dst_ports": [port], "src_net": "10.0.0.0/8", "action": "allow"},
            {"protocol": "tcp", "dst_ports": [443], "src_selector": "has(role)", "action": "allow"},
            {"protocol": "udp", "dst_ports": [53, "5000:5010"], "action": "deny"},
        ],
        "outbound_rules": [{"action": "allow"}],
    }
    return f"/calico/v1/policy/tier/default/policy/p{number}", json.dumps(value).encode()


async def measure(namespace: Namespace) -> list[tuple[str, str, str]]:
    """Run all measurements; returns rows of what, measured and target."""
    with tempfile.TemporaryDirectory() as directory, EtcdServer() as server:
        store = open_store(f"etcd://{server.endpoint}")
        await store.write([("/calico/v1/Ready", b"true")])
        await store.write([endpoint(n) for n in range(ENDPOINTS)] + [policy(n, 80) for n in range(POLICIES)])
        environment = {
            "FELIX_FELIXHOSTNAME": HOST,
            "FELIX_ETCDENDPOINTS": server.client_url,
            "CATFLAP_STATE_DIR": f"{directory}/state",
        }
        agent = AgentProcess(namespace, Path(directory) / "felix.log", environment)
        starts = [await _start(agent) for _ in range(STARTS)]
        _empty_kernel()
        with agent:
            agent.wait_for("Enforcing on")
            puts = await _puts(store)
            memory = resident_mebibytes(agent.pid)
        await store.close()
    return [
        ("put → enforced, median", f"{statistics.median(puts):.1f} ms", "< 15 ms"),
        ("put → enforced, p99", f"{sorted(puts)[int(len(puts) * 0.99)]:.1f} ms", "< 40 ms"),
        ("agent start → enforced, median", f"{statistics.median(starts):.2f} s", "< 1 s"),
        ("agent's resident memory", f"{memory:.0f} MiB", "< 60 MB"),
        ("catflap --help, median", f"{statistics.median(_help_times()):.0f} ms", "< 150 ms"),
    ]


async def _start(agent: AgentProcess) -> float:
    """Seconds from starting the agent on an empty kernel to the last commit of its first rule set."""
    _empty_kernel()
    generations = Generations()
    started = time.perf_counter()
    agent.start()
    try:
        enforced = await generations.last_commit(first=10, quiet=0.3)
    finally:
        agent.stop()
        generations.close()
    return enforced - started


def _empty_kernel() -> None:
    subprocess.run(["nft", "flush", "ruleset"], check=True)


async def _puts(store: Store) -> list[float]:
    """Milliseconds from each put to the last commit that it caused."""
    generations = Generations()
    latencies = []
    for number in range(ROUNDS):
        change = policy(number % POLICIES, 1024 + number)
        started = time.perf_counter()
        await store.write([change])
        latencies.append((await generations.last_commit(first=5, quiet=QUIET) - started) * 1000)
        await asyncio.sleep(BETWEEN)
    generations.close()
    return latencies


def _help_times() -> list[float]:
    times = []
    for _ in range(HELP_RUNS):
        started = time.perf_counter()
        subprocess.run(catflap_command("--help"), check=True, stdout=subprocess.DEVNULL)
        times.append((time.perf_counter() - started) * 1000)
    return times


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(Namespace(sys.argv[1], "bench")))))
