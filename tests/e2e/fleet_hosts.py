"""Several hosts with agents at one etcd of either API, and the command line beside it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from catflap.lab.agent import AgentProcess, catflap_command
from catflap.lab.etcd import EtcdServer
from catflap.lab.namespaces import Lab, Namespace
from catflap.lab.topology import Switch

HOSTS = ("web1", "web2", "web3")
STORE = "192.0.2.20"


class FleetHosts:
    """Hosts ``web1`` and so on, each with an interface ``eth0``, and an etcd that all of them reach."""

    def __init__(self, lab: Lab, directory: Path, api: Literal[2, 3]) -> None:
        self.api = api
        self.directory = directory
        switch_side, self.store, *hosts = lab.add("switch", "store", *HOSTS)
        switch = Switch(switch_side, "br0")
        switch.connect(self.store, "eth0", [f"{STORE}/24"])
        self.hosts: Mapping[str, Namespace] = dict(zip(HOSTS, hosts, strict=True))
        for number, host in enumerate(hosts, 1):
            switch.connect(host, "eth0", [f"192.0.2.{number}/24"])
        prefix = self.store.command_prefix
        self.server = EtcdServer(listen=STORE, port=2379, command_prefix=prefix)
        self.agents: dict[str, AgentProcess] = {}

    @property
    def url(self) -> str:
        """The store's."""
        return f"{'etcd2' if self.api == 2 else 'etcd'}://{self.server.endpoint}"

    def start_agent(self, name: str, **parameters: str) -> AgentProcess:
        """Start a host's agent, and wait until it is in sync."""
        settings = {
            "FelixHostname": name,
            "DatastoreType": f"etcdv{self.api}",
            "EtcdEndpoints": self.server.client_url,
            "ReportingIntervalSecs": "1",
            "ReportingTTLSecs": "5",
            **parameters,
        }
        environment = {f"FELIX_{key.upper()}": value for key, value in settings.items()}
        environment["CATFLAP_STATE_DIR"] = str(self.directory / name)
        agent = AgentProcess(self.hosts[name], self.directory / f"{name}.log", environment)
        agent.start()
        self.agents[name] = agent
        agent.wait_for("status changed to in-sync", 20)
        return agent

    def put(self, path: str, value: Any) -> int:
        """Write a key; returns the revision."""
        text = value if isinstance(value, str) else json.dumps(value)
        return self.server.change({2: "set", 3: "put"}[self.api], path, text, api=self.api)

    def delete(self, path: str) -> int:
        """Delete a key; returns the revision."""
        return self.server.change({2: "rm", 3: "del"}[self.api], path, api=self.api)

    def listing(self) -> str:
        """All that the store holds of hosts, as etcdctl prints it."""
        root = "/calico/felix/v1/host"
        if self.api == 2:
            return self.server.etcdctl("ls", "--recursive", root, api=2)
        return self.server.etcdctl("get", "--prefix", "--keys-only", root)

    def value(self, path: str) -> Any:
        """The JSON of one key."""
        if self.api == 2:
            return json.loads(self.server.etcdctl("get", path, api=2))
        return json.loads(self.server.etcdctl("get", "--print-value-only", path))

    def catflap(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command beside the store."""
        return subprocess.run(
            [*self.store.command_prefix, *catflap_command(*arguments)],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "CATFLAP_STORE": self.url, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def status(self, *arguments: str) -> dict[str, Any]:
        """``catflap status -o json``."""
        found: dict[str, Any] = json.loads(self.catflap("status", "-o", "json", *arguments).stdout)
        return found

    def states(self) -> dict[str, str]:
        """The state of each host."""
        return {each["host"]: each["state"] for each in self.status()["hosts"]}

    def close(self) -> None:
        """End agents and etcd."""
        for agent in self.agents.values():
            agent.kill()
        self.server.close()


@contextmanager
def fleet_hosts(directory: Path, api: Literal[2, 3]) -> Iterator[FleetHosts]:
    """Hosts without agents so far, and a running etcd."""
    with Lab() as lab:
        made = FleetHosts(lab, directory, api)
        try:
            made.server.start()
            yield made
        finally:
            made.close()
