from __future__ import annotations

import ipaddress
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catflap.check.lints.containment import merge_ports, net_within, ports_within, rule_contains, version_of
from catflap.model import parse_selector
from catflap.model.resources import ICMP, TCP, UDP, Action, IcmpMatch, Peer, PortRange, Rule, ip_version_of

WEB = parse_selector('role == "web"')
ANY = Rule(Action.ALLOW)


def rule(source: Peer = Peer(), **fields: object) -> Rule:  # noqa: B008 - it is immutable
    return Rule(Action.ALLOW, source=source, **fields)  # type: ignore[arg-type]  # fields of a rule, by name


def ports(*ranges: tuple[int, int]) -> tuple[PortRange, ...]:
    return tuple(PortRange(first, last) for first, last in ranges)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (ANY, ANY),
        (ANY, rule(Peer(nets=("10.0.0.0/8",), selector=WEB), protocol=TCP)),
        (rule(protocol=TCP), rule(Peer(ports=ports((80, 80))), protocol=TCP)),
        (rule(not_protocol=TCP), rule(protocol=UDP)),
        (rule(ip_version=4), rule(Peer(nets=("10.0.0.0/8",)))),
        (rule(Peer(nets=("10.0.0.0/8",))), rule(Peer(nets=("10.1.0.0/16", "10.2.0.0/16")))),
        (rule(Peer(not_nets=("10.1.0.0/16",))), rule(Peer(not_nets=("10.0.0.0/8",)))),
        (rule(Peer(selector=WEB)), rule(Peer(selector=WEB, nets=("::/0",)))),
        (rule(Peer(ports=ports((1, 80), (81, 90)))), rule(Peer(ports=ports((70, 85))))),
        (rule(Peer(not_ports=ports((80, 80)))), rule(Peer(not_ports=ports((1, 100))))),
        (rule(protocol=ICMP, icmp=IcmpMatch(8)), rule(protocol=ICMP, icmp=IcmpMatch(8, 0))),
        (rule(Peer(named_ports=("web",))), rule(Peer(named_ports=("web",)))),
    ],
)
def test_the_narrow_rule_is_within_the_wide_one(wide: Rule, narrow: Rule) -> None:
    assert rule_contains(wide, narrow)
    assert wide == narrow or not rule_contains(narrow, wide)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (rule(protocol=TCP), rule(protocol=UDP)),
        (rule(Peer(nets=("0.0.0.0/0",))), ANY),  # IPv6 is not in it
        (rule(Peer(selector=WEB)), rule(Peer(selector=parse_selector("has(a)")))),
        (rule(Peer(nets=("10.0.0.0/8",))), rule(Peer(selector=WEB))),
        (rule(Peer(named_ports=("web",))), rule(Peer(named_ports=("web",), selector=WEB))),
        (rule(Peer(not_named_ports=("web",))), ANY),
        (rule(Peer(ports=ports((1, 80)))), rule(Peer(named_ports=("web",)))),
        (rule(protocol=ICMP, not_icmp=IcmpMatch(8)), rule(protocol=ICMP)),
    ],
)
def test_what_is_not_certain_is_no(wide: Rule, narrow: Rule) -> None:
    assert not rule_contains(wide, narrow)


def test_the_only_version_of_a_rule() -> None:
    assert version_of(ANY) is None
    assert version_of(rule(ip_version=6)) == 6
    assert version_of(rule(Peer(nets=("10.0.0.0/8",)))) == 4
    assert version_of(rule(Peer(nets=("10.0.0.0/8", "::/0")))) is None


def test_networks_within_networks() -> None:
    assert net_within("10.1.0.0/16", ["::/0", "10.0.0.0/8"])
    assert not net_within("10.0.0.0/8", ["10.0.0.0/9", "10.128.0.0/9"])  # together, but no one alone


def test_ports_are_taken_together() -> None:
    assert merge_ports(ports((5, 9), (1, 4), (20, 30), (22, 25))) == list(ports((1, 9), (20, 30)))
    assert ports_within(ports((2, 8)), ports((5, 9), (1, 4)))
    assert not ports_within(ports((2, 10)), ports((5, 9), (1, 4)))


ADDRESSES = ["10.0.0.1", "10.1.0.1", "192.0.2.1", "2001:db8::1"]
NETS = ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "192.0.2.1/32", "::/0", "2001:db8::/32"]
net_lists = st.lists(st.sampled_from(NETS), max_size=2).map(tuple)
port_lists = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)).map(sorted), max_size=2).map(
    lambda pairs: ports(*((first, last) for first, last in pairs))
)
peers = st.builds(Peer, nets=net_lists, not_nets=net_lists, ports=port_lists, not_ports=port_lists)
rules = st.builds(
    Rule,
    st.just(Action.ALLOW),
    ip_version=st.sampled_from([None, 4, 6]),
    protocol=st.just(TCP),
    not_protocol=st.sampled_from([None, UDP]),
    source=peers,
)


@given(rules, rules)
@settings(max_examples=1500, deadline=None)
def test_a_yes_is_never_wrong(wide: Rule, narrow: Rule) -> None:
    if rule_contains(wide, narrow):
        for address, port in itertools.product(ADDRESSES, range(1, 7)):
            assert matches(wide, address, port) or not matches(narrow, address, port)


def matches(candidate: Rule, address: str, port: int) -> bool:
    """By the definition of a rule, for its source and version only."""
    source = candidate.source
    return (
        candidate.ip_version in (None, ip_version_of(address))
        and (not source.nets or any(holds(net, address) for net in source.nets))
        and not any(holds(net, address) for net in source.not_nets)
        and (not source.ports or any(each.first <= port <= each.last for each in source.ports))
        and not any(each.first <= port <= each.last for each in source.not_ports)
    )


def holds(net: str, address: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(net)
