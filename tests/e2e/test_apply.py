"""What is applied and deleted shows in packets: a real agent follows each kind of store."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from catflap.lab.agent import AgentProcess, catflap_command
from catflap.lab.guide import HOSTNAME, document
from catflap.lab.namespaces import Namespace
from catflap.lab.topology import HOST_MANAGEMENT

from .guide_host import GuideHost, guide_host

ENDPOINT: Final = document("HostEndpoint", "management", node=HOSTNAME, interfaceName="eth0")
MANY: Final = 200  # objects: more than one transaction takes


def allow(name: str, *ports: int) -> dict[str, Any]:
    rule = {"action": "Allow", "protocol": "TCP", "destination": {"ports": list(ports)}}
    return document("GlobalNetworkPolicy", name, order=1, types=["Ingress"], ingress=[rule])


class Operator:
    """Types ``catflap`` where the store can be reached, and waits for the agent."""

    def __init__(self, guide: GuideHost, agent: AgentProcess, where: Namespace, url: str) -> None:
        self.guide = guide
        self.agent = agent
        self._where = where
        self._url = url

    def apply(self, *documents: dict[str, Any]) -> str:
        """Apply documents, and wait until they are enforced."""
        listed = {"apiVersion": "v1", "kind": "List", "items": documents}
        return self.enforced("apply", "-f", "-", stdin=json.dumps(listed))

    def enforced(self, *arguments: str, stdin: str = "") -> str:
        """Run a command, and wait until the agent has enforced what it changed."""
        self.agent.mark()
        printed = self._where.run(*catflap_command(*arguments, "--store", self._url), stdin=stdin)
        self.agent.wait_for("Enforcing on")
        return printed

    async def expect_http(self, *, reached: bool) -> None:
        await self.guide.expect(self.guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=reached, v6=reached)


@pytest.fixture(params=["etcd", "etcd2", "dir"])
async def operator(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Operator]:
    """An agent in sync with a store of each kind that is ready, and an operator."""
    async with guide_host(tmp_path, 2 if request.param == "etcd2" else 3) as guide:
        if request.param == "dir":
            url, where = f"dir:{tmp_path}/policy", guide.host
            environment = guide.environment(DatastoreType="directory", DatastorePath=f"{tmp_path}/policy")
        else:
            url, where = f"{request.param}://{guide.server.endpoint}", guide.network.store
            environment = guide.environment()
        where.run(*catflap_command("init", "--store", url))
        agent = guide.start_agent(environment)
        agent.wait_for("status changed to in-sync")
        yield Operator(guide, agent, where, url)


async def test_packets_follow_what_is_applied(operator: Operator) -> None:
    await operator.expect_http(reached=True)
    assert "management created" in operator.apply(ENDPOINT)
    await operator.expect_http(reached=False)
    assert "globalnetworkpolicy/web created" in operator.apply(ENDPOINT, allow("web", 80))
    await operator.expect_http(reached=True)
    assert "globalnetworkpolicy/web configured" in operator.apply(allow("web", 443))
    await operator.expect_http(reached=False)
    operator.enforced("delete", "hep/management", "gnp/web")
    await operator.expect_http(reached=True)


async def test_a_change_of_many_steps_is_enforced_as_one(operator: Operator) -> None:
    operator.apply(ENDPOINT)
    await operator.expect_http(reached=False)
    ports = [*range(10_000, 10_000 + MANY), 80]
    printed = operator.apply(*(allow(f"p{port}", port) for port in ports))
    assert f"{MANY + 1} objects" in printed
    await operator.expect_http(reached=True)
    assert operator.agent.log().count("Enforcing on") == 1
