"""Real packets, and what counters of policy say of them."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Mapping

import pytest
from msgspec.structs import replace
from tests.nft.host_policies import host_policy, lists, policy_key, rule
from tests.nft.namespace import Namespace, NamespaceNft

from catflap.model.resources import UDP, Action, Direction, PortRange
from catflap.nft import DEFAULT_STYLE, NO_LOOKUPS, Counted, Counting, Enforcer, RuleStyle, Touched
from catflap.nft.damage import TABLE_DELETED
from catflap.policy.host_policy import HostPolicy, MatchPeer, MatchRule, RuleLists, TierStep

_WEB, _REST = policy_key("web"), policy_key("rest")
_IN, _OUT = Direction.INGRESS, Direction.EGRESS
_SIZE = 20 + 8 + 4  # bytes of each packet


def _to(port: int, action: Action, number: int = 0) -> MatchRule:
    return rule(number, action, protocol=UDP, destination=MatchPeer(ports=(PortRange(port, port),)))


def _policies() -> list[RuleLists]:
    return [
        lists(
            _WEB,
            [
                _to(4001, Action.ALLOW),
                _to(4002, Action.DENY, 1),
                _to(4003, Action.ALLOW, 2),
                _to(4004, Action.PASS, 3),
            ],
            [rule()],
        ),
        lists(_REST, [_to(4005, Action.DENY)], []),
    ]


def policy() -> HostPolicy:
    return host_policy(("lo",), [TierStep("default", (_WEB, _REST))], rules=_policies())


def send(namespace: Namespace, port: int, count: int) -> None:
    """Packets over the loopback, each of a new connection."""

    def run() -> None:
        for _ in range(count):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made, contextlib.suppress(OSError):
                made.sendto(b"four", ("127.0.0.1", port))

    namespace.call(run)


@pytest.fixture
def loopback(namespace: Namespace) -> Namespace:
    namespace.call(lambda: subprocess.run(["ip", "link", "set", "lo", "up"], check=True))
    return namespace


def packets(enforcer: Enforcer) -> Mapping[Counted, int]:
    """What was counted, if anything was."""
    values = enforcer.counters()
    assert all(value.bytes == value.packets * _SIZE for value in values.values())
    return {counted: value.packets for counted, value in values.items() if value.packets}


@pytest.mark.parametrize("style", [DEFAULT_STYLE, RuleStyle(rules=0), NO_LOOKUPS])
def test_each_rule_counts_the_packets_that_it_decides_about(
    loopback: Namespace, nft: NamespaceNft, style: RuleStyle
) -> None:
    enforcer = Enforcer(nft, style=replace(style, counting=Counting.RULE))
    enforcer.enforce(policy())
    for port, count in ((4001, 1), (4002, 2), (4003, 3), (4004, 4), (4005, 5), (4006, 6)):
        send(loopback, port, count)
    assert packets(enforcer) == {
        Counted("POLICY_ALLOW", _IN, "default/web", 0): 1,
        Counted("POLICY_DENY", _IN, "default/web", 1): 2,
        Counted("POLICY_ALLOW", _IN, "default/web", 2): 3,
        Counted("POLICY_PASS", _IN, "default/web", 3): 4,
        Counted("NO_MATCH_DENY", _IN): 4,
        Counted("POLICY_DENY", _IN, "default/rest", 0): 5,
        Counted("TIER_DEFAULT_DENY", _IN, "default"): 6,
        Counted("POLICY_ALLOW", _OUT, "default/web", 0): 21,
    }


def test_policies_count_in_all_and_go_on_counting_when_they_change(
    loopback: Namespace, nft: NamespaceNft
) -> None:
    enforcer = Enforcer(nft, style=RuleStyle(counting=Counting.POLICY))
    enforcer.enforce(policy())
    send(loopback, 4001, 1)
    send(loopback, 4003, 3)
    web, rest = _policies()
    enforcer.enforce(
        host_policy(
            ("lo",),
            [TierStep("default", (_WEB, _REST))],
            rules=[replace(web, ingress=web.ingress[:1]), rest],
        )
    )
    send(loopback, 4001, 5)
    send(loopback, 4003, 1)
    found = packets(enforcer)
    assert found[Counted("POLICY_ALLOW", _IN, "default/web")] == 9
    assert found[Counted("TIER_DEFAULT_DENY", _IN, "default")] == 1


def test_without_counting_there_is_nothing_to_read(loopback: Namespace, nft: NamespaceNft) -> None:
    enforcer = Enforcer(nft)
    enforcer.enforce(policy())
    send(loopback, 4002, 1)
    assert enforcer.counters() == {}
    assert "counter" not in loopback.nft("list", "ruleset")


def test_what_is_counted_can_be_changed_in_force_and_back(loopback: Namespace, nft: NamespaceNft) -> None:
    enforcer = Enforcer(nft)
    for counting in (Counting.RULE, Counting.NONE, Counting.POLICY, Counting.NONE):
        enforcer.style = RuleStyle(counting=counting)
        enforcer.enforce(policy())
        assert ("counter" in loopback.nft("list", "ruleset")) == (counting is not Counting.NONE)


def test_counters_that_somebody_deletes_come_back(loopback: Namespace, nft: NamespaceNft) -> None:
    enforcer = Enforcer(nft, style=RuleStyle(counting=Counting.RULE))
    enforcer.enforce(policy())
    loopback.nft("flush", "ruleset")
    assert enforcer.repair(Touched()).damage == (TABLE_DELETED,)
    send(loopback, 4002, 2)
    assert packets(enforcer)[Counted("POLICY_DENY", _IN, "default/web", 1)] == 2
