from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.verdict.hosts import (
    ALLOW,
    LOG,
    Host,
    ip_sets,
    nets,
    packet,
    packet6,
    port_set,
    ports,
    rule,
    sentence,
)

from catflap.model.resources import Action, IcmpMatch, PortRange
from catflap.policy.host_policy import HostPolicy, MatchPeer, MatchRule, SocketAddress
from catflap.verdict.header import translated
from catflap.verdict.match import Sets, first_match, prepare_rule
from catflap.verdict.packet import Packet

SETS = HostPolicy(
    ip_sets=ip_sets(web=["198.51.100.7", "2001:db8::/32"], db=["10.0.0.0/8"], none=[]),
    port_sets=port_set("http", members=frozenset({SocketAddress("192.0.2.1", 6, 80)})),
)
PING = packet(protocol=1, icmp_type=8, icmp_code=0)


def matches(match: MatchRule, met: Packet) -> bool:
    return prepare_rule(match, Sets(SETS)).matches(translated(met))


def source(**fields: object) -> MatchRule:
    return rule(source=MatchPeer(**fields))  # type: ignore[arg-type]  # tests name the fields that matter


def target(**fields: object) -> MatchRule:
    return rule(protocol=6, destination=MatchPeer(**fields))  # type: ignore[arg-type]  # as named


HTTP, HIGH = (PortRange(80, 80),), (PortRange(1024, 65535),)


@pytest.mark.parametrize(
    ("match", "met", "expected"),
    [
        pytest.param(rule(), packet(), True, marks=sentence("match-all")),
        pytest.param(
            rule(protocol=6, source=nets("10.0.0.0/8")), packet(), False, marks=sentence("match-all")
        ),
        pytest.param(rule(ip_version=4), packet(), True, marks=sentence("match-version")),
        (rule(ip_version=6), packet(), False),
        (rule(ip_version=6), packet6(), True),
        pytest.param(rule(protocol=6), packet(), True, marks=sentence("match-protocol")),
        (rule(protocol=17), packet(), False),
        pytest.param(rule(not_protocol=17), packet(), True, marks=sentence("match-not")),
        (rule(not_protocol=6), packet(), False),
        (rule(protocol=6, not_protocol=6), packet(), False),
        pytest.param(
            source(nets=("10.0.0.0/8", "198.51.100.0/24")), packet(), True, marks=sentence("match-nets")
        ),
        (source(nets=("10.0.0.0/8",)), packet(), False),
        (source(nets=("10.0.0.0/8",)), packet6(), False),
        (source(nets=("0.0.0.0/0",)), packet6(), False),
        (source(not_nets=("0.0.0.0/0",)), packet6(), True),
        (source(not_nets=("10.0.0.0/8", "198.51.100.0/24")), packet(), False),
        pytest.param(source(ip_sets=("web",)), packet(), True, marks=sentence("match-sets")),
        (source(ip_sets=("web",)), packet6(), True),
        (source(ip_sets=("web", "db")), packet(), False),
        (source(not_ip_sets=("db",)), packet(), True),
        (source(not_ip_sets=("web",)), packet(), False),
        pytest.param(source(ip_sets=("none",)), packet(), False, marks=sentence("set-empty")),
        pytest.param(
            source(not_ip_sets=("none",)), packet(), True, marks=sentence("set-empty", "set-outside")
        ),
        pytest.param(target(ports=HTTP), packet(), True, marks=sentence("match-ports")),
        (target(ports=HIGH), packet(), False),
        (target(ports=HIGH), packet(destination_port=65535), True),
        (target(ports=HIGH), packet(destination_port=1024), True),
        (target(ports=(*HIGH, *HTTP)), packet(), True),
        (target(not_ports=HTTP), packet(), False),
        (target(not_ports=HIGH), packet(), True),
        (rule(protocol=6, source=MatchPeer(ports=HIGH)), packet(), True),
        pytest.param(target(port_sets=("http",)), packet(), True, marks=sentence("match-named-ports")),
        (target(port_sets=("http",)), packet(destination="192.0.2.2"), False),
        (target(port_sets=("http",)), packet(destination_port=81), False),
        (rule(destination=MatchPeer(port_sets=("http",))), packet(protocol=17), False),
        (target(ports=HIGH, port_sets=("http",)), packet(destination_port=1024), True),
        (target(not_port_sets=("http",)), packet(), False),
        (target(not_port_sets=("http",)), packet(destination_port=81), True),
        pytest.param(rule(protocol=1, icmp=IcmpMatch(8)), PING, True, marks=sentence("match-icmp")),
        (rule(protocol=1, icmp=IcmpMatch(8, 0)), PING, True),
        (rule(protocol=1, icmp=IcmpMatch(8, 1)), PING, False),
        (rule(protocol=1, icmp=IcmpMatch(3)), PING, False),
        (rule(protocol=1, not_icmp=IcmpMatch(8)), PING, False),
        (rule(protocol=1, not_icmp=IcmpMatch(8, 1)), PING, True),
        (rule(protocol=1, not_icmp=IcmpMatch(3, 0)), PING, True),
        pytest.param(
            target(not_ports=HTTP), packet(destination_port=None), False, marks=sentence("match-absent")
        ),
        (rule(destination=MatchPeer(not_ports=HTTP)), PING, False),
        (rule(not_icmp=IcmpMatch(8)), packet(), False),
    ],
)
def test_a_rule_matches_when_all_its_fields_do(match: MatchRule, met: Packet, *, expected: bool) -> None:
    assert matches(match, met) is expected


@sentence("action-first", "action-log")
def test_the_first_match_that_decides_counts_and_log_does_not_decide() -> None:
    rules = [
        prepare_rule(item, Sets(SETS))
        for item in (LOG, rule(Action.DENY, protocol=17), ALLOW, rule(Action.DENY))
    ]
    assert first_match(rules, translated(packet())) is rules[2]
    assert first_match(rules, translated(packet(protocol=17))) is rules[1]
    assert first_match(rules[:2], translated(packet())) is None


@sentence("match-log-prefix")
def test_log_prefixes_and_annotations_do_not_matter() -> None:
    plain, decorated = rule(protocol=6), rule(protocol=6, log_prefix="x", annotations={"why": "because"})
    assert matches(plain, packet()) is matches(decorated, packet()) is True


@sentence("match-not")
@given(
    protocol=st.sampled_from([6, 17]),
    net=st.sampled_from(["0.0.0.0/0", "198.51.100.0/24", "10.0.0.0/8", "::/0"]),
    port=st.sampled_from([80, 443]),
    met=st.sampled_from([packet(), packet6(), packet(protocol=17), packet(destination_port=443)]),
)
def test_a_negated_field_matches_what_the_plain_one_does_not(
    protocol: int, net: str, port: int, met: Packet
) -> None:
    number = PortRange(port, port)
    assert matches(rule(protocol=protocol), met) is not matches(rule(not_protocol=protocol), met)
    assert matches(source(nets=(net,)), met) is not matches(source(not_nets=(net,)), met)
    plain, negated = MatchPeer(ports=(number,)), MatchPeer(not_ports=(number,))
    assert matches(rule(destination=plain), met) is not matches(rule(destination=negated), met)


def test_clauses_stand_in_the_order_in_which_people_read_a_packet() -> None:
    full = rule(
        ip_version=4, protocol=6, source=nets("10.0.0.0/8"), destination=ports(80), not_icmp=IcmpMatch(8)
    )
    clauses = prepare_rule(full, Sets(Host().build())).clauses
    assert [clause.about for clause in clauses] == [
        "IP version",
        "protocol",
        "source",
        "destination port",
        "ICMP type",
    ]
