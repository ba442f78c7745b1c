"""What setting up a workload's interface does to a real one, and that a workload reaches the world through it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from catflap.host import WorkloadLink, WorkloadLinks
from catflap.host.rtnetlink import Rtnetlink
from catflap.lab.namespaces import Lab, Namespace
from catflap.lab.probes import Outcome, Probe, run_probes

MAC = "02:00:00:00:00:02"
GATEWAY4, GATEWAY6 = "169.254.1.1", "fe80::1234"
LINK = WorkloadLink(("10.65.0.2", "2001:db8:65::2"), MAC, GATEWAY6)


@pytest.fixture
def ends(lab: Lab) -> tuple[Namespace, Namespace]:
    """A host and a workload with its own idea of addresses and routes."""
    host, workload = lab.add("host", "workload")
    host.ip(f"link add cali1 type veth peer name eth0 netns {workload.name}", "link set cali1 up")
    workload.ip(f"link set eth0 address {MAC}", "link set eth0 up")
    workload.add_addresses("eth0", ("10.65.0.2/32", "2001:db8:65::2/128"))
    workload.ip(
        f"route add {GATEWAY4} dev eth0 scope link",
        f"route add default via {GATEWAY4} dev eth0",
        f"route add default via {GATEWAY6} dev eth0",
    )
    host.add_addresses("lo", ("192.0.2.1/32", "2001:db8::1/128"))
    host.sysctl({"net/ipv6/conf/all/forwarding": 1, "net/ipv4/ip_forward": 1})
    host.ip("route add default dev lo")  # proxy ARP answers for what the host has a route to
    return host, workload


def reconcile(host: Namespace, links: WorkloadLinks, wanted: WorkloadLink | None) -> list[str]:
    with host.entered():
        kernel = Rtnetlink()
        try:
            return links.reconcile({"cali1": wanted}, kernel.interfaces())
        finally:
            kernel.close()


def routes(host: Namespace) -> set[str]:
    shown: list[dict[str, Any]] = [
        *json.loads(host.run("ip", "-j", "route", "show", "dev", "cali1")),
        *json.loads(host.run("ip", "-j", "-6", "route", "show", "dev", "cali1")),
    ]
    return {route["dst"] for route in shown if not route["dst"].startswith("fe80")}


def proxies(host: Namespace) -> set[str]:
    shown = host.run("ip", "-6", "neigh", "show", "proxy", "dev", "cali1")
    return {line.split()[0] for line in shown.splitlines()}


def test_a_workload_reaches_the_host_and_is_reached(ends: tuple[Namespace, Namespace]) -> None:
    host, workload = ends
    assert reconcile(host, WorkloadLinks(), LINK) == []
    assert routes(host) == set(LINK.addresses)
    probes = [
        *(Probe(host, address, "icmp") for address in LINK.addresses),
        *(Probe(workload, address, "icmp") for address in ("192.0.2.1", "2001:db8::1")),
    ]
    assert set(asyncio.run(run_probes(probes, silence=2))) == {Outcome.ALLOWED}


def test_addresses_that_change_and_vanish_take_their_routes_and_arp_entries_along(
    ends: tuple[Namespace, Namespace],
) -> None:
    host, _ = ends
    links = WorkloadLinks()
    reconcile(host, links, LINK)
    assert reconcile(host, links, WorkloadLink(("10.65.0.3",), MAC)) == []
    assert routes(host) == {"10.65.0.3"}
    neighbours = host.run("ip", "-4", "neigh", "show", "dev", "cali1", "nud", "permanent")
    assert "10.65.0.3" in neighbours
    assert "10.65.0.2" not in neighbours
    reconcile(host, links, None)
    assert routes(host) == set()


def test_a_gateway_that_changes_is_no_longer_answered_for(ends: tuple[Namespace, Namespace]) -> None:
    host, _ = ends
    links = WorkloadLinks()
    reconcile(host, links, LINK)
    assert proxies(host) == {GATEWAY6}
    reconcile(host, links, WorkloadLink(LINK.addresses, MAC, "fe80::9"))
    assert proxies(host) == {"fe80::9"}
    reconcile(host, links, None)
    assert proxies(host) == set()


def test_a_route_to_a_network_is_somebody_elses(ends: tuple[Namespace, Namespace]) -> None:
    host, _ = ends
    host.ip("route add 10.66.0.0/16 dev cali1")
    reconcile(host, WorkloadLinks(), None)
    assert routes(host) == {"10.66.0.0/16"}


def test_an_interface_that_vanishes_meanwhile_is_named(ends: tuple[Namespace, Namespace]) -> None:
    host, _ = ends
    with host.entered():
        kernel = Rtnetlink()
        interfaces = kernel.interfaces()
        kernel.close()
        host.delete_interface("cali1")
        (problem,) = WorkloadLinks().reconcile({"cali1": LINK}, interfaces)
    assert "cali1 went away or down" in problem
