from __future__ import annotations

import pytest

from catflap.doctor.tables import Rule, Table, iptables_rule, nft_rule


@pytest.mark.parametrize(
    ("text", "effects"),
    [
        ("tcp dport 22 accept", set()),
        ("tcp dport 22 counter packets 0 bytes 0 drop", {"drop"}),
        ('ip saddr 192.0.2.1 reject with icmpx admin-prohibited comment "banned"', {"reject"}),
        ('tcp dport 80 counter packets 0 bytes 0 xt target "REJECT"', {"reject"}),
        ("tcp dport 80 counter packets 0 bytes 0 xt target REJECT", {"reject"}),
        ("udp dport 53 notrack", {"notrack"}),
        ("queue flags bypass to 1", {"queue"}),
        ("tcp dport vmap { 1 : drop, 2 : accept }", {"drop"}),
        ("iifname vmap @interfaces", {"map"}),
        ('accept comment "never drop this, or reject it"', set()),
        ('log prefix "drop: " accept', set()),
        ("ip saddr @drop-list accept", set()),
        ("jump drop-chain", set()),
        ("tcp dport 8080 dnat to 172.17.0.2:80", {"dnat"}),
        ('tcp dport 8080 counter packets 0 bytes 0 xt target "DNAT"', {"dnat"}),
        ("ct status dnat accept", set()),
    ],
)
def test_what_a_rule_of_nft_can_do(text: str, effects: set[str]) -> None:
    assert nft_rule(text).effects == effects


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("counter packets 0 bytes 0 jump DOCKER-USER", ("DOCKER-USER",)),
        ('iifname "eth0" goto in-eth0 comment "jump elsewhere"', ("in-eth0",)),
        ("tcp dport vmap { 22 : jump ssh, 80 : goto web }", ("ssh", "web")),
        ("accept", ()),
    ],
)
def test_where_a_rule_of_nft_leads(text: str, targets: tuple[str, ...]) -> None:
    assert nft_rule(text).targets == targets


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("-A INPUT -p tcp --dport 9 -j DROP", Rule(frozenset({"drop"}), ("DROP",))),
        ("-A INPUT -j REJECT --reject-with x", Rule(frozenset({"reject"}), ("REJECT",), stops_all=True)),
        ("-A INPUT -j ufw-before-input", Rule(frozenset(), ("ufw-before-input",))),
        ("-A DOCKER -j DNAT --to-destination 1.2.3.4", Rule(frozenset({"dnat"}), ("DNAT",))),
        ("-A PREROUTING -p udp -j CT --notrack", Rule(frozenset({"notrack"}), ("CT",))),
        ('-A INPUT -m comment --comment "-j DROP" -j ACCEPT', Rule(frozenset(), ("ACCEPT",))),
    ],
)
def test_what_a_rule_of_iptables_can_do(text: str, rule: Rule) -> None:
    assert iptables_rule(text) == rule


@pytest.mark.parametrize(
    "text", ["drop", "counter packets 3 bytes 9 reject with tcp reset", 'drop comment "x"']
)
def test_a_rule_that_stops_everything(text: str) -> None:
    assert nft_rule(text).stops_all
    assert not nft_rule(f"tcp dport 80 {text}").stops_all


def test_what_a_packet_may_meet() -> None:
    loop, end = Rule(targets=("b", "base")), Rule(frozenset({"drop"}))
    table = Table(
        "ip", "t", chains={"base": (loop,), "b": (end,), "elsewhere": (Rule(frozenset({"queue"})),)}
    )
    assert list(table.reached("base")) == [loop, end]
    assert list(Table("ip", "t").reached("base")) == []
    assert Table("ip", "t", legacy=True).title == "ip t (legacy)"
