"""Rules in the guide's encoding."""

from __future__ import annotations

from typing import Any

import pytest

from catflap.model.resources import Action, IcmpMatch, Peer, PortRange, Rule
from catflap.model.selector import parse_selector
from catflap.model.v1_rules import parse_rules
from catflap.model.validation import InvalidObjectError, Reasons


def read(rule: Any) -> Rule:
    reasons = Reasons()
    rules = parse_rules({"inbound_rules": [rule]}, "inbound_rules", reasons)
    reasons.raise_if_any()
    return rules[0]


def refusal(rule: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidObjectError) as caught:
        read(rule)
    return caught.value.reasons


def ports(*ranges: tuple[int, int]) -> tuple[PortRange, ...]:
    return tuple(PortRange(first, last) for first, last in ranges)


ALLOW = Action.ALLOW
FOUR_NUMBERS = "IPv4 addresses take four decimal numbers without leading zeros."


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ({}, Rule(ALLOW)),
        ({"action": "allow"}, Rule(ALLOW)),
        ({"action": "deny"}, Rule(Action.DENY)),
        ({"action": "reject"}, Rule(Action.REJECT)),
        ({"action": "next-tier"}, Rule(Action.PASS)),
        ({"action": "log"}, Rule(Action.LOG)),
        ({"ip_version": 4}, Rule(ALLOW, ip_version=4)),
        ({"protocol": "tcp"}, Rule(ALLOW, protocol=6)),
        ({"protocol": 47}, Rule(ALLOW, protocol=47)),
        ({"protocol": "47"}, Rule(ALLOW, protocol=47)),
        ({"protocol": "tcp", "!protocol": "udp"}, Rule(ALLOW, protocol=6, not_protocol=17)),
        ({"protocol": "icmp"}, Rule(ALLOW, ip_version=4, protocol=1)),
        ({"protocol": 58}, Rule(ALLOW, ip_version=6, protocol=58)),
        ({"!protocol": "icmp"}, Rule(ALLOW, not_protocol=1)),
        ({"src_net": "10.1.2.3/8"}, Rule(ALLOW, source=Peer(nets=("10.0.0.0/8",)))),
        (
            {"dst_net": "10.0.0.0/8", "!dst_net": "10.9.0.0/16"},
            Rule(ALLOW, destination=Peer(nets=("10.0.0.0/8",), not_nets=("10.9.0.0/16",))),
        ),
        (
            {"src_nets": ["10.1.0.0/16", "::1", "10.1.0.0/16"], "!dst_nets": ["10.9.0.0/16"], "dst_nets": []},
            Rule(
                ALLOW,
                source=Peer(nets=("10.1.0.0/16", "::1/128")),
                destination=Peer(not_nets=("10.9.0.0/16",)),
            ),
        ),
        (
            {"src_net": "10.1.0.0/16", "src_nets": ["10.2.0.0/16"]},
            Rule(ALLOW, source=Peer(nets=("10.1.0.0/16", "10.2.0.0/16"))),
        ),
        (
            {"protocol": "tcp", "dst_ports": ["http", 80, "a-1"], "!src_ports": ["x"]},
            Rule(
                ALLOW,
                protocol=6,
                source=Peer(not_named_ports=("x",)),
                destination=Peer(ports=ports((80, 80)), named_ports=("http", "a-1")),
            ),
        ),
        ({"src_tag": "a", "!src_tag": "b"}, Rule(ALLOW, source=Peer(tag="a", not_tag="b"))),
        ({"dst_selector": ""}, Rule(ALLOW, destination=Peer(selector=parse_selector("all()")))),
        (
            {"!src_selector": "has(a)", "src_selector": "!has(b)"},
            Rule(
                ALLOW, source=Peer(selector=parse_selector("!has(b)"), not_selector=parse_selector("has(a)"))
            ),
        ),
        (
            {"protocol": "tcp", "dst_ports": [80, "8000:8080"], "!dst_ports": [8001]},
            Rule(
                ALLOW,
                protocol=6,
                destination=Peer(ports=ports((80, 80), (8000, 8080)), not_ports=ports((8001, 8001))),
            ),
        ),
        (
            {"protocol": 132, "src_ports": [0, "0:65535"]},
            Rule(ALLOW, protocol=132, source=Peer(ports=ports((0, 0), (0, 65535)))),
        ),
        ({"protocol": "udplite", "src_ports": []}, Rule(ALLOW, protocol=136)),
        ({"protocol": "icmp", "icmp_type": 8}, Rule(ALLOW, ip_version=4, protocol=1, icmp=IcmpMatch(8))),
        (
            {"protocol": 1, "icmp_type": 3, "icmp_code": 4, "!icmp_type": 5, "!icmp_code": 1},
            Rule(ALLOW, ip_version=4, protocol=1, icmp=IcmpMatch(3, 4), not_icmp=IcmpMatch(5, 1)),
        ),
        ({"log_prefix": "a b/c:" + "x" * 40}, Rule(ALLOW, log_prefix="a_b_c:" + "x" * 21)),
        ({"log_prefix": ""}, Rule(ALLOW)),
        ({"src_net": None, "unheard_of": None}, Rule(ALLOW)),
    ],
)
def test_fields(written: dict[str, Any], rule: Rule) -> None:
    assert read(written) == rule


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ([], "Rule should be a dict: []"),
        ("x", "Rule should be a dict: 'x'"),
        ({"foo": 1}, "Rule contains unknown keys: ['foo']."),
        ({"scr_net": "::/0"}, "Rule contains unknown keys: ['scr_net']. Did you mean 'src_net'?"),
        ({"src_nets": "::/0"}, "Expected src_nets to be a list in rule {'src_nets': '::/0'}."),
        (
            {"!dst_nets": ["10.0.0.0/8", 7]},
            "Invalid CIDR (version None) in rule {'!dst_nets': ['10.0.0.0/8', 7]}.",
        ),
        (
            {"src_nets": ["10.0.0.0/8", "::/0"], "ip_version": 4},
            (
                "Invalid CIDR (version 4) in rule {'ip_version': 4, 'src_nets': ['10.0.0.0/8', '::/0']}. "
                "It is IPv6, not IPv4."
            ),
        ),
        ({"!action": "allow"}, "Rule contains unknown keys: ['!action']. Did you mean 'action'?"),
        ({"action": "default"}, "Invalid action in rule {'action': 'default'}."),
        ({"action": "Allow"}, "Invalid action in rule {'action': 'Allow'}. Did you mean 'allow'?"),
        ({"action": ["allow"]}, "Invalid action in rule {'action': ['allow']}."),
        ({"ip_version": "4"}, "Invalid ip_version in rule {'ip_version': '4'}."),
        ({"ip_version": True}, "Invalid ip_version in rule {'ip_version': True}."),
        ({"protocol": "TCP"}, "Invalid protocol TCP in rule {'protocol': 'TCP'}. Did you mean 'tcp'?"),
        ({"protocol": 0}, "Invalid protocol 0 in rule {'protocol': 0}."),
        ({"protocol": {}}, "Invalid protocol {} in rule {'protocol': {}}."),
        ({"!protocol": [6]}, "Invalid protocol [6] in rule {'!protocol': [6]}."),
        (
            {"src_net": "10/8"},
            f"Invalid CIDR (version None) in rule {{'src_net': '10/8'}}. {FOUR_NUMBERS}",
        ),
        ({"dst_net": 10}, "Invalid CIDR (version None) in rule {'dst_net': 10}."),
        (
            {"dst_net": "::/0", "ip_version": 4},
            "Invalid CIDR (version 4) in rule {'dst_net': '::/0', 'ip_version': 4}. It is IPv6, not IPv4.",
        ),
        ({"src_tag": 7}, "Invalid src_tag: 7."),
        ({"!dst_tag": "a b"}, "Invalid !dst_tag: 'a b'."),
        ({"src_selector": 7}, "Invalid src_selector: 7"),
        ({"dst_selector": "a ="}, "Invalid dst_selector: 'a =' (expected '==' at position 2)."),
        (
            {"src_ports": [1]},
            "src_ports is not allowed for protocol None in rule {'src_ports': [1]}.",
        ),
        (
            {"!dst_ports": [], "protocol": "icmp"},
            "!dst_ports is not allowed for protocol icmp in rule {'!dst_ports': [], 'protocol': 'icmp'}.",
        ),
        (
            {"protocol": "tcp", "dst_ports": 80},
            "Expected ports to be a list in rule {'dst_ports': 80, 'protocol': 'tcp'}.",
        ),
        (
            {"ip_version": 4, "protocol": "icmpv6"},
            "Using icmpv6 with IPv4 in rule {'ip_version': 4, 'protocol': 'icmpv6'}.",
        ),
        (
            {"ip_version": 6, "protocol": "icmp"},
            "Using icmp with IPv6 in rule {'ip_version': 6, 'protocol': 'icmp'}.",
        ),
        (
            {"dst_net": "::/0", "protocol": "icmp"},
            "Using icmp with IPv6 in rule {'dst_net': '::/0', 'protocol': 'icmp'}.",
        ),
        (
            {"icmp_type": 8},
            "icmp_type is not allowed for protocol None in rule {'icmp_type': 8}: it needs icmp or icmpv6.",
        ),
        (
            {"protocol": "icmp", "icmp_type": "8"},
            "ICMP type is not an integer in rule {'icmp_type': '8', 'protocol': 'icmp'}.",
        ),
        (
            {"protocol": "icmp", "icmp_type": 256},
            "ICMP type is out of range in rule {'icmp_type': 256, 'protocol': 'icmp'}.",
        ),
        (
            {"protocol": "icmp", "!icmp_type": 3, "!icmp_code": -1},
            "ICMP code is out of range in rule {'!icmp_code': -1, '!icmp_type': 3, 'protocol': 'icmp'}.",
        ),
        (
            {"protocol": "icmp", "icmp_type": 3, "icmp_code": True},
            "ICMP code is not an integer in rule {'icmp_code': True, 'icmp_type': 3, 'protocol': 'icmp'}.",
        ),
        ({"protocol": "icmp", "icmp_code": 3}, "ICMP code specified without ICMP type."),
        ({"protocol": "icmp", "icmp_type": 3, "!icmp_code": 3}, "ICMP code specified without ICMP type."),
        ({"log_prefix": 1}, "Log prefix should be a string"),
    ],
)
def test_refusals(rule: Any, reason: str) -> None:
    assert refusal(rule) == (reason,)


