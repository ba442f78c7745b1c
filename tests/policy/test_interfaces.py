from __future__ import annotations

import pytest

from catflap.model.resources import HostEndpoint, Kind, ResourceKey
from catflap.policy.interfaces import Resolution, resolve_interfaces

ADDRESSES = {
    "lo": {"127.0.0.1", "::1"},
    "eth0": {"192.0.2.10", "2001:db8::10"},
    "eth1": {"198.51.100.10"},
    "cali1": {"169.254.1.1"},
}


def resolve(*endpoints: HostEndpoint) -> Resolution:
    keyed = {ResourceKey(Kind.HOST_ENDPOINT, e.name, scope=e.node): e for e in endpoints}
    return resolve_interfaces(keyed, ADDRESSES, ("cali",))


def winners(resolution: Resolution) -> dict[str, str]:
    return {interface: key.name for interface, key in resolution.winners.items()}


def named(name: str, interface: str) -> HostEndpoint:
    return HostEndpoint(name, "web1", interface)


def expecting(name: str, *ips: str) -> HostEndpoint:
    return HostEndpoint(name, "web1", None, ips)


def test_a_name_counts_whether_or_not_the_interface_exists() -> None:
    resolution = resolve(named("data", "eth7"))
    assert winners(resolution) == {"eth7": "data"}
    assert resolution.notices == ["Host endpoint data names the interface eth7, which does not exist (yet)"]
    assert resolve(named("data", "eth0")).notices == []


def test_a_name_is_exact() -> None:
    assert winners(resolve(named("vlan", "eth0.100"))) == {"eth0.100": "vlan"}


def test_with_a_name_expected_addresses_do_not_choose_the_interface() -> None:
    endpoint = HostEndpoint("data", "web1", "eth0", ("198.51.100.10",))
    assert winners(resolve(endpoint)) == {"eth0": "data"}


@pytest.mark.parametrize("ip", ["192.0.2.10", "2001:db8::10"])
def test_an_address_of_either_version_chooses_the_interface(ip: str) -> None:
    assert winners(resolve(expecting("data", ip))) == {"eth0": "data"}


def test_every_interface_that_carries_an_expected_address_is_policed() -> None:
    endpoint = expecting("data", "192.0.2.10", "198.51.100.10", "203.0.113.1")
    assert winners(resolve(endpoint)) == {"eth0": "data", "eth1": "data"}


def test_an_address_nobody_carries_is_pending() -> None:
    resolution = resolve(expecting("data", "203.0.113.1"))
    assert winners(resolution) == {}
    assert resolution.notices == []


def test_a_name_beats_an_address() -> None:
    resolution = resolve(expecting("a", "192.0.2.10"), named("b", "eth0"))
    assert winners(resolution) == {"eth0": "b"}
    assert resolution.notices == ["Interface eth0 matched with multiple entries in datamodel; using b, not a"]


@pytest.mark.parametrize(
    "make", [lambda name: named(name, "eth0"), lambda name: expecting(name, "192.0.2.10")]
)
def test_of_equal_claims_the_lowest_id_wins(make: object) -> None:
    assert callable(make)
    assert winners(resolve(make("ep9"), make("ep10"))) == {"eth0": "ep10"}


def test_workload_interfaces_are_never_policed_by_host_endpoints() -> None:
    resolution = resolve(named("a", "cali1"), expecting("b", "169.254.1.1"))
    assert winners(resolution) == {}
    assert len(resolution.notices) == 2
    assert "cali1" in resolution.notices[0]
    assert "InterfacePrefix" in resolution.notices[0]
