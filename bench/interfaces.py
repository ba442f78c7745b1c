"""A host with 10,000 interfaces, all policed by one endpoint: start, changes of policy and of interfaces, memory.

A real agent with a directory as its store inside one network namespace. Run by ``python -m bench``, which makes the
namespace; the argument is how many interfaces there are.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import yaml

from bench.agent_latency import HOST
from bench.facts import resident_mebibytes
from bench.generations import Generations
from catflap.lab.agent import AgentProcess
from catflap.lab.guide import document
from catflap.lab.namespaces import Namespace

CHANGES = 10
START_TIMEOUT = 120.0  # seconds


async def measure(namespace: Namespace, number: int) -> list[tuple[str, str, str]]:
    """Run all measurements; returns rows of what, measured and target."""
    pairs = range(number // 2)
    links = "".join(f"link add many{pair} type veth peer name many-{pair}\n" for pair in pairs)
    namespace.run("ip", "-batch", "-", stdin=links)
    with tempfile.TemporaryDirectory() as directory:
        policy = Path(directory) / "policy"
        policy.mkdir()
        _write(policy, "endpoint", document("HostEndpoint", "many", node=HOST, interfaceName="many*"))
        _write(policy, "policy", _policy(80))
        environment = {
            "FELIX_FELIXHOSTNAME": HOST,
            "FELIX_DATASTORETYPE": "directory",
            "FELIX_DATASTOREPATH": str(policy),
            "CATFLAP_STATE_DIR": f"{directory}/state",
        }
        started = time.perf_counter()
        with AgentProcess(namespace, Path(directory) / "felix.log", environment) as agent:
            agent.wait_for("Enforcing on many", timeout=START_TIMEOUT)
            start = time.perf_counter() - started
            changes = [await _change(policy, 1024 + port) for port in range(CHANGES)]
            named = await _name(policy)
            memory = resident_mebibytes(agent.pid)
    return [
        (f"agent start → enforced, {number:,} interfaces", f"{start:.2f} s", ""),
        (
            f"a policy of all of them changed → enforced, median of {CHANGES}",
            f"{statistics.median(changes):.0f} ms",
            "",
        ),
        ("an endpoint for one of them added → enforced", f"{named:.0f} ms", ""),
        ("agent's resident memory", f"{memory:.0f} MiB", ""),
    ]


def _policy(port: int) -> dict[str, object]:
    rule = {"action": "Allow", "protocol": "TCP", "destination": {"ports": [port]}}
    return dict(document("GlobalNetworkPolicy", "web", selector="all()", ingress=[rule]))


def _write(directory: Path, name: str, content: object) -> None:
    new = directory / f"{name}.new"
    new.write_text(yaml.safe_dump(content), encoding="utf-8")
    new.rename(directory / f"{name}.yaml")


async def _change(directory: Path, port: int) -> float:
    return await _timed(directory, "policy", _policy(port))


async def _name(directory: Path) -> float:
    return await _timed(directory, "one", document("HostEndpoint", "one", node=HOST, interfaceName="many7"))


async def _timed(directory: Path, name: str, content: object) -> float:
    """Milliseconds from writing a file to the last commit that it caused."""
    generations = Generations()
    started = time.perf_counter()
    _write(directory, name, content)
    ended = await generations.last_commit(first=30, quiet=0.3)
    generations.close()
    return (ended - started) * 1000


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(Namespace(sys.argv[1], "bench"), int(sys.argv[2])))))
