from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.nft.host_policies import match_rules, rule, some_sets
from tests.nft.interpreter import condition_matches
from tests.nft.packets import packets_for

from catflap.model.resources import IcmpMatch, PortRange
from catflap.nft.match import conditions
from catflap.nft.ruleset import RuleSet
from catflap.nft.sets import SetTable, SplitSets, needed_sets, split_ip_set, split_port_set
from catflap.policy.host_policy import HostPolicy, IpSet, MatchPeer, MatchRule, PortSet, SocketAddress
from catflap.verdict.header import translated
from catflap.verdict.match import Sets, prepare_rule

_WEB, _MIXED = (
    IpSet("web", "", frozenset({"10.0.0.1"})),
    IpSet("mixed", "", frozenset({"10.0.0.1", "172.16.0.0/12"})),
)
_EVERYTHING = IpSet("all4", "", frozenset({"10.0.0.1", "0.0.0.0/1", "128.0.0.0/1"}))
_NAMED = PortSet("http", "", frozenset({SocketAddress("10.0.0.1", 6, 80)}))
_OTHER = PortSet("alt", "", frozenset())
_SOCKET = "ip daddr . meta l4proto . th dport"
_NOT_80 = "meta nfproto ipv4 meta l4proto 6 th dport != 80"
_SETS = SplitSets(
    {item.id: split_ip_set(item) for item in (_WEB, _MIXED, _EVERYTHING)},
    {item.id: split_port_set(item) for item in (_NAMED, _OTHER)},
)


def texts(match: MatchRule) -> list[str]:
    return conditions(match, SetTable(_SETS))


def src(**fields: object) -> MatchRule:
    return rule(source=MatchPeer(**fields))  # type: ignore[arg-type]  # tests name the fields that matter


def ports(*pairs: tuple[int, int]) -> tuple[PortRange, ...]:
    return tuple(PortRange(*pair) for pair in pairs)


