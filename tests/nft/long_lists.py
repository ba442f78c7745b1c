"""Long lists of rules from small pools, so that many meet, and packets at their edges."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.nft.host_policies import host_policy, lists, policy_key, rule
from tests.nft.packets import packet

from catflap.model.resources import Action, IcmpMatch, PortRange
from catflap.policy.host_policy import HostPolicy, IpSet, MatchPeer, MatchRule, TierStep
from catflap.verdict.packet import Packet

_NETS = (
    *("0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/9", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32", "10.200.0.0/13"),
    *("192.0.2.0/24", "255.255.255.255/32", "2001:db8::/32", "2001:db8:1::/48", "2001:db8::1/128", "::/0"),
)
_ADDRESSES = (
    *("10.0.0.1", "10.1.2.3", "10.1.2.4", "10.1.3.0", "10.128.0.0", "10.200.0.1", "192.0.2.9", "8.8.8.8"),
    *("255.255.255.255", "0.0.0.0", "2001:db8::1", "2001:db8:1::5", "2001:db8:ffff::", "fe80::1"),
)
_PORTS = (
    PortRange(80, 80),
    PortRange(443, 443),
    PortRange(22, 22),
    PortRange(8000, 8010),
    PortRange(8005, 9500),
)
_SETS = {
    "s-a": ("10.1.2.3", "2001:db8::1"),
    "s-b": ("10.0.0.1", "10.1.0.0/16"),
    "s-c": ("10.1.2.4", "10.0.0.1"),
}
_ALL = (Action.ALLOW, Action.DENY, Action.PASS, Action.LOG, Action.REJECT)
_ACTIONS = (_ALL, (Action.ALLOW, Action.ALLOW, Action.DENY), (Action.ALLOW,), (Action.ALLOW, Action.PASS))


def long_policy(random: Random, length: int) -> HostPolicy:
    """A host policy of one interface: two tiers of some policies with ``length`` rules in each direction in all."""
    actions = random.choice(_ACTIONS)
    keys = [policy_key(name) for name in "abcdef"]
    owners = [
        lists(key, _rules(random, actions, length // len(keys)), _rules(random, actions, length // len(keys)))
        for key in keys
    ]
    cut = random.choice([0, 1, 3])
    steps = [
        TierStep("t", tuple(keys[:cut]), random.choice([Action.PASS, Action.DENY])),
        TierStep("default", tuple(keys[cut:])),
    ]
    ip_sets = [IpSet(name, name, frozenset(members)) for name, members in _SETS.items()]
    return host_policy(tiers=[step for step in steps if step.policies], rules=owners, ip_sets=ip_sets)


def _rules(random: Random, actions: tuple[Action, ...], count: int) -> list[MatchRule]:
    return [_rule(random, number, random.choice(actions)) for number in range(count)]


def _rule(random: Random, number: int, action: Action) -> MatchRule:
    protocol = random.choice([6, 6, 6, 17, 17, None, 1])
    with_ports = protocol in (6, 17)
    return rule(
        number,
        action,
        protocol=protocol,
        ip_version=random.choice([None, None, None, None, 4]),
        icmp=IcmpMatch(8, None) if protocol == 1 and random.random() < 0.5 else None,
        source=_peer(random, ports=with_ports and random.random() < 0.1),
        destination=_peer(random, ports=with_ports and random.random() < 0.8),
        log_prefix=random.choice([*[None] * 9, "seen"]),
    )


def _peer(random: Random, *, ports: bool) -> MatchPeer:
    some = random.random()
    return MatchPeer(
        nets=tuple(random.sample(_NETS, random.choice([1, 1, 2]))) if some < 0.4 else (),
        not_nets=(random.choice(_NETS[1:]),) if 0.4 < some < 0.45 else (),
        ip_sets=(random.choice(sorted(_SETS)),) if 0.45 < some < 0.65 else (),
        ports=tuple(random.sample(_PORTS, random.choice([1, 1, 2]))) if ports else (),
    )


def packets_at_the_edges(random: Random, count: int) -> Iterator[Packet]:
    """New connections, in and out, whose fields lie in or beside what the rules ask for."""
    for _ in range(count):
        source = random.choice(_ADDRESSES)
        others = [each for each in _ADDRESSES if (":" in each) == (":" in source)]
        protocol = random.choice([6, 6, 17, 1, 58, 132, 255])
        fields: dict[str, object] = {}
        if protocol in (6, 17, 132):
            fields = {
                "destination_port": random.choice(
                    [22, 80, 81, 443, 7999, 8000, 8005, 8010, 8011, 9500, 9501]
                ),
                "source_port": random.choice([80, 8005, 40000]),
            }
        elif protocol in (1, 58):
            fields = {"icmp_type": random.choice([0, 8, 128]), "icmp_code": 0}
        yield packet(source, random.choice(others), protocol, **fields)
