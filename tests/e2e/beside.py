"""A host that Catflap polices, and on which somebody else filters packets, too.

An agent on a directory polices eth1 with one policy: port 80 is allowed, everything else to the host is denied but for
the failsafe port 22. Servers listen on all three, so whatever does not answer was dropped.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from catflap.lab.agent import AgentProcess, catflap_command
from catflap.lab.guide import HOSTNAME, document
from catflap.lab.listeners import Listeners
from catflap.lab.namespaces import Lab
from catflap.lab.probes import Expectation, Outcome, Probe, measure
from catflap.lab.topology import HOST_PUBLIC, GuideNetwork

ALLOWED, DENIED = 80, 81  # by Catflap
ENDPOINT = document("HostEndpoint", "public", node=HOSTNAME, interfaceName="eth1")
_COUNTERS = re.compile(r"counter packets \d+ bytes \d+|\[\d+:\d+\]|^#.*$", re.MULTILINE)
_SAVERS = ("iptables-legacy-save", "ip6tables-legacy-save", "iptables-nft-save", "ip6tables-nft-save")


def allow(name: str, port: int) -> dict[str, Any]:
    """A policy that lets everybody in on one port."""
    rule = {"action": "Allow", "protocol": "TCP", "destination": {"ports": [port]}}
    return document("GlobalNetworkPolicy", name, order=1, types=["Ingress"], ingress=[rule])


class Beside:
    """See the module."""

    def __init__(self, network: GuideNetwork, directory: Path) -> None:
        self.network = network
        self._policy = directory / "policy"
        self._policy.mkdir()
        self.write("policy", ENDPOINT, allow("web", ALLOWED))
        environment = {
            "FELIX_FELIXHOSTNAME": HOSTNAME,
            "FELIX_DATASTORETYPE": "directory",
            "FELIX_DATASTOREPATH": str(self._policy),
            "CATFLAP_STATE_DIR": str(directory / "state"),
        }
        self.agent = AgentProcess(network.host, directory / "felix.log", environment)
        self.started = False

    def write(self, name: str, *documents: object) -> None:
        """Write a file of policy."""
        (self._policy / f"{name}.yaml").write_text(yaml.safe_dump_all(documents))

    def start(self) -> None:
        """Start the agent, and wait until it polices eth1."""
        self.agent.start()
        self.started = True
        self.agent.wait_for("Enforcing on eth1")

    def delete(self, name: str) -> None:
        """Remove a file of policy."""
        (self._policy / f"{name}.yaml").unlink()

    def run(self, *command: str, stdin: str = "") -> str:
        """Run a program on the host."""
        return self.network.host.run(*command, stdin=stdin)

    def background(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program on the host; whoever does it ends it."""
        return subprocess.Popen([*self.network.host.command_prefix, *command])

    def doctor(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``catflap doctor`` on the host, whatever its exit status."""
        command = (*self.network.host.command_prefix, *catflap_command("doctor", *arguments))
        return subprocess.run(
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60
        )

    def own_table(self) -> str:
        """Our table with the numbers that the kernel gave to its parts: what was made anew has others."""
        return _COUNTERS.sub("", self.run("nft", "--handle", "list", "table", "inet", "catflap"))

    def others(self) -> str:
        """Everything that others have in the kernel, without counters."""
        everything = "".join(self.run(saver) for saver in _SAVERS)
        tables = self.run("nft", "list", "ruleset").removeprefix("table ").split("\ntable ")
        foreign = sorted(each for each in tables if not each.startswith("inet catflap "))
        text = _COUNTERS.sub("", "\n".join([*foreign, everything, self.run("ipset", "save")]))
        return "\n".join(line for line in text.splitlines() if line.strip())

    async def expect(self, *ports: int) -> None:
        """Assert which of both ports answer, with IPv4 and IPv6."""
        assert await self.open_ports(*ports) == set(ports)

    async def open_ports(self, *expected: int) -> set[int]:
        """Which of both ports answer a stranger, alike with IPv4 and IPv6."""
        expectations = [
            Expectation(Probe(self.network.stranger, address, "tcp", port), port in expected)
            for address in HOST_PUBLIC
            for port in (ALLOWED, DENIED)
        ]
        measured = await measure(expectations, silence=0.2)
        reached = {
            (each.expectation.probe.ip_version, each.expectation.probe.port)
            for each in measured
            if each.outcome is Outcome.ALLOWED
        }
        four, six = ({port for version, port in reached if version == wanted} for wanted in (4, 6))
        assert four == six, f"IPv4 {four}, IPv6 {six}"
        return four


@asynccontextmanager
async def beside(lab: Lab, directory: Path) -> AsyncIterator[Beside]:
    """A new host of that kind; the agent is not started yet."""
    async with Listeners() as listeners:
        network = GuideNetwork.build(lab)
        await listeners.listen(network.host, tcp=(22, ALLOWED, DENIED))
        made = Beside(network, directory)
        try:
            yield made
        finally:
            if made.started:
                made.agent.kill()