@pytest.mark.parametrize(
    ("port", "why"),
    [
        (65536, "integer out of range"),
        (-1, "integer out of range"),
        (True, "neither integer nor string"),
        (1.0, "neither integer nor string"),
        (None, "neither integer nor string"),
        ([], "neither integer nor string"),
        ("80", "range unparseable"),
        ("80-90", "range unparseable"),
        ("80: 90", "range unparseable"),
        ("ht tp", "range unparseable"),
        ("x" * 129, "range unparseable"),
        ("1:2\n", "range unparseable"),
        ("80:80", "range invalid"),
        ("90:80", "range invalid"),
        ("1:65536", "range invalid"),
    ],
)
def test_ports_that_are_none(port: Any, why: str) -> None:
    (reason,) = refusal({"protocol": "tcp", "dst_ports": [port]})

    assert reason.startswith("Invalid port ")
    assert f" ({why}) in rule {{'dst_ports': [" in reason


def test_every_reason_of_every_rule_is_named() -> None:
    reasons = Reasons()
    parse_rules(
        {"inbound_rules": [{"action": 1, "src_tag": 2}, {"dst_tag": 3}, [], {"dst_tag": 4}]},
        "inbound_rules",
        reasons,
    )

    with pytest.raises(InvalidObjectError) as caught:
        reasons.raise_if_any()
    assert caught.value.reasons == (
        "Invalid src_tag: 2.",
        "Invalid action in rule {'action': 1, 'src_tag': 2}.",
        "Invalid dst_tag: 3.",
        "Rule should be a dict: []",  # what follows it in the list is not looked at
    )


def test_a_missing_list_is_empty() -> None:
    assert parse_rules({}, "outbound_rules", Reasons()) == ()


@pytest.mark.parametrize("value", [None, {}, "x", 1])
def test_rules_must_be_a_list(value: object) -> None:
    reasons = Reasons()
    parse_rules({"outbound_rules": value}, "outbound_rules", reasons)

    with pytest.raises(InvalidObjectError, match=r"^Expected rules\[outbound_rules\] to be a list\.$"):
        reasons.raise_if_any()
