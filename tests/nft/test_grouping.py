from __future__ import annotations

from tests.nft.host_policies import lists, policy_key, rule

from catflap.model.resources import Action, Direction, PortRange
from catflap.nft.clauses import Known, clauses_of
from catflap.nft.grouping import Group, Step, grouped
from catflap.nft.sets import SetTable, SplitSets, split_ip_set
from catflap.policy.host_policy import IpSet, MatchPeer, MatchRule

_NOTHING = Known(4)
_SIZES = {"one": 1, "two": 2, "many": 5_000}
_SETS = SplitSets(
    {
        **{
            name: split_ip_set(IpSet(name, name, frozenset(f"10.0.{n >> 8}.{n & 255}" for n in range(size))))
            for name, size in _SIZES.items()
        },
        "nets": split_ip_set(IpSet("nets", "nets", frozenset({"10.0.0.0/8"}))),
    }
)


def steps(*rules: MatchRule, known: Known = _NOTHING, addresses: int = 1_000) -> list[Step]:
    found = clauses_of(lists(policy_key("a"), rules), Direction.INGRESS, _SETS, 1).ipv4
    return list(grouped(found, known, _SETS, addresses, 4_096))


def texts(found: list[Step], known: Known = _NOTHING) -> list[str]:
    table = SetTable(_SETS)
    return [
        each.line(known, table, "here") if isinstance(each, Group) else each.lines(known, table)[0]
        for each in found
    ]


def in_net(net: str, action: Action = Action.ALLOW, **fields: object) -> MatchRule:
    return rule(0, action, source=MatchPeer(nets=(net,)), **fields)


def in_set(name: str) -> MatchRule:
    return rule(source=MatchPeer(ip_sets=(name,)))


def test_networks_of_one_verdict_are_one_rule() -> None:
    found = steps(in_net("10.0.0.0/9"), in_net("10.128.0.0/9"), in_net("192.0.2.0/24", Action.DENY))
    assert texts(found) == [
        'ip saddr 10.0.0.0/8 accept comment "default/a ingress 0 and 1 more"',
        'ip saddr 192.0.2.0/24 drop comment "default/a ingress 0"',
    ]


def test_each_end_has_its_own_rule() -> None:
    towards = rule(destination=MatchPeer(nets=("192.0.2.0/25",)))
    other = rule(destination=MatchPeer(nets=("192.0.2.128/25",)))
    found = texts(steps(in_net("10.0.0.0/9"), towards, in_net("10.128.0.0/9"), other))
    assert [text.split(" accept")[0] for text in found] == ["ip saddr 10.0.0.0/8", "ip daddr 192.0.2.0/24"]


def test_what_asks_for_more_stays_alone() -> None:
    web = rule(
        protocol=6, source=MatchPeer(nets=("10.0.0.0/8",)), destination=MatchPeer(ports=(PortRange(80, 80),))
    )
    assert len(steps(web, web)) == 2
    assert len(steps(web, web, known=Known(4, service=True))) == 1


def test_nothing_is_put_together_across_another_verdict_or_a_log() -> None:
    deny = in_net("192.0.2.0/24", Action.DENY)
    log = in_net("192.0.2.0/24", Action.LOG)
    for between in (deny, log, in_net("192.0.2.0/24", log_prefix="seen")):
        assert len(steps(in_net("10.0.0.0/9"), between, in_net("10.128.0.0/9"))) == 3


def test_small_ip_sets_are_one_union() -> None:
    found = steps(in_set("one"), in_set("two"), in_set("one"))
    (text,) = texts(found)
    assert text.startswith("ip saddr @addresses4-union-")


def test_large_sets_and_networks_are_looked_up_alone() -> None:
    found = texts(steps(in_set("many"), in_set("one"), in_set("nets"), in_set("two")))
    assert len(found) == 3
    assert sum("union" in text for text in found) == 1


def test_a_union_has_no_more_addresses_than_allowed() -> None:
    assert len(steps(in_set("one"), in_set("two"), addresses=4)) == 2
    assert len(steps(in_set("one"), in_set("two"), addresses=6)) == 1
