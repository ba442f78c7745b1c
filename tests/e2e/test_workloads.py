"""Workloads on a host with a running agent: blocked until known, policed both ways, and not able to pretend."""

from __future__ import annotations

import time
from typing import Any, Final

import pytest

from catflap.lab.agent import AgentProcess
from catflap.lab.guide import HOSTNAME, document
from catflap.lab.namespaces import Namespace
from catflap.lab.topology import HOST_MANAGEMENT, HOST_PUBLIC, MGMT, DualStack
from catflap.model import document_path

from .guide_host import READY, GuideHost

GATEWAY4, GATEWAY6 = "169.254.1.1", "fe80::1"
ALLOW: Final = [{"action": "Allow"}]
ONE: Final = DualStack("10.65.0.1", "2001:db8:65::1")
TWO: Final = DualStack("10.65.0.2", "2001:db8:65::2")
FORGED: Final = DualStack("10.65.0.9", "2001:db8:65::9")


class Workload:
    """A namespace that plays a container: one interface whose other end is on the host."""

    def __init__(self, guide: GuideHost, number: int, address: DualStack) -> None:
        self.guide = guide
        self.number = number
        self.address = address
        self.interface = f"cali{number}"
        self.mac = f"02:00:00:00:00:{number:02x}"
        (self.namespace,) = guide.lab.add(f"workload{number}")
        guide.host.ip(
            f"link add {self.interface} type veth peer name eth0 address {self.mac} netns {self.namespace.name}",
            f"link set {self.interface} up",
        )
        self.namespace.ip("link set eth0 up")
        self.namespace.add_addresses("eth0", (f"{address.v4}/32", f"{address.v6}/128"))
        self.namespace.ip(
            f"route add {GATEWAY4} dev eth0 scope link",
            f"route add default via {GATEWAY4} dev eth0",
            f"route add default via {GATEWAY6} dev eth0",
        )

    def resource(self, **fields: Any) -> dict[str, Any]:
        """The workload endpoint; fields may add to it or replace."""
        made = document(
            "WorkloadEndpoint",
            f"{HOSTNAME}-lxc-{self.number}-eth0",
            labels={"app": f"app{self.number}"},
            **{
                "orchestrator": "lxc",
                "workload": f"w{self.number}",
                "node": HOSTNAME,
                "endpoint": "eth0",
                "interfaceName": self.interface,
                "mac": self.mac,
                "ipNetworks": [f"{self.address.v4}/32", f"{self.address.v6}/128"],
                "ipv6Gateway": GATEWAY6,
                **fields,
            },
        )
        made["metadata"]["namespace"] = "default"
        return made


class Host:
    """The host of the guide, forwarding, with two workloads and an agent in sync."""

    def __init__(self, guide: GuideHost, agent: AgentProcess) -> None:
        self.guide = guide
        self.agent = agent
        guide.network.set_forwarding(enabled=True)
        self.one, self.two = Workload(guide, 1, ONE), Workload(guide, 2, TWO)
        guide.host.ip(
            f"route add default via {MGMT.v4}"
        )  # proxy ARP answers for what the host has a route to
        guide.network.mgmt.ip(
            f"route add 10.65.0.0/16 via {HOST_MANAGEMENT.v4}",
            f"route add 2001:db8:65::/64 via {HOST_MANAGEMENT.v6}",
        )

    async def listen(self) -> None:
        for node in (self.one.namespace, self.two.namespace, self.guide.network.mgmt):
            await self.guide.listeners.listen(node, tcp=(80, 443))

    def put(self, *documents: dict[str, Any]) -> None:
        """Store documents and wait until the last one, which must make a difference, is enforced."""
        *first, last = documents
        for each in first:
            self.guide.put(document_path(each), each)
        self.guide.enforced(self.agent, lambda: self.guide.put(document_path(last), last))
        for workload in (self.one, self.two):
            if workload.resource() in documents:
                self.wait_until_routed(workload)

    def wait_until_routed(self, workload: Workload) -> None:
        """Routes follow enforcement, by another thread."""
        deadline = time.monotonic() + 5
        while workload.address.v6 not in self.guide.host.run("ip", "-6", "route"):
            assert time.monotonic() < deadline, f"no route to {workload.address.v6}"

    async def expect(self, source: Namespace, to: DualStack, port: int, *, reached: bool) -> None:
        await self.guide.expect(source, to, "tcp", port, v4=reached, v6=reached)


@pytest.fixture
async def host(guide3: GuideHost, agent3: AgentProcess) -> Host:
    made = Host(guide3, agent3)
    await made.listen()
    return made


def policy(name: str, selector: str, **fields: Any) -> dict[str, Any]:
    return document("GlobalNetworkPolicy", name, selector=selector, **fields)


def allow_tcp(*ports: int) -> list[dict[str, Any]]:
    return [{"action": "Allow", "protocol": "TCP", "destination": {"ports": list(ports)}}]


async def test_an_unknown_workload_is_blocked_from_the_agents_first_moment(guide3: GuideHost) -> None:
    agent = guide3.start_agent()  # the store is not ready, so nothing is known of anything
    agent.wait_for("wait-for-ready")
    host = Host(guide3, agent)
    await host.listen()
    guide3.host.ip(f"route add {ONE.v4} dev cali1", f"route add {ONE.v6} dev cali1")
    await host.expect(host.one.namespace, HOST_PUBLIC, 80, reached=False)
    await host.expect(guide3.network.mgmt, ONE, 80, reached=False)
    await host.expect(guide3.network.web, HOST_PUBLIC, 80, reached=True)