def tcp(**fields: object) -> MatchRule:
    return rule(protocol=6, destination=MatchPeer(**fields))  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (rule(), [""]),
        (rule(ip_version=4), ["meta nfproto ipv4"]),
        (rule(ip_version=6), ["meta nfproto ipv6"]),
        (rule(protocol=6), ["meta l4proto 6"]),
        (rule(not_protocol=6), ["meta l4proto != 6"]),
        (rule(protocol=6, not_protocol=17), ["meta l4proto 6"]),
        (rule(protocol=6, not_protocol=6), []),
        (src(nets=("10.0.0.0/8",)), ["ip saddr 10.0.0.0/8"]),
        (src(nets=("10.0.0.1/32",)), ["ip saddr 10.0.0.1"]),
        (src(nets=("2001:db8::/32",)), ["ip6 saddr 2001:db8::/32"]),
        (src(nets=("10.0.0.0/8", "fe80::/10")), ["ip saddr 10.0.0.0/8", "ip6 saddr fe80::/10"]),
        (src(nets=("10.0.0.0/9", "10.128.0.0/9")), ["ip saddr 10.0.0.0/8"]),
        (src(nets=("0.0.0.0/0",)), ["meta nfproto ipv4"]),
        (src(nets=("0.0.0.0/0", "::/0")), [""]),
        (src(not_nets=("10.0.0.0/8",)), ["ip saddr != 10.0.0.0/8", "meta nfproto ipv6"]),
        (src(not_nets=("0.0.0.0/0",)), ["meta nfproto ipv6"]),
        (src(not_nets=("0.0.0.0/0", "::/0")), []),
        (
            src(nets=("10.0.0.0/8",), not_nets=("10.1.0.0/16",)),
            ["ip saddr 10.0.0.0/8 ip saddr != 10.1.0.0/16"],
        ),
        (src(nets=("10.0.0.0/8",), not_nets=("fe80::/10",)), ["ip saddr 10.0.0.0/8"]),
        (rule(ip_version=6, source=MatchPeer(nets=("10.0.0.0/8",))), []),
        (
            rule(source=MatchPeer(nets=("10.0.0.0/8",)), destination=MatchPeer(nets=("fe80::/10",))),
            [],
        ),
        (src(ip_sets=("web",)), ["ip saddr @addresses4-web", "ip6 saddr @addresses6-web"]),
        (
            src(ip_sets=("mixed",)),
            [
                "ip saddr @addresses4-mixed",
                "ip saddr @networks4-mixed ip saddr != @addresses4-mixed",
                "ip6 saddr @addresses6-mixed",
            ],
        ),
        (
            src(not_ip_sets=("mixed",)),
            [
                "ip saddr != @addresses4-mixed ip saddr != @networks4-mixed",
                "ip6 saddr != @addresses6-mixed",
            ],
        ),
        (rule(ip_version=4, destination=MatchPeer(ip_sets=("web",))), ["ip daddr @addresses4-web"]),
        (src(ip_sets=("all4",)), ["meta nfproto ipv4", "ip6 saddr @addresses6-all4"]),
        (src(not_ip_sets=("all4",)), ["ip6 saddr != @addresses6-all4"]),
        (
            src(ip_sets=("all4", "web")),
            ["ip saddr @addresses4-web", "ip6 saddr @addresses6-all4 ip6 saddr @addresses6-web"],
        ),
        (tcp(ports=ports((80, 80))), ["meta l4proto 6 th dport 80"]),
        (tcp(ports=ports((80, 90))), ["meta l4proto 6 th dport 80-90"]),
        (tcp(ports=ports((80, 85), (86, 90), (82, 83))), ["meta l4proto 6 th dport 80-90"]),
        (tcp(not_ports=ports((80, 80))), ["meta l4proto 6 th dport != @ports-dc38f0769707dc64"]),
        (
            rule(
                protocol=6,
                source=MatchPeer(not_ports=ports((80, 80))),
                destination=MatchPeer(not_ports=ports((80, 80))),
            ),
            ["meta l4proto 6 th sport != @ports-dc38f0769707dc64 th dport != @ports-dc38f0769707dc64"],
        ),
        (tcp(not_ports=ports((0, 65535))), []),
        (
            tcp(ports=ports((1, 9)), not_ports=ports((5, 5))),
            ["meta l4proto 6 th dport 1-9 th dport != @ports-8b54089fee8d99a0"],
        ),
        (
            replace(tcp(port_sets=("http",)), ip_version=4),
            ["meta nfproto ipv4 meta l4proto 6 ip daddr . meta l4proto . th dport @ports4-http"],
        ),
        (
            replace(tcp(nets=("fe80::/10",), port_sets=("http",)), ip_version=6),
            ["meta l4proto 6 ip6 daddr fe80::/10 ip6 daddr . meta l4proto . th dport @ports6-http"],
        ),
        (
            replace(tcp(not_port_sets=("http",), not_ports=ports((1, 1))), ip_version=4),
            [
                f"meta nfproto ipv4 meta l4proto 6 th dport != @ports-f6fc42039fba3776 {_SOCKET} != @ports4-http"
            ],
        ),
        (
            replace(tcp(ports=ports((80, 80)), port_sets=("http", "alt")), ip_version=4),
            [
                "meta nfproto ipv4 meta l4proto 6 th dport 80",
                f"{_NOT_80} {_SOCKET} @ports4-http",
                f"{_NOT_80} {_SOCKET} != @ports4-http {_SOCKET} @ports4-alt",
            ],
        ),
        (tcp(ports=ports((0, 65535)), port_sets=("http",)), ["meta l4proto 6 th dport 0-65535"]),
        (
            rule(
                protocol=132,
                source=MatchPeer(ports=ports((1, 1))),
                destination=MatchPeer(ports=ports((2, 2))),
            ),
            ["meta l4proto 132 th sport 1 th dport 2"],
        ),
        (rule(protocol=1), ["meta l4proto 1"]),
        (rule(protocol=1, icmp=IcmpMatch(8)), ["meta nfproto ipv4 meta l4proto 1 icmp type 8"]),
        (rule(protocol=58, icmp=IcmpMatch(128)), ["meta nfproto ipv6 meta l4proto 58 icmpv6 type 128"]),
        (
            rule(protocol=1, icmp=IcmpMatch(255, 0)),
            ["meta nfproto ipv4 meta l4proto 1 icmp type 255 icmp code 0"],
        ),
        (rule(protocol=1, not_icmp=IcmpMatch(8)), ["meta nfproto ipv4 meta l4proto 1 icmp type != 8"]),
        (
            rule(protocol=1, not_icmp=IcmpMatch(3, 1)),
            [
                "meta nfproto ipv4 meta l4proto 1 icmp type != 3",
                "meta nfproto ipv4 meta l4proto 1 icmp type 3 icmp code != 1",
            ],
        ),
        (
            rule(protocol=1, icmp=IcmpMatch(3), not_icmp=IcmpMatch(3, 1)),
            ["meta nfproto ipv4 meta l4proto 1 icmp type 3 icmp code != 1"],
        ),
        (rule(protocol=1, icmp=IcmpMatch(3, 1), not_icmp=IcmpMatch(3, 1)), []),
        (rule(protocol=1, icmp=IcmpMatch(3, 1), not_icmp=IcmpMatch(3)), []),
        (rule(protocol=1, ip_version=6, icmp=IcmpMatch(8)), []),
    ],
)
def test_each_field_has_its_text(match: MatchRule, expected: list[str]) -> None:
    assert texts(match) == expected


def test_several_nets_become_a_set_that_is_named_by_its_content() -> None:
    table = SetTable(SplitSets())
    first = conditions(src(nets=("10.0.0.0/8", "192.168.0.0/16")), table)
    again = conditions(src(nets=("192.168.0.0/16", "10.0.0.0/8")), table)
    other = conditions(src(nets=("10.0.0.0/8", "192.168.0.0/17")), table)
    assert first == again != other
    assert len(table.needs.values) == 2


def test_a_rule_that_matches_nothing_needs_no_sets() -> None:
    table = SetTable(_SETS)
    several = ports((1, 1), (3, 3))
    assert conditions(rule(6, protocol=6, not_protocol=6, destination=MatchPeer(ports=several)), table) == []
    impossible = MatchPeer(nets=("10.0.0.0/8", "192.168.0.0/16"), not_nets=("0.0.0.0/0",), ip_sets=("web",))
    assert conditions(rule(source=impossible), table) == []
    assert not table.needs.values
    assert not table.needs.ip_sets


@settings(max_examples=150, deadline=None)
@given(match_rules(), some_sets(), st.data())
def test_exactly_one_condition_matches_the_packets_of_the_rule(
    match: MatchRule, policy: HostPolicy, data: st.DataObject
) -> None:
    split = SplitSets(
        {name: split_ip_set(item) for name, item in policy.ip_sets.items()},
        {name: split_port_set(item) for name, item in policy.port_sets.items()},
    )
    table = SetTable(split)
    found = conditions(match, table)
    sets = RuleSet(sets=needed_sets(table.needs, split))
    meant = prepare_rule(match, Sets(policy))
    for packet in data.draw(st.lists(packets_for(match), min_size=8, max_size=8)):
        count = sum(condition_matches(text, sets, packet) for text in found)
        assert count == (1 if meant.matches(translated(packet)) else 0)
