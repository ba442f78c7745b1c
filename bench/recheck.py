"""Rechecking existing connections: entries per second, its memory, and what enforcement takes meanwhile.

Entries are made in conntrack by hand: nobody sends anything. Run by ``python -m bench``, which makes the namespace.
"""

from __future__ import annotations

import json
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from catflap.host.netlink import NetlinkSocket, attribute, nested
from catflap.lab.agent import AgentProcess
from catflap.lab.guide import document
from catflap.lab.namespaces import Namespace

HOST, ADDRESS = "bench", "192.0.2.1"
SIZES = (10_000, 100_000)
CHANGES = 20
SETTLED = 5.0  # seconds: the runs after the changes before have ended
_NETFILTER, _NEW, _CREATE = 12, 0x100, 0x600
_DONE = r"Existing connections: (\d+) checked, \d+ kept, (\d+) ended, .* in ([\d.]+) s"


def _tuple(kind: int, source: str, destination: str, ports: tuple[int, int]) -> bytes:
    addresses = (attribute(n, socket.inet_aton(a)) for n, a in ((1, source), (2, destination)))
    numbers = (attribute(n, port.to_bytes(2, "big")) for n, port in zip((2, 3), ports, strict=True))
    return nested(kind, nested(1, *addresses), nested(2, attribute(1, b"\6"), *numbers))


def fill(first: int, count: int, port: int) -> None:
    """Make established TCP connections of as many clients to a port of this host."""
    with NetlinkSocket(_NETFILTER, "conntrack") as kernel:
        for number in range(first, first + count):
            client, source_port = (
                f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
                1024 + number % 60_000,
            )
            kernel.do(
                _NEW,
                struct.pack("=BBH", socket.AF_INET, 0, 0)
                + _tuple(1, client, ADDRESS, (source_port, port))
                + _tuple(2, ADDRESS, client, (port, source_port))
                + attribute(3, struct.pack("!I", 14))
                + attribute(7, struct.pack("!I", 432_000))
                + nested(4, nested(1, attribute(1, b"\3"))),
                _CREATE,
            )


def documents(*ports: int) -> str:
    """An endpoint, 20 policies that do not matter, and one for these ports."""
    nets = {"nets": [f"172.16.{n}.0/24" for n in range(20)]}
    rule = {"action": "Allow", "protocol": "TCP", "destination": {"ports": list(ports)}}
    made = [document("HostEndpoint", "e", node=HOST, interfaceName="eth0", labels={"a": "b"})]
    made += [
        document("GlobalNetworkPolicy", f"p{n}", order=n, ingress=[{**rule, "source": nets}])
        for n in range(20)
    ]
    made.append(
        document("GlobalNetworkPolicy", "last", order=99, ingress=[rule], egress=[{"action": "Allow"}])
    )
    return yaml.safe_dump_all(made)


def _save(directory: Path, text: str) -> None:
    draft = directory.with_suffix(".draft")
    draft.write_text(text)
    draft.rename(directory / "policy.yaml")


def _latency(agent: AgentProcess, directory: Path, ports: list[int]) -> float:
    """Milliseconds from writing a file to enforcement."""
    agent.mark()
    started = time.perf_counter()
    _save(directory, documents(*ports))
    agent.wait_for("Enforcing on")
    return (time.perf_counter() - started) * 1000


def measure(_namespace: Namespace) -> list[tuple[str, str, str]]:
    """Run all measurements; returns rows of what, measured and target."""
    subprocess.run(
        ["ip", "-batch", "-"],
        input=b"link add eth0 type veth peer name peer0\nlink set eth0 up\nlink set peer0 up\n"
        b"address add 192.0.2.1/24 dev eth0\nroute add 10.0.0.0/8 via 192.0.2.2\n",
        check=True,
    )
    rows = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as scratch:
            rows += _measure(_namespace, size, Path(scratch))
    return rows


def _measure(namespace: Namespace, size: int, scratch: Path) -> list[tuple[str, str, str]]:
    directory = scratch / "policy"
    directory.mkdir()
    _save(directory, documents(80, 443))
    environment = {
        "FELIX_FELIXHOSTNAME": HOST,
        "FELIX_DATASTORETYPE": "directory",
        "FELIX_DATASTOREPATH": str(directory),
        "FELIX_EXISTINGCONNECTIONS": "recheck",
    }
    with AgentProcess(namespace, scratch / "felix.log", environment) as agent:
        agent.wait_for(_DONE)
        idle = [_latency(agent, directory, [80, 443, 1000 + n]) for n in range(CHANGES)]
        time.sleep(SETTLED)
        fill(0, size // 10, 80)
        fill(size // 10, size - size // 10, 443)
        _latency(agent, directory, [443])
        checked, ended, seconds = agent.wait_for(_DONE, 120).groups()
        busy = [_latency(agent, directory, [443, 1000 + n]) for n in range(CHANGES)]
    subprocess.run(["conntrack", "-F"], check=True, capture_output=True)
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    title = f"{size:,} connections"
    return [
        (f"{title}: checked, of which {int(ended):,} ended", f"{float(seconds):.2f} s", ""),
        (f"{title}: rate, the second look included", f"{int(checked) / float(seconds):,.0f}/s", ""),
        (f"{title}: file → enforced without, median", f"{statistics.median(idle):.0f} ms", ""),
        (f"{title}: file → enforced while rechecking, median", f"{statistics.median(busy):.0f} ms", ""),
    ]


if __name__ == "__main__":
    print(json.dumps(measure(Namespace(sys.argv[1], "bench"))))
