from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catflap.model.resources import HostEndpoint, ResourceKey
from catflap.policy.interfaces import ClaimKind, Interfaces

from .conftest import endpoint_key

ADDRESSES = {
    "lo": {"127.0.0.1", "::1"},
    "eth0": {"192.0.2.10", "2001:db8::10"},
    "eth1": {"198.51.100.10"},
    "cali1": {"169.254.1.1"},
}


def resolve(*endpoints: HostEndpoint) -> Interfaces:
    return Interfaces({endpoint_key(item.name): item for item in endpoints}, ADDRESSES, ("cali",))


def entries(interfaces: Interfaces) -> list[tuple[str, str]]:
    return [(text, key.name) for text, key in interfaces.entries()]


def naming(name: str, *interfaces: str) -> HostEndpoint:
    return HostEndpoint(name, "web1", interfaces)


def expecting(name: str, *ips: str) -> HostEndpoint:
    return HostEndpoint(name, "web1", (), ips)


def test_a_name_counts_whether_or_not_the_interface_exists() -> None:
    resolved = resolve(naming("data", "eth7"))
    assert entries(resolved) == [("eth7", "data")]
    assert resolved.notices() == ("Host endpoint data names the interface eth7, which does not exist (yet)",)
    assert resolve(naming("data", "eth0")).notices() == ()


def test_a_name_is_exact() -> None:
    assert entries(resolve(naming("vlan", "eth0.100"))) == [("eth0.100", "vlan")]


def test_with_a_name_expected_addresses_do_not_choose_the_interface() -> None:
    endpoint = HostEndpoint("data", "web1", ("eth0",), ("198.51.100.10",))
    assert entries(resolve(endpoint)) == [("eth0", "data")]


@pytest.mark.parametrize("ip", ["192.0.2.10", "2001:db8::10"])
def test_an_address_of_either_version_chooses_the_interface(ip: str) -> None:
    assert entries(resolve(expecting("data", ip))) == [("eth0", "data")]


def test_every_interface_that_carries_an_expected_address_is_policed() -> None:
    endpoint = expecting("data", "192.0.2.10", "198.51.100.10", "203.0.113.1")
    assert entries(resolve(endpoint)) == [("eth0", "data"), ("eth1", "data")]


def conflict(interface: str, winner: str, *losers: str) -> str:
    names = ", ".join(f"host endpoint web1/{name}" for name in losers)
    return (
        f"Interface {interface} matched with multiple entries in datamodel;"
        f" using host endpoint web1/{winner}, not {names}"
    )


def test_an_address_nobody_carries_is_pending() -> None:
    resolved = resolve(expecting("data", "203.0.113.1"))
    assert entries(resolved) == []
    assert resolved.notices() == ()


def test_names_come_first_then_patterns_by_endpoint_name_then_all_interfaces() -> None:
    resolved = resolve(
        naming("c", "*", "eth*"),
        naming("b", "en*", "wlan0"),
        naming("a", "e*"),
        expecting("d", "192.0.2.10"),
    )
    assert entries(resolved) == [("wlan0", "b"), ("e*", "a"), ("en*", "b"), ("eth*", "c"), ("*", "c")]


def test_each_pattern_stands_once() -> None:
    resolved = resolve(naming("b", "eth*"), naming("a", "eth*", "eth*"))
    assert entries(resolved) == [("eth*", "a")]
    assert resolved.notices() == (conflict("eth*", "a", "b"),)


def test_an_address_decides_only_where_no_name_or_pattern_does() -> None:
    addresses = expecting("a", "192.0.2.10", "198.51.100.10")
    resolved = resolve(addresses, naming("b", "eth0"))
    assert entries(resolved) == [("eth0", "b"), ("eth1", "a")]
    assert resolved.notices() == (conflict("eth0", "b", "a"),)
    assert entries(resolve(addresses, naming("b", "eth*"))) == [("eth*", "b")]
    assert entries(resolve(addresses, naming("b", "*"))) == [("eth0", "a"), ("eth1", "a"), ("*", "b")]


@pytest.mark.parametrize(
    ("texts", "ips"), [(("eth0",), ()), (("eth*",), ()), (("*",), ()), ((), ("192.0.2.10",))]
)
def test_of_equal_claims_the_lowest_id_wins_and_the_loser_is_reported(
    texts: tuple[str, ...], ips: tuple[str, ...]
) -> None:
    resolved = resolve(*(HostEndpoint(name, "web1", texts, ips) for name in ("ep9", "ep10")))
    interface = texts[0] if texts else "eth0"
    assert entries(resolved) == [(interface, "ep10")]
    assert resolved.notices() == (conflict(interface, "ep10", "ep9"),)


def test_all_losers_are_named_in_order_except_those_for_all_interfaces() -> None:
    resolved = resolve(
        naming("z", "eth0"), naming("d", "eth*"), expecting("b", "192.0.2.10"), naming("a", "*")
    )
    assert resolved.notices() == (conflict("eth0", "z", "d", "b"),)


def test_the_lowest_key_decides_between_equal_names() -> None:
    keys = [endpoint_key("a", host) for host in ("y", "x")]
    resolved = Interfaces({key: naming("a", "eth0") for key in keys}, ADDRESSES, ())
    assert resolved.entries() == (("eth0", endpoint_key("a", "x")),)


