from __future__ import annotations

import pytest

from catflap.model.resources import Action, IcmpMatch, PortRange
from catflap.policy import HostPolicy
from catflap.policy.host_policy import IpSet, MatchPeer, MatchRule, PortSet, SocketAddress
from catflap.prove.draw import Draw
from catflap.prove.near import EVERY_ADDRESS, Near, conditions

POLICY = HostPolicy(
    ip_sets={"s": IpSet("s", "", frozenset({"10.0.0.10", "2001:db8::/64"}))},
    port_sets={"p": PortSet("p", "", frozenset({SocketAddress("10.0.0.1", 6, 8080)}))},
)
FEW = [address for address in EVERY_ADDRESS if address.startswith("10.0.0.")]


def rule(source: MatchPeer | None = None, **fields: object) -> MatchRule:
    return MatchRule(0, Action.ALLOW, source=source or MatchPeer(), **fields)  # type: ignore[arg-type]  # tests name the fields that matter


def drawn_addresses(peer: MatchPeer, missed: str = "") -> set[str]:
    near, draw = Near(POLICY, rule(peer), missed), Draw("x")
    return {near.address(draw, "source", FEW, EVERY_ADDRESS) for _ in range(200)}


def drawn_ports(peer: MatchPeer, missed: str = "") -> set[int]:
    near, draw = Near(POLICY, rule(peer, protocol=6), missed), Draw("x")
    return {near.port(draw, "source", other=True) for _ in range(200)}


def test_what_a_rule_asks_for_has_names() -> None:
    asked = rule(MatchPeer(nets=("::/0",), not_ports=(PortRange(1, 2),)), protocol=6, not_icmp=IcmpMatch(8))
    assert conditions(asked) == ["protocol", "not_icmp", "source.nets", "source.not_ports"]


@pytest.mark.parametrize(
    ("peer", "missed", "addresses"),
    [
        (MatchPeer(nets=("10.0.0.10/32",)), "", {"10.0.0.10"}),
        (MatchPeer(nets=("10.0.0.0/25",)), "source.nets", {"10.0.0.128"}),
        (MatchPeer(not_nets=("10.0.0.0/25",)), "", {"10.0.0.128"}),
        (MatchPeer(not_nets=("10.0.0.10/32",)), "source.not_nets", {"10.0.0.10"}),
        (MatchPeer(ip_sets=("s",)), "", {"10.0.0.10"}),
        (MatchPeer(nets=("10.0.0.0/24",), not_ip_sets=("s",)), "source.not_ip_sets", {"10.0.0.10"}),
        (MatchPeer(port_sets=("p",)), "", {"10.0.0.1"}),
        (MatchPeer(nets=("8.0.0.0/8",)), "", {"8.8.8.8"}),
    ],
)
def test_addresses_meet_every_condition_but_the_one_to_miss(
    peer: MatchPeer, missed: str, addresses: set[str]
) -> None:
    assert drawn_addresses(peer, missed) == addresses


def test_where_no_address_suits_any_will_do() -> None:
    assert drawn_addresses(MatchPeer(nets=("192.0.2.0/24",))) == set(FEW)


@pytest.mark.parametrize(
    ("peer", "missed", "ports"),
    [
        (MatchPeer(ports=(PortRange(80, 90),)), "", {80, 90}),
        (MatchPeer(ports=(PortRange(80, 90),)), "source.ports", {79, 91}),
        (MatchPeer(ports=(PortRange(0, 65535),)), "", {0, 65535}),
        (MatchPeer(ports=(PortRange(80, 90),), not_ports=(PortRange(90, 90),)), "", {80, 89}),
        (MatchPeer(not_ports=(PortRange(90, 90),)), "source.not_ports", {90}),
        (MatchPeer(port_sets=("p",)), "", {8080}),
        (MatchPeer(port_sets=("p",)), "source.port_sets", {8079, 8081}),
    ],
)
def test_ports_are_the_edges_that_meet_every_condition_but_the_one_to_miss(
    peer: MatchPeer, missed: str, ports: set[int]
) -> None:
    assert drawn_ports(peer, missed) == ports


def test_protocols_exist_in_the_ip_version() -> None:
    draw = Draw("x")
    anything = Near(POLICY, rule(), "")
    assert 58 not in {anything.protocol(draw, 4) for _ in range(200)}
    assert 1 not in {anything.protocol(draw, 6) for _ in range(200)}


@pytest.mark.parametrize(
    ("asked", "missed", "met"),
    [
        (rule(protocol=17), "", True),
        (rule(protocol=17), "protocol", False),
        (rule(not_protocol=17), "", False),
        (rule(not_protocol=17), "not_protocol", True),
    ],
)
def test_the_protocol_meets_the_rule_or_misses_it(asked: MatchRule, missed: str, met: bool) -> None:
    near, draw = Near(POLICY, asked, missed), Draw("x")
    assert {near.protocol(draw, 4) == 17 for _ in range(50)} == {met}


def test_icmp_types_and_codes_are_those_of_the_rule() -> None:
    near, draw = Near(POLICY, rule(protocol=1, icmp=IcmpMatch(77, 9)), ""), Draw("x")
    drawn = {near.icmp(draw, 1) for _ in range(100)}
    assert {icmp_type for icmp_type, _ in drawn} == {77}
    assert (77, 9) in drawn
    assert len(drawn) > 1
