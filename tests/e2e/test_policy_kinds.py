"""Every kind of policy and of host endpoint, from documents in etcd to real packets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from catflap.lab.agent import AgentProcess
from catflap.lab.guide import HOSTNAME, document
from catflap.lab.namespaces import Namespace
from catflap.lab.probes import Outcome, Probe, run_probes
from catflap.lab.topology import HOST_MANAGEMENT, HOST_PUBLIC, MGMT, WEB, DualStack
from catflap.model import document_path

from .guide_host import GuideHost

ALLOW_ALL: Final = [{"action": "Allow"}]


def tcp(*ports: int | str, action: str = "Allow", **source: Any) -> dict[str, Any]:
    """A rule for TCP to ports, from somewhere."""
    return {"action": action, "protocol": "TCP", "source": source, "destination": {"ports": list(ports)}}


def policy(name: str, **fields: Any) -> dict[str, Any]:
    return document("GlobalNetworkPolicy", name, **fields)


class Host:
    """The host of the guide with an agent in sync, and short ways to write documents and to look at packets."""

    def __init__(self, guide: GuideHost, agent: AgentProcess) -> None:
        self.guide = guide
        self.agent = agent
        self.web, self.stranger, self.mgmt = guide.network.web, guide.network.stranger, guide.network.mgmt

    def put(self, *documents: dict[str, Any]) -> None:
        """Store documents and wait until the last one, which must make a difference, is enforced."""
        *first, last = documents
        for each in first:
            self.guide.put(document_path(each), each)
        self.guide.enforced(self.agent, lambda: self.guide.put(document_path(last), last))

    async def expect(self, source: Namespace, to: DualStack, transport: str = "tcp", **reached: bool) -> None:
        """Assert which ports (``p80=True``) are reached, over both IP versions."""
        for port, expected in reached.items():
            await self.guide.expect(source, to, transport, int(port[1:]), v4=expected, v6=expected)  # type: ignore[arg-type]  # one of the words


@pytest.fixture
async def host(guide3: GuideHost, agent3: AgentProcess) -> Host:
    for node in (guide3.network.mgmt, guide3.network.web):
        await guide3.listeners.listen(node, tcp=(80, 443))
    return Host(guide3, agent3)


def endpoint(name: str, interface: str | list[str], **fields: Any) -> dict[str, Any]:
    return document(
        "HostEndpoint", name, node=HOSTNAME, interfaceName=interface, labels={"side": name}, **fields
    )


async def test_forwarded_traffic_is_governed_by_policy_that_says_so_and_by_no_other(host: Host) -> None:
    host.guide.network.set_forwarding(enabled=True)
    host.put(endpoint("public", "eth1"))
    await host.expect(host.web, MGMT, p80=True, p443=True)
    await host.expect(host.web, HOST_PUBLIC, p80=False)
    forward = policy("router", types=["Ingress"], applyOnForward=True, ingress=[tcp(80)])
    host.put(forward)
    await host.expect(host.web, MGMT, p80=True, p443=False)
    await host.expect(host.web, HOST_PUBLIC, p80=True, p443=False)
    await host.expect(host.mgmt, WEB, p80=True, p443=True)


async def test_a_packet_that_is_forwarded_needs_both_interfaces(host: Host) -> None:
    host.guide.network.set_forwarding(enabled=True)
    host.put(
        endpoint("public", "eth1"),
        endpoint("private", "eth0"),
        policy("in", selector="side == 'public'", types=["Ingress"], applyOnForward=True, ingress=ALLOW_ALL),
        policy("out", selector="side == 'private'", types=["Egress"], applyOnForward=True, egress=[tcp(443)]),
    )
    await host.expect(host.web, MGMT, p80=False, p443=True)
    await host.expect(host.mgmt, WEB, p80=True)


async def test_policy_before_translation_sees_the_original_destination(host: Host) -> None:
    host.guide.network.set_forwarding(enabled=True)
    host.guide.host.run(
        *("nft", "-f", "-"),
        stdin="table inet translation { chain prerouting { type nat hook prerouting priority dstnat;\n"
        f'iifname "eth1" tcp dport 8080 dnat ip to {MGMT.v4}:80\n'
        f'iifname "eth1" tcp dport 8080 dnat ip6 to [{MGMT.v6}]:80\n}}\n}}\n',
    )
    host.put(
        endpoint("public", "eth1"),
        policy(
            "door",
            preDNAT=True,
            applyOnForward=True,
            types=["Ingress"],
            ingress=[
                tcp(8080, nets=[f"{WEB.v4}/32", f"{WEB.v6}/128"]),
                tcp(8080, 443, action="Deny"),
            ],
        ),
    )
    await host.expect(host.web, HOST_PUBLIC, p8080=True, p443=False)
    await host.expect(host.stranger, HOST_PUBLIC, p8080=False)
    await host.expect(host.stranger, MGMT, p80=True, p443=False)


async def test_a_packet_of_the_hosts_own_is_judged_by_the_route_that_it_had_before_translation(
    host: Host,
) -> None:
    host.guide.host.run(
        *("nft", "-f", "-"),
        stdin="table ip translation { chain output { type nat hook output priority -100;\n"
        f"ip daddr {MGMT.v4} tcp dport 8080 dnat to {WEB.v4}:80\n}}\n}}\n",
    )
    host.put(endpoint("public", "eth1"))
    assert await host.guide.passes(host.guide.host, MGMT.v4, "tcp", 8080, expected=True)
    assert not await host.guide.passes(host.guide.host, WEB.v4, "tcp", 80, expected=False)
    host.put(
        endpoint("private", "eth0"),
        policy("out", selector="side == 'private'", types=["Egress"], egress=[tcp(443)]),
    )
    assert not await host.guide.passes(host.guide.host, MGMT.v4, "tcp", 8080, expected=False)


async def test_what_was_allowed_before_translation_is_not_asked_again_on_its_way_in(host: Host) -> None:
    host.put(
        endpoint("public", "eth1"),
        policy("early", preDNAT=True, applyOnForward=True, types=["Ingress"], ingress=[tcp(80)]),
        policy("late", types=["Ingress"], ingress=[tcp(443)]),
    )
    await host.expect(host.web, HOST_PUBLIC, p80=True, p443=True, p23=False)


async def test_untracked_policy_needs_both_directions_and_failsafes_stay_open(host: Host) -> None:
    one_way: dict[str, Any] = {
        "doNotTrack": True,
        "applyOnForward": True,
        "order": 1,
        "ingress": [tcp(80), {"action": "Deny"}],
    }
    host.put(endpoint("public", "eth1"), policy("fast", types=["Ingress"], **one_way))
    await host.expect(host.web, HOST_PUBLIC, p80=False, p443=False, p22=True)
    replies = {"action": "Allow", "protocol": "TCP", "source": {"ports": [80]}}
    both = policy("fast", types=["Ingress", "Egress"], **one_way, egress=[replies, {"action": "Deny"}])
    host.put(both)
    await host.expect(host.web, HOST_PUBLIC, p80=True, p443=False, p22=True)


async def test_reject_answers_at_once(host: Host) -> None:
    host.put(
        endpoint("public", "eth1"),
        policy("no", types=["Ingress"], ingress=[{"action": "Reject"}]),
    )
    probes = [Probe(host.web, address, "tcp", port) for address in HOST_PUBLIC for port in (80, 443)]
    udp = [Probe(host.web, address, "udp", 80) for address in HOST_PUBLIC]
    assert set(await run_probes(probes, silence=2)) == {Outcome.REFUSED}
    assert set(await run_probes(udp, silence=2)) == {Outcome.UNREACHABLE}


def template(**fields: Any) -> dict[str, Any]:
    return document("HostEndpoint", "everywhere", labels={"side": "any"}, **fields)


async def test_one_object_covers_the_interfaces_of_all_hosts_of_a_kind(host: Host) -> None:
    node = document("Node", HOSTNAME, labels={"rack": "r1"})
    host.guide.put(document_path(node), node)
    host.put(template(nodeSelector="rack == 'r1'", interfaceName=["eth*", "wlan0"]))
    await host.expect(host.web, HOST_PUBLIC, p80=False, p22=True)
    await host.expect(host.mgmt, HOST_MANAGEMENT, p80=False, p22=True)
    host.put(policy("web", selector="side == 'any'", types=["Ingress"], ingress=[tcp(80)]))
    await host.expect(host.web, HOST_PUBLIC, p80=True, p443=False)
    moved = document("Node", HOSTNAME, labels={"rack": "r2"})
    host.put(moved)
    await host.expect(host.web, HOST_PUBLIC, p443=True)


async def test_a_name_beats_a_pattern_and_a_pattern_beats_the_rest(host: Host) -> None:
    host.put(
        policy("any", selector="side == 'any'", types=["Ingress"], ingress=[tcp(80)]),
        policy("public", selector="side == 'public'", types=["Ingress"], ingress=[tcp(443)]),
        endpoint("any", "*"),
    )
    await host.expect(host.web, HOST_PUBLIC, p80=True, p443=False)
    host.put(endpoint("public", "eth1"))
    await host.expect(host.web, HOST_PUBLIC, p80=False, p443=True)
    await host.expect(host.mgmt, HOST_MANAGEMENT, p80=True, p443=False)
    host.put(endpoint("pattern", "e*"))
    await host.expect(host.mgmt, HOST_MANAGEMENT, p80=False, p443=False)


async def test_named_ports_are_those_of_the_endpoint(host: Host) -> None:
    ports = [{"name": "web", "protocol": "TCP", "port": 443}]
    host.put(
        endpoint("public", "eth1", expectedIPs=list(HOST_PUBLIC), ports=ports),
        policy("named", types=["Ingress"], ingress=[tcp("web", 80)]),
    )
    await host.expect(host.web, HOST_PUBLIC, p80=True, p443=True, p23=False)


async def test_network_sets_may_overlap_and_cover_everything(host: Host) -> None:
    def partners(*nets: str) -> dict[str, Any]:
        return document("GlobalNetworkSet", "partners", labels={"set": "partners"}, nets=list(nets))

    web = f"{WEB.v4}/32", f"{WEB.v6}/128"
    host.put(
        endpoint("public", "eth1"),
        policy("partners", types=["Ingress"], ingress=[tcp(80, selector="set == 'partners'")]),
    )
    host.put(partners(*web, "198.51.100.0/28", "198.51.100.8/29"))
    await host.expect(host.web, HOST_PUBLIC, p80=True)
    await host.expect(host.stranger, HOST_PUBLIC, p80=False)
    host.put(partners(*web, "0.0.0.0/0", "::/0"))
    await host.expect(host.stranger, HOST_PUBLIC, p80=True)
    host.put(partners("192.0.2.0/24"))
    await host.expect(host.web, HOST_PUBLIC, p80=False)


async def test_interfaces_without_endpoint_can_be_policed_by_configuration(guide3: GuideHost) -> None:
    guide3.put("/calico/v1/Ready", "true")
    agent = guide3.start_agent(guide3.environment(AutoHostEndpoints="true", NodeLabels="rack=r1"))
    agent.wait_for("Enforcing on")
    host = Host(guide3, agent)
    await host.expect(host.web, HOST_PUBLIC, p80=True)
    host.put(policy("rack", selector="rack == 'r1'", types=["Ingress"], ingress=[tcp(443)]))
    await host.expect(host.web, HOST_PUBLIC, p80=False, p443=True, p22=True)


@pytest.mark.parametrize("restart", [lambda agent: agent.kill(), lambda agent: agent.stop()])
async def test_everything_stays_in_force_without_an_agent(
    host: Host, restart: Callable[[AgentProcess], None]
) -> None:
    host.guide.network.set_forwarding(enabled=True)
    host.put(
        endpoint("any", "*"),
        policy("router", types=["Ingress"], applyOnForward=True, ingress=[tcp(80)]),
        policy("early", preDNAT=True, applyOnForward=True, types=["Ingress"], ingress=[tcp(443)]),
    )
    restart(host.agent)
    await host.expect(host.web, HOST_PUBLIC, p80=True, p443=True, p23=False)
    await host.expect(host.web, MGMT, p80=True, p443=True, p23=False)