async def test_a_known_workload_has_policy_in_both_directions(host: Host) -> None:
    host.put(
        host.one.resource(),
        host.two.resource(),
        policy("one", "app == 'app1'", ingress=allow_tcp(80), egress=allow_tcp(443)),
        policy("two", "app == 'app2'", ingress=allow_tcp(80, 443), egress=allow_tcp(80)),
    )
    mgmt = host.guide.network.mgmt
    await host.expect(mgmt, ONE, 80, reached=True)
    await host.expect(mgmt, ONE, 443, reached=False)
    await host.expect(host.one.namespace, MGMT, 443, reached=True)
    await host.expect(host.one.namespace, MGMT, 80, reached=False)
    await host.expect(host.one.namespace, TWO, 443, reached=True)
    await host.expect(host.two.namespace, ONE, 80, reached=True)
    await host.expect(host.two.namespace, ONE, 443, reached=False)
    await host.expect(host.guide.host, ONE, 443, reached=True)  # from the host itself


async def test_a_workload_cannot_pretend(host: Host) -> None:
    host.put(host.one.resource(), policy("one", "app == 'app1'", ingress=ALLOW, egress=ALLOW))
    await host.expect(host.one.namespace, MGMT, 80, reached=True)
    host.one.namespace.ip("link set eth0 address 02:00:00:00:00:99")
    await host.expect(host.one.namespace, MGMT, 80, reached=False)
    host.one.namespace.ip(f"link set eth0 address {host.one.mac}")
    await host.expect(host.one.namespace, MGMT, 80, reached=True)
    host.one.namespace.add_addresses("eth0", (f"{FORGED.v4}/32", f"{FORGED.v6}/128"))
    host.one.namespace.ip(
        f"address delete {ONE.v4}/32 dev eth0",
        f"address delete {ONE.v6}/128 dev eth0",
    )
    host.one.namespace.ip(
        f"route replace {GATEWAY4} dev eth0 scope link",
        f"route replace default via {GATEWAY4} dev eth0",
        f"route replace default via {GATEWAY6} dev eth0",
    )
    host.guide.host.ip(f"route add {FORGED.v4} dev cali1", f"route add {FORGED.v6} dev cali1")
    await host.expect(host.one.namespace, MGMT, 80, reached=False)


@pytest.mark.parametrize("action", ["DROP", "RETURN"])
async def test_packets_to_the_host_follow_the_default_action(guide3: GuideHost, action: str) -> None:
    guide3.put("/calico/v1/Ready", "true")
    agent = guide3.start_agent(guide3.environment(DefaultEndpointToHostAction=action))
    agent.wait_for("status changed to in-sync")
    host = Host(guide3, agent)
    host.put(host.one.resource(), policy("one", "app == 'app1'", egress=allow_tcp(80)))
    await host.expect(host.one.namespace, HOST_PUBLIC, 80, reached=action == "RETURN")
    await host.expect(host.one.namespace, HOST_PUBLIC, 443, reached=False)


async def test_one_that_is_deleted_is_blocked_and_loses_its_routes(host: Host) -> None:
    one = host.one.resource()
    host.put(one, policy("one", "app == 'app1'", ingress=ALLOW, egress=ALLOW))
    mgmt = host.guide.network.mgmt
    await host.expect(mgmt, ONE, 80, reached=True)
    host.guide.enforced(host.agent, lambda: host.guide.delete(document_path(one)))
    await host.expect(mgmt, ONE, 80, reached=False)
    await host.expect(host.one.namespace, MGMT, 80, reached=False)
    deadline = time.monotonic() + 5
    while ONE.v4 in host.guide.host.run("ip", "route"):
        assert time.monotonic() < deadline, "the route stays"


async def test_one_whose_link_comes_up_again_is_reached_again(host: Host) -> None:
    host.put(host.one.resource(), policy("one", "app == 'app1'", ingress=ALLOW, egress=ALLOW))
    await host.expect(host.guide.network.mgmt, ONE, 80, reached=True)
    host.guide.host.set_link("cali1", up=False)
    host.guide.host.set_link("cali1", up=True)
    host.wait_until_routed(host.one)
    await host.expect(host.guide.network.mgmt, ONE, 80, reached=True)


async def test_the_guides_encoding_knows_workloads_too(host: Host) -> None:
    path = f"/calico/v1/host/{HOSTNAME}/workload/lxc/w1/endpoint/eth0"
    workload = {
        "state": "active",
        "name": "cali1",
        "mac": host.one.mac,
        "profile_ids": ["open"],
        "ipv4_nets": [f"{ONE.v4}/32"],
        "ipv6_nets": [f"{ONE.v6}/128"],
        "ipv6_gateway": GATEWAY6,
    }
    rules = {"inbound_rules": [{"action": "allow"}], "outbound_rules": [{"action": "allow"}]}
    host.guide.put("/calico/v1/policy/profile/open/rules", rules)
    host.guide.enforced(host.agent, lambda: host.guide.put(path, workload))
    host.wait_until_routed(host.one)
    await host.expect(host.guide.network.mgmt, ONE, 80, reached=True)
    await host.expect(host.one.namespace, MGMT, 80, reached=True)
    host.guide.enforced(host.agent, lambda: host.guide.put(path, {**workload, "state": "inactive"}))
    await host.expect(host.guide.network.mgmt, ONE, 80, reached=False)
    await host.expect(host.one.namespace, MGMT, 80, reached=False)


async def test_once_sets_up_routes_too(guide3: GuideHost) -> None:
    workload = Workload(guide3, 1, ONE)
    guide3.put(READY, "true")
    guide3.put(document_path(workload.resource()), workload.resource())
    agent = guide3.start_agent(arguments=("--once",))
    assert agent.wait() == (0, "")
    assert ONE.v4 in guide3.host.run("ip", "route")
