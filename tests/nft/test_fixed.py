from __future__ import annotations

import pytest

from catflap.model.resources import Direction, PortRange
from catflap.nft.fixed import (
    ICMPV6_CHAIN,
    TRACKING_CHAIN,
    WORKLOAD_SERVICES_CHAIN,
    WORKLOAD_SOURCES_CHAIN,
    failsafe_replies_text,
    failsafe_text,
)
from catflap.nft.ruleset import Chain
from catflap.policy.host_policy import Failsafe, FailsafePort

_SSH = FailsafePort(6, PortRange(22, 22))


def test_no_failsafe_ports_give_no_rules() -> None:
    assert failsafe_text(Failsafe(outbound=(_SSH,)), Direction.INGRESS).lines == ()


def test_an_inbound_port_is_the_local_one_and_its_net_the_source() -> None:
    failsafe = Failsafe(inbound=(_SSH, FailsafePort(17, PortRange(67, 68), "10.0.0.0/8")))
    assert failsafe_text(failsafe, Direction.INGRESS).lines == (
        'meta l4proto 6 th dport 22 accept comment "failsafe ingress"',
        'meta l4proto 17 th dport 67-68 ip saddr 10.0.0.0/8 accept comment "failsafe ingress"',
    )


def test_an_outbound_port_is_the_remote_one_and_its_net_the_destination() -> None:
    failsafe = Failsafe(outbound=(FailsafePort(6, PortRange(2379, 2379), "fe80::/10"),))
    assert failsafe_text(failsafe, Direction.EGRESS).lines == (
        'meta l4proto 6 th dport 2379 ip6 daddr fe80::/10 accept comment "failsafe egress"',
    )


def test_replies_come_from_the_ports_of_the_other_list_and_from_its_net() -> None:
    failsafe = Failsafe((_SSH,), (FailsafePort(6, PortRange(2379, 2379), "10.0.0.0/8"),))
    assert failsafe_replies_text(failsafe, Direction.INGRESS).lines == (
        'meta l4proto 6 th sport 2379 ip saddr 10.0.0.0/8 accept comment "replies of failsafe egress"',
    )
    assert failsafe_replies_text(failsafe, Direction.EGRESS).lines == (
        'meta l4proto 6 th sport 22 accept comment "replies of failsafe ingress"',
    )


def test_ports_of_one_protocol_and_net_share_a_rule() -> None:
    text = failsafe_text(Failsafe(inbound=(_SSH, FailsafePort(6, PortRange(80, 80)))), Direction.INGRESS)
    assert len(text.lines) == 1
    assert [item.elements for item in text.needs.values.values()] == [{"22", "80"}]


@pytest.mark.parametrize(
    "chain",
    [ICMPV6_CHAIN, TRACKING_CHAIN, WORKLOAD_SERVICES_CHAIN, WORKLOAD_SOURCES_CHAIN],
    ids=lambda chain: chain.name,
)
def test_fixed_chains_only_accept(chain: Chain) -> None:
    assert all(" accept comment " in rule for rule in chain.rules)
