from __future__ import annotations

from ipaddress import ip_network

import pytest
from tests.nft.host_policies import lists, policy_key, rule

from catflap.model.resources import Action, Direction, IpVersion, PortRange
from catflap.nft.clauses import Clause, Known, clauses_of
from catflap.nft.sets import SplitSets
from catflap.nft.splits import hoist, split_by_destination, split_by_service, split_by_source
from catflap.policy.host_policy import MatchPeer, MatchRule

_PLENTY = 10_000


def clauses(*rules: MatchRule, version: IpVersion = 4) -> tuple[Clause, ...]:
    owner = lists(policy_key("a"), rules)
    return clauses_of(owner, Direction.INGRESS, SplitSets(), 1).of(version)


def to_port(*ports: int, action: Action = Action.ALLOW, protocol: int = 6, **fields: object) -> MatchRule:
    ranges = tuple(PortRange(port, port) for port in ports)
    return rule(0, action, protocol=protocol, destination=MatchPeer(ports=ranges), **fields)


def of_net(*nets: str, action: Action = Action.ALLOW) -> MatchRule:
    return rule(action=action, source=MatchPeer(nets=nets))


def test_each_service_has_the_clauses_that_it_can_match_in_order() -> None:
    found = clauses(
        to_port(80),
        of_net("10.0.0.0/8", action=Action.DENY),
        to_port(80, 443, action=Action.DENY),
        rule(action=Action.LOG, protocol=17),
        to_port(53, protocol=17),
    )
    split = split_by_service(found, Known(4), _PLENTY)
    assert split is not None
    assert split.first == ()
    assert split.parts == {
        "6 . 80": (found[0], found[1], found[2]),
        "6 . 443": (found[1], found[2]),
        "17 . 53": (found[1], found[3], found[4]),
    }
    assert split.others == (found[1], found[3])
    assert split.size == 10
    assert split.longest in (split.parts["6 . 80"], split.parts["17 . 53"])


def test_a_wide_range_of_ports_stays_a_rule_for_each_service_that_it_covers() -> None:
    wide = rule(action=Action.DENY, protocol=6, destination=MatchPeer(ports=(PortRange(1024, 65535),)))
    found = clauses(to_port(80, 8080), wide)
    split = split_by_service(found, Known(4), _PLENTY)
    assert split is not None
    assert split.parts == {"6 . 80": (found[0],), "6 . 8080": found}
    assert split.others == (found[1],)


@pytest.mark.parametrize("way", [split_by_service, split_by_source, split_by_destination])
def test_what_nothing_asks_for_splits_nothing(way: object) -> None:
    assert way(clauses(rule(protocol=6), rule(protocol=17)), Known(4), _PLENTY) is None  # type: ignore[operator]  # any


def test_what_is_known_is_not_looked_up_again() -> None:
    found = clauses(to_port(80), of_net("10.0.0.0/8"))
    assert split_by_service(found, Known(4, service=True), _PLENTY) is None
    assert split_by_source(found, Known(4, source=True), _PLENTY) is None


def test_no_split_is_larger_than_allowed() -> None:
    found = clauses(of_net("10.0.0.0/8", action=Action.DENY), *(to_port(80 + number) for number in range(10)))
    found = (found[1], found[0], *found[2:])  # so that it cannot stand before the look-up
    split = split_by_service(found, Known(4), _PLENTY)
    assert split is not None
    assert split_by_service(found, Known(4), split.size) is not None
    assert split_by_service(found, Known(4), split.size - 1) is None


@pytest.mark.parametrize("version", [4, 6])
def test_an_address_finds_the_networks_that_it_is_in(version: IpVersion) -> None:
    nets = {
        4: ("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "0.0.0.0/1", "128.0.0.0/1", "255.255.255.255/32"),
        6: ("2001:db8::/32", "2001:db8::/48", "2001:db8::1/128", "::/1", "8000::/1", "::ffff:1.2.3.4/128"),
    }[version]
    found = clauses(
        *(of_net(net, action=Action.DENY if number % 2 else Action.ALLOW) for number, net in enumerate(nets)),
        version=version,
    )
    split = split_by_source(found, Known(version), _PLENTY)
    assert split is not None
    networks = [ip_network(key) for key in split.parts]
    assert sum(network.num_addresses for network in networks) == 1 << (32 if version == 4 else 128)
    for net in nets:
        first, last = ip_network(net)[0], ip_network(net)[-1]
        for address in (first, last, type(first)(max(int(first) - 1, 0))):
            (key,) = (text for text in split.parts if address in ip_network(text))
            expected = [
                clause for clause, each in zip(found, nets, strict=True) if address in ip_network(each)
            ]
            assert list(split.parts[key]) == expected


def test_neighbours_that_match_alike_are_one_span() -> None:
    found = clauses(
        of_net("10.0.0.0/9", "10.128.0.0/9", "11.0.0.0/8"), of_net("12.0.0.0/8", action=Action.DENY)
    )
    split = split_by_source(found, Known(4), _PLENTY)
    assert split is not None
    assert set(split.parts) == {"10.0.0.0/7", "12.0.0.0/8"}


def test_clauses_without_a_key_stand_first_where_it_makes_no_difference() -> None:
    found = clauses(
        rule(action=Action.LOG),
        to_port(80),
        of_net("10.0.0.0/8"),
        of_net("192.0.2.0/24", action=Action.DENY),
        of_net("198.51.100.0/24"),
    )
    first, rest = hoist(found, lambda clause: bool(clause.services))
    assert first == (found[0], found[2])
    assert rest == (found[1], found[3], found[4])


@pytest.mark.parametrize(
    "before",
    [
        to_port(80, action=Action.DENY),
        to_port(80, action=Action.PASS),
        to_port(80, log_prefix="seen"),
        rule(action=Action.LOG, protocol=6, destination=MatchPeer(ports=(PortRange(80, 80),))),
    ],
)
def test_nothing_is_moved_before_what_comes_to_something_else(before: MatchRule) -> None:
    found = clauses(before, of_net("10.0.0.0/8"))
    assert hoist(found, lambda clause: bool(clause.services)) == ((), found)


def test_what_logs_is_not_moved() -> None:
    found = clauses(to_port(80), rule(source=MatchPeer(nets=("10.0.0.0/8",)), log_prefix="seen"))
    assert hoist(found, lambda clause: bool(clause.services)) == ((), found)
