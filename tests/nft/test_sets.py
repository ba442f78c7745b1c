from __future__ import annotations

import ipaddress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.nft.host_policies import ADDRESSES, ip_set_members, port_ranges

from catflap.model.resources import IpVersion, PortRange
from catflap.nft.ruleset import NftSet
from catflap.nft.sets import (
    SetTable,
    SplitSets,
    collapse,
    merge_ports,
    needed_sets,
    nets_of,
    split_ip_set,
    split_port_set,
)
from catflap.policy.host_policy import IpSet, PortSet, SocketAddress

_PORT_SET = PortSet(
    "p",
    "web",
    frozenset(
        {SocketAddress("10.0.0.1", 6, 80), SocketAddress("10.0.0.1", 17, 53), SocketAddress("fe80::1", 6, 80)}
    ),
)


def test_plain_addresses_and_networks_go_into_sets_of_their_own() -> None:
    members = frozenset({"10.0.0.1", "10.0.0.2/32", "172.16.0.0/12", "2001:db8::1"})
    families = split_ip_set(IpSet("s-a", 'role == "web"', members))
    about = "role == 'web'"
    assert families[4].addresses == NftSet(
        "addresses4-s-a", "ipv4_addr", (), frozenset({"10.0.0.1", "10.0.0.2"}), about
    )
    assert families[4].networks == NftSet(
        "networks4-s-a", "ipv4_addr", ("interval",), frozenset({"172.16.0.0/12"}), about
    )
    assert families[6].addresses.elements == {"2001:db8::1"}
    assert families[6].networks is None


@given(ip_set_members)
def test_the_sets_hold_the_members_and_nothing_else(members: frozenset[str]) -> None:
    families = split_ip_set(IpSet("s", "", members))
    for address in ADDRESSES:
        family = families[6 if ":" in address else 4]
        elements = [*family.addresses.elements, *(family.networks.elements if family.networks else ())]
        found = family.everything or any(_inside(address, item) for item in elements)
        assert found == any(_inside(address, item) for item in members)


def _inside(address: str, net: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(net)


@pytest.mark.parametrize(
    ("nets", "collapsed"),
    [
        ([], []),
        (["10.0.0.1/32"], ["10.0.0.1"]),
        (["10.0.0.0/9", "10.128.0.0/9"], ["10.0.0.0/8"]),
        (["10.0.0.0/8", "10.1.0.0/16"], ["10.0.0.0/8"]),
        (["::/1", "8000::/1"], ["::/0"]),
        (["2001:db8::/128", "2001:db8::1/128"], ["2001:db8::/127"]),
    ],
)
def test_collapse(nets: list[str], collapsed: list[str]) -> None:
    assert collapse(nets) == collapsed


@given(version=st.sampled_from([4, 6]), data=st.data())
def test_collapsing_covers_the_same_addresses_with_the_least_networks(
    version: IpVersion, data: st.DataObject
) -> None:
    """Networks that are near each other, at either end of the address space."""
    bits = {4: 32, 6: 128}[version]
    ends = st.integers(0, 15) | st.integers((1 << bits) - 16, (1 << bits) - 1)
    lengths = st.integers(0, 4) | st.integers(bits - 4, bits)
    pairs = data.draw(st.lists(st.tuples(ends, lengths), max_size=20))
    network = {4: ipaddress.IPv4Network, 6: ipaddress.IPv6Network}[version]
    nets = [network(pair, strict=False) for pair in pairs]
    expected = ipaddress.collapse_addresses(nets)  # type: ignore[type-var]  # they are of one version
    assert collapse(map(str, nets)) == [str(net).removesuffix(f"/{bits}") for net in expected]


@pytest.mark.parametrize(("version", "nets"), [(4, ["10.0.0.0/8"]), (6, ["fe80::/10"])])
def test_only_the_networks_of_one_ip_version(version: IpVersion, nets: list[str]) -> None:
    assert nets_of(("fe80::/10", "10.0.0.0/8"), version) == nets


@given(st.lists(port_ranges, max_size=5), st.integers(0, 65535))
def test_merged_ports_cover_the_same_ports_without_touching(ranges: list[PortRange], port: int) -> None:
    merged = merge_ports(ranges)
    assert any(item.first <= port <= item.last for item in merged) == any(
        item.first <= port <= item.last for item in ranges
    )
    assert all(before.last + 1 < after.first for before, after in pairwise(merged)), (
        "ranges that touch are one range"
    )


def test_a_set_has_the_flag_interval_only_where_it_needs_it() -> None:
    table = SetTable(SplitSets())
    table.ports([PortRange(80, 80), PortRange(443, 443)])
    table.ports([PortRange(80, 81), PortRange(443, 443)])
    table.nets(["10.0.0.1", "10.0.0.3"], 4)
    table.nets(["10.0.0.1", "10.0.1.0/24"], 4)
    assert [item.flags for item in table.needs.values.values()] == [(), ("interval",), (), ("interval",)]


def test_one_element_is_written_out() -> None:
    table = SetTable(SplitSets())
    assert table.nets(["10.0.0.0/8"], 4) == "10.0.0.0/8"
    assert table.ports([PortRange(80, 90)]) == "80-90"
    assert not table.needs.values


def test_needed_sets_are_those_of_the_rules_in_the_order_of_names() -> None:
    ip_set = IpSet("s", "", frozenset({"10.0.0.1", "10.1.0.0/16", "fe80::1"}))
    sets = SplitSets({"s": split_ip_set(ip_set)}, {"p": split_port_set(_PORT_SET)})
    table = SetTable(sets)
    table.ports([PortRange(1, 1), PortRange(3, 3)])
    assert table.ip_set("s", 4) == ["@addresses4-s", "@networks4-s"]
    assert table.port_set("p", 6) == "@ports6-p"
    names = list(needed_sets(table.needs, sets))
    assert names[:2] == ["addresses4-s", "networks4-s"]
    assert names[2].startswith("ports-")
    assert names[3:] == ["ports6-p"]


def test_the_members_of_a_port_set_are_looked_up_whole() -> None:
    families = split_port_set(_PORT_SET)
    types = ("ipv4_addr . inet_proto . inet_service", "ipv6_addr . inet_proto . inet_service")
    assert families == {
        4: NftSet("ports4-p", types[0], (), frozenset({"10.0.0.1 . 6 . 80", "10.0.0.1 . 17 . 53"}), "web"),
        6: NftSet("ports6-p", types[1], (), frozenset({"fe80::1 . 6 . 80"}), "web"),
    }


@pytest.mark.parametrize("members", [{"0.0.0.0/0"}, {"0.0.0.0/1", "128.0.0.0/1", "10.0.0.1"}])
def test_a_set_of_everything_is_known_as_such(members: set[str]) -> None:
    families = split_ip_set(IpSet("s", "", frozenset(members)))
    assert families[4].everything
    assert families[4].networks is None
    assert not families[6].everything
    table = SetTable(SplitSets({"s": families}))
    assert table.is_everything("s", 4)
    assert not table.is_everything("s", 6)
    assert table.asked == {"s"}


def test_a_set_has_the_same_name_whatever_its_members_are() -> None:
    """Rules and what is made of them stay; which of the kernel's sets holds the members is `place`'s matter."""
    first, second = (
        split_ip_set(IpSet("s", "", frozenset({net, "10.0.0.1"})))[4]
        for net in ("172.16.0.0/12", "172.16.0.0/13")
    )
    assert first.addresses == second.addresses
    assert first.networks
    assert second.networks
    assert first.networks.name == second.networks.name == "networks4-s"