def test_workload_interfaces_are_never_policed_by_host_endpoints() -> None:
    resolved = resolve(naming("a", "cali1"), expecting("b", "169.254.1.1"), naming("c", "cali1*", "cal*"))
    assert entries(resolved) == [("cal*", "c")]
    assert [notice.split(" and")[0] for notice in resolved.notices()] == [
        "Host endpoint a matches the workload interface cali1",
        "Host endpoint c matches the workload interface cali1*",
        "Host endpoint b matches the workload interface cali1",
    ]
    assert resolved.candidates("cali1").winner is None


def test_only_its_exact_name_covers_the_loopback_interface() -> None:
    resolved = resolve(naming("a", "lo*"), naming("b", "*"), expecting("c", "127.0.0.1", "::1"))
    assert entries(resolved) == [("lo*", "a"), ("*", "b")]
    assert resolved.candidates("lo").winner is None
    (notice,) = resolved.notices()
    assert notice.startswith("Host endpoint c expects an address of the loopback interface")
    assert entries(resolve(naming("a", "lo"))) == [("lo", "a")]


def test_without_prefixes_there_are_no_workload_interfaces() -> None:
    resolved = Interfaces({endpoint_key("a"): naming("a", "cali1")}, ADDRESSES, ())
    assert entries(resolved) == [("cali1", "a")]


def test_candidates_say_by_what_they_claim_the_interface() -> None:
    resolved = resolve(
        naming("a", "*"),
        expecting("b", "192.0.2.10", "2001:db8::10"),
        naming("c", "eth*", "e*"),
        naming("d", "eth0"),
    )
    found = resolved.candidates("eth0")
    assert found.winner is not None
    assert [str(claim) for claim in (found.winner, *found.losers)] == [
        "host endpoint d, which names eth0",
        "host endpoint c, which has the pattern e*",
        "host endpoint b, which expects 192.0.2.10 there",
        "host endpoint a, which has *, for interfaces that nothing else polices",
    ]


TEXTS = st.lists(st.sampled_from(["eth0", "eth1", "e*", "eth*", "eth0*", "*", "lo", "cali1"]), max_size=3)
IPS = st.lists(st.sampled_from(["192.0.2.10", "198.51.100.10", "127.0.0.1", "169.254.1.1"]), max_size=2)
ENDPOINTS = st.dictionaries(st.sampled_from("abcd"), st.tuples(TEXTS.map(tuple), IPS.map(tuple)), max_size=4)


def covered_by(entries: tuple[tuple[str, ResourceKey], ...], interface: str) -> ResourceKey | None:
    """Who polices an interface, as the meaning of a host policy's list says."""
    for text, key in entries:
        if text == interface:
            return key
    if interface == "lo" or interface.startswith("cali"):
        return None
    return next((key for text, key in entries if text[-1] == "*" and interface.startswith(text[:-1])), None)


@given(endpoints=ENDPOINTS)
def test_the_entries_and_the_candidates_say_the_same(
    endpoints: dict[str, tuple[tuple[str, ...], tuple[str, ...]]],
) -> None:
    resolved = resolve(*(HostEndpoint(name, "web1", *claims) for name, claims in endpoints.items()))
    listed = resolved.entries()
    texts = [text for text, _ in listed]
    assert len(set(texts)) == len(texts)
    assert "*" not in texts[:-1]
    for interface in (*ADDRESSES, "eth7", "wlan0"):
        winner = resolved.candidates(interface).winner
        assert covered_by(listed, interface) == (winner and winner.endpoint)


@given(endpoints=ENDPOINTS)
def test_when_the_winner_goes_the_next_in_line_takes_over(
    endpoints: dict[str, tuple[tuple[str, ...], tuple[str, ...]]],
) -> None:
    all_of_them = {name: HostEndpoint(name, "web1", *claims) for name, claims in endpoints.items()}
    found = resolve(*all_of_them.values()).candidates("eth0")
    if found.winner is not None:
        del all_of_them[found.winner.name]
        after = resolve(*all_of_them.values()).candidates("eth0")
        assert after.winner == (found.losers[0] if found.losers else None)
        assert found.winner.kind in ClaimKind


def test_an_interface_that_is_called_like_a_pattern_polices_nothing_and_is_named() -> None:
    endpoints = {endpoint_key("a"): expecting("a", "192.0.2.1")}
    interfaces = Interfaces(endpoints, {"eth*": {"192.0.2.1"}, "eth0": set()}, ("cali",))
    assert interfaces.entries() == ()
    assert interfaces.notices() == (
        "Interface 'eth*' IS NOT POLICED: its name would be read as a pattern: rename it",
    )


def test_a_port_of_a_bridge_or_bond_is_named() -> None:
    endpoints = {endpoint_key("a"): naming("a", "eth0", "br0")}
    interfaces = Interfaces(endpoints, {"eth0": set(), "br0": set()}, (), {"eth0": "br0", "eth1": "br0"})
    assert interfaces.notices() == (
        "Host endpoint a names eth0, which is a port of br0: IP sees its packets at br0, so name that",
    )
