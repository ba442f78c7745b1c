"""A host as the guide has it, for tests: an etcd of either API beside it, an agent on it, probes to and from it."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from catflap.lab.agent import AgentProcess
from catflap.lab.etcd import EtcdServer
from catflap.lab.guide import HOSTNAME
from catflap.lab.listeners import Listeners
from catflap.lab.namespaces import Lab, Namespace
from catflap.lab.probes import Expectation, Probe, Transport, measure
from catflap.lab.topology import STORE, DualStack, GuideNetwork

Api = Literal[2, 3]
READY = "/calico/v1/Ready"
HEP = f"/calico/v1/host/{HOSTNAME}/endpoint"
POLICY = "/calico/v1/policy/tier/default/policy"

# A client of the store, run where etcd can be reached: etcdctl takes no binary values.
WRITER = """
import asyncio, base64, json, sys
from catflap.store import open_store

async def main(url, changes):
    store = open_store(url)
    for start in range(0, len(changes), 100):
        part = changes[start : start + 100]
        revision = await store.write([(path, base64.b64decode(value)) for path, value in part])
    print(revision)
    await store.close()

asyncio.run(main(sys.argv[1], json.load(sys.stdin)))
"""


@asynccontextmanager
async def guide_host(directory: Path, api: Api) -> AsyncIterator[GuideHost]:
    """The network of the guide with servers on the host and in the store's namespace, and a running etcd."""
    with Lab() as lab:
        async with Listeners() as listeners:
            made = GuideHost(lab, listeners, directory, api)
            await listeners.listen(made.host, tcp=(22, 23, 80, 443))
            await listeners.listen(made.network.store, tcp=(2380, 5432))
            try:
                made.server.start()
                yield made
            finally:
                made.close()


class GuideHost:
    """The network of the guide with an etcd, and an agent that tests start."""

    def __init__(self, lab: Lab, listeners: Listeners, directory: Path, api: Api) -> None:
        self.lab = lab
        self.network = GuideNetwork.build(lab)
        self.host = self.network.host
        self.listeners = listeners
        self.api: Api = api
        self.server = EtcdServer(listen=STORE.v4, port=2379, command_prefix=self.network.store.command_prefix)
        self.log_file = directory / "felix.log"
        self.revision = 0  # of the store's last change that a method here has made
        self._agents: list[AgentProcess] = []

    def start_agent(
        self, environment: Mapping[str, str] | None = None, arguments: tuple[str, ...] = ()
    ) -> AgentProcess:
        """Start an agent; without an environment, one for this etcd and the guide's host name."""
        agent = AgentProcess(
            self.host, self.log_file, self.environment() if environment is None else environment, arguments
        )
        agent.start()
        self._agents.append(agent)
        return agent

    def environment(self, **parameters: str) -> dict[str, str]:
        """What an agent needs to find this etcd and its own name, and more FELIX_ parameters."""
        settings = {
            "FelixHostname": HOSTNAME,
            "DatastoreType": f"etcdv{self.api}",
            "EtcdEndpoints": self.server.client_url,
            **parameters,
        }
        return {f"FELIX_{name.upper()}": value for name, value in settings.items()}

    def close(self) -> None:
        """End agents and etcd."""
        for agent in self._agents:
            agent.kill()
        self.server.close()

    def put(self, path: str, value: Any) -> None:
        """``etcdctl set`` or ``etcdctl put``; anything but text is written as JSON."""
        text = value if isinstance(value, str) else json.dumps(value)
        self._change({2: "set", 3: "put"}[self.api], path, text)

    def write(self, objects: Mapping[str, bytes]) -> None:
        """Set many keys to any bytes; with the v3 API a hundred at a time are one revision."""
        scheme = "etcd2" if self.api == 2 else "etcd"
        changes = [(path, base64.b64encode(value).decode()) for path, value in objects.items()]
        url = f"{scheme}://{self.server.endpoint}"
        self.revision = int(
            self.network.store.run(sys.executable, "-c", WRITER, url, stdin=json.dumps(changes))
        )

    def delete(self, path: str) -> None:
        """Delete one key."""
        self._change({2: "rm", 3: "del"}[self.api], path)

    def delete_tree(self, path: str) -> None:
        """Delete everything below a path."""
        if self.api == 2:
            self._change("rm", "--recursive", path)
        else:
            self._change("del", "--prefix", f"{path}/")

    def _change(self, *command: str) -> None:
        self.revision = self.server.change(*command, api=self.api)

    def enforced(self, agent: AgentProcess, change: Callable[[], None]) -> None:
        """Make a change, of the store or of the host, and wait until the agent has enforced it.

        It must make a difference to the kernel, or nothing is logged. What was put just before may be enforced on its
        own: hence the revisions.
        """
        agent.mark()
        change()
        agent.wait_until_enforced(self.revision)

    async def passes(
        self, source: Namespace, address: str, protocol: Transport, port: int = 0, *, expected: bool
    ) -> bool:
        """Whether a probe gets through; one that goes another way than expected is tried again."""
        expectation = Expectation(Probe(source, address, protocol, port), expected)
        (measurement,) = await measure([expectation])
        return measurement.outcome.reached

    async def expect(
        self, source: Namespace, to: DualStack, protocol: Transport, port: int = 0, *, v4: bool, v6: bool
    ) -> None:
        """Assert which IP versions of a probe get through."""
        expectations = [
            Expectation(Probe(source, to.v4, protocol, port), v4),
            Expectation(Probe(source, to.v6, protocol, port), v6),
        ]
        measured = {m.expectation.probe.destination: m.outcome for m in await measure(expectations)}
        reached = {address: outcome.reached for address, outcome in measured.items()}
        assert reached == {to.v4: v4, to.v6: v6}, measured

    def rule_set(self) -> str:
        """Everything that nftables holds on the host."""
        return self.host.run("nft", "list", "ruleset")

    def polices_nothing(self) -> bool:
        """Whether our table has no rule but those that block unknown workloads."""
        rules = re.findall(r"^\t\t(.*comment .*)$", self.rule_set(), re.MULTILINE)
        return all('"cali*" drop' in rule for rule in rules)

    def parameter(self, name: str) -> str:
        """The newest log line of a parameter, from its value on."""
        lines = re.findall(rf"Parameter {name} \([^)]*\) has value (.*)", self.log_file.read_text())
        return str(lines[-1])
