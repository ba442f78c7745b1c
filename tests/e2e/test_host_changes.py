"""Interfaces and addresses that come, go and change while the agent runs: policing follows, with real packets."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Final

import pytest

from catflap.lab.agent import AgentProcess
from catflap.lab.namespaces import Namespace
from catflap.lab.probes import Expectation, Probe, measure
from catflap.lab.stream import Stream
from catflap.lab.topology import HOST_MANAGEMENT, HOST_PUBLIC, DualStack

from .guide_host import HEP, POLICY, GuideHost

PORT: Final = 5001
ARRIVING: Final = DualStack("203.0.113.1", "2001:db8:3::1")
SENDER: Final = DualStack("203.0.113.10", "2001:db8:3::10")
MACS: Final = ("02:00:00:00:00:01", "02:00:00:00:00:02")  # host, sender


class Newcomer:
    """An interface that is about to arrive on the host, and somebody behind it who sends already.

    Its address is on the host beforehand, and neighbours are known: nothing but policy holds up the first packet.
    """

    def __init__(self, guide: GuideHost, name: str) -> None:
        self.host = guide.host
        self.name = name
        self.sender, self.shelf = guide.lab.add("sender", "shelf")
        self.host.add_addresses("lo", (f"{ARRIVING.v4}/32", f"{ARRIVING.v6}/128"))
        self.sender.ip(
            f"link add eth0 address {MACS[1]} type veth peer name {name} address {MACS[0]} netns {self.shelf.name}",
            "link set eth0 up",
        )
        self.sender.add_addresses("eth0", SENDER.with_prefix)
        self.sender.ip(*(f"neighbour add {address} lladdr {MACS[0]} dev eth0" for address in ARRIVING))

    def stream(self, address: str) -> Stream:
        return Stream(self.sender, self.host, address, PORT, rate=5000)

    def arrive(self) -> None:
        """Appear on the host and go up."""
        self.shelf.ip(f"link set {self.name} netns {self.host.name}")
        self.host.set_link(self.name, up=True)

    def received(self) -> int:
        """The packets that came in through the interface, whatever became of them."""
        path = f"/sys/class/net/{self.name}/statistics/rx_packets"
        return int(self.host.run("cat", path))  # ip netns exec mounts the namespace's own /sys


def wait_until_received(newcomer: Newcomer, packets: int) -> None:
    deadline = time.monotonic() + 5
    while newcomer.received() < packets:
        assert time.monotonic() < deadline, "the packets do not come in"


@pytest.mark.parametrize("address", ARRIVING)
async def test_an_interface_that_appears_is_policed_from_its_first_packet_on(
    guide3: GuideHost, agent3: AgentProcess, address: str
) -> None:
    guide3.enforced(agent3, lambda: guide3.put(f"{HEP}/new", {"name": "eth2"}))
    newcomer = Newcomer(guide3, "eth2")
    with newcomer.stream(address) as stream:
        newcomer.arrive()
        wait_until_received(newcomer, 1000)
    assert stream.result.received == 0


@pytest.mark.parametrize("address", ARRIVING)
async def test_an_interface_without_endpoint_that_appears_is_left_alone(
    guide3: GuideHost, agent3: AgentProcess, address: str
) -> None:
    guide3.enforced(agent3, lambda: guide3.put(f"{HEP}/new", {"name": "eth3"}))
    before = guide3.rule_set()
    newcomer = Newcomer(guide3, "eth2")
    with newcomer.stream(address) as stream:
        newcomer.arrive()
        stream.wait_for(500)
    assert stream.result.missing[-1] < stream.result.sent - 500  # those at the end have all arrived
    assert guide3.rule_set() == before


async def both(guide: GuideHost, *, management: bool, public: bool) -> None:
    """Assert which side of the host can be reached on a port that only policy opens."""
    sides = (
        (guide.network.mgmt, HOST_MANAGEMENT, management),
        (guide.network.web, HOST_PUBLIC, public),
    )
    expectations = [
        Expectation(Probe(source, address, "tcp", 80), allowed)
        for source, to, allowed in sides
        for address in to
    ]
    measured = await measure(expectations, silence=0.2)
    assert [each for each in measured if not each.as_expected] == []


async def test_an_interface_is_policed_under_its_name_only(guide3: GuideHost, agent3: AgentProcess) -> None:
    guide3.enforced(agent3, lambda: guide3.put(f"{HEP}/public", {"name": "eth1"}))
    await both(guide3, management=True, public=False)
    guide3.host.rename_interface("eth1", "lan0")
    await both(guide3, management=True, public=True)
    guide3.host.rename_interface("lan0", "eth1")
    await both(guide3, management=True, public=False)


async def test_a_link_that_goes_down_and_up_stays_policed(guide3: GuideHost, agent3: AgentProcess) -> None:
    guide3.enforced(agent3, lambda: guide3.put(f"{HEP}/public", {"name": "eth1"}))
    before = guide3.rule_set()
    guide3.host.set_link("eth1", up=False)
    guide3.host.set_link("eth1", up=True)
    guide3.host.add_addresses(
        "eth1", HOST_PUBLIC.with_prefix[1:]
    )  # the kernel drops IPv6 addresses with the link
    await both(guide3, management=True, public=False)
    assert guide3.rule_set() == before


async def test_an_endpoint_known_by_its_ipv4_address_is_policed_for_both_versions(
    guide3: GuideHost, agent3: AgentProcess
) -> None:
    endpoint = {"expected_ipv4_addrs": [HOST_PUBLIC.v4]}
    guide3.enforced(agent3, lambda: guide3.put(f"{HEP}/public", endpoint))
    await both(guide3, management=True, public=False)


def policed(host: Namespace) -> str:
    """The map from interfaces to chains as the kernel has it."""
    return host.run("nft", "list", "map", "inet", "catflap", "ingress_interfaces")


def seconds_until_policed(host: Namespace, interface: str, since: float) -> float:
    while f'"{interface}"' not in policed(host):
        assert time.monotonic() - since < 5, f"{interface} is not policed:\n{policed(host)}"
    return time.monotonic() - since


async def test_an_address_that_moves_takes_policing_with_it(guide3: GuideHost, agent3: AgentProcess) -> None:
    moving = "198.51.100.99/24"
    guide3.host.add_addresses("eth1", [moving])
    # Without any other endpoint there would be no map to look at.
    guide3.enforced(agent3, lambda: guide3.put(f"{HEP}/other", {"name": "eth9"}))
    endpoint = {"expected_ipv4_addrs": [moving.partition("/")[0]]}
    guide3.enforced(agent3, lambda: guide3.put(f"{HEP}/moving", endpoint))
    await both(guide3, management=True, public=False)
    times = []
    for old, new in (("eth1", "eth0"), ("eth0", "eth1")) * 4:
        started = time.monotonic()
        guide3.host.move_address(moving, old, new)
        times.append(seconds_until_policed(guide3.host, new, started))
        assert f'"{old}"' not in policed(guide3.host)
    shown = f"{statistics.median(times) * 1000:.0f} ms, at most {max(times) * 1000:.0f} ms"
    print(f"policing follows an address in {shown}")  # noqa: T201  # pytest -rP shows it
    assert statistics.median(times) < 0.1
    guide3.host.move_address(moving, "eth1", "eth0")
    seconds_until_policed(guide3.host, "eth0", time.monotonic())
    await both(guide3, management=False, public=True)


async def test_an_address_that_appears_later_brings_policing_and_takes_it_away(
    guide3: GuideHost, agent3: AgentProcess
) -> None:
    endpoint = {"expected_ipv6_addrs": ["2001:db8:2::99"]}
    guide3.put(f"{HEP}/later", endpoint)
    guide3.enforced(agent3, lambda: guide3.host.add_addresses("eth1", ["2001:db8:2::99/64"]))
    await both(guide3, management=True, public=False)
    guide3.enforced(agent3, lambda: guide3.host.ip("address delete 2001:db8:2::99/64 dev eth1"))
    await both(guide3, management=True, public=True)
    assert guide3.polices_nothing()


@pytest.mark.parametrize("winner_goes", [True, False])
async def test_of_two_endpoints_on_one_interface_either_may_go_and_it_stays_policed(
    guide3: GuideHost, agent3: AgentProcess, winner_goes: bool
) -> None:
    by_name, by_address = f"{HEP}/z-by-name", f"{HEP}/a-by-address"
    guide3.put(by_address, {"expected_ipv4_addrs": [HOST_PUBLIC.v4], "labels": {"web": "no"}})
    guide3.put(f"{POLICY}/web", {"selector": "web == 'yes'", "inbound_rules": [{"action": "allow"}]})
    guide3.enforced(agent3, lambda: guide3.put(by_name, {"name": "eth1", "labels": {"web": "yes"}}))
    agent3.wait_for(
        r"\[WARNING\].*Interface eth1 matched with multiple entries.*using .*/z-by-name, not .*/a-by-address"
    )
    await both(guide3, management=True, public=True)
    with Stream(guide3.network.web, guide3.host, HOST_PUBLIC.v4, PORT, rate=2000) as stream:
        stream.wait_for(100)
        if winner_goes:
            guide3.enforced(agent3, lambda: guide3.delete(by_name))
        else:
            guide3.delete(by_address)
            await asyncio.sleep(0.3)
    assert (stream.result.missing != ()) is winner_goes
    await both(guide3, management=True, public=not winner_goes)
    guide3.enforced(agent3, lambda: guide3.delete(by_address if winner_goes else by_name))
    await both(guide3, management=True, public=True)


async def test_an_interface_may_have_a_dot_in_its_name_as_vlans_do(
    guide3: GuideHost, agent3: AgentProcess
) -> None:
    (neighbour,) = guide3.lab.add("vlan")
    neighbour.ip(
        f"link add eth0 type veth peer name eth0.100 netns {guide3.host.name}",
        "link set eth0 up",
    )
    guide3.host.set_link("eth0.100", up=True)
    guide3.host.add_addresses("eth0.100", ARRIVING.with_prefix)
    neighbour.add_addresses("eth0", SENDER.with_prefix)
    await guide3.expect(neighbour, ARRIVING, "tcp", 80, v4=True, v6=True)
    guide3.enforced(agent3, lambda: guide3.put(f"{HEP}/vlan", {"name": "eth0.100"}))
    await asyncio.gather(
        guide3.expect(neighbour, ARRIVING, "tcp", 80, v4=False, v6=False),
        guide3.expect(neighbour, ARRIVING, "tcp", 22, v4=True, v6=True),
        both(guide3, management=True, public=True),
    )
    guide3.enforced(agent3, lambda: guide3.put(f"{HEP}/vlan", {"name": "eth0"}))
    await asyncio.gather(
        guide3.expect(neighbour, ARRIVING, "tcp", 80, v4=True, v6=True),
        both(guide3, management=False, public=True),
    )
