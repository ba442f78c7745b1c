from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.nft.host_policies import complete, host_policies, host_policy, lists, policy_key, rule, workload
from tests.nft.packets import packet, packets

from catflap.model.resources import PortRange
from catflap.nft.degrade import closed, kept
from catflap.policy.host_policy import (
    DirectionPolicy,
    Failsafe,
    FailsafePort,
    HostPolicy,
    IpSet,
    MatchPeer,
    TierStep,
)
from catflap.verdict.evaluate import Evaluator
from catflap.verdict.packet import ConnectionState, Packet, Path
from catflap.verdict.result import Outcome

_A, _B = policy_key("a"), policy_key("b")


def allowed(policy: HostPolicy, each: Packet) -> bool:
    return Evaluator(policy).evaluate(each).outcome is Outcome.ALLOW


def everywhere(policy: HostPolicy) -> set[str]:
    return {item.interface for item in policy.interfaces} | {item.interface for item in policy.workloads}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(host_policies(), st.data())
def test_closed_lets_nothing_new_through_that_policy_denies(policy: HostPolicy, data: st.DataObject) -> None:
    some = data.draw(st.sets(st.sampled_from(sorted(everywhere(policy))))) if everywhere(policy) else set()
    degraded = closed(policy, some)
    for each in data.draw(st.lists(packets(policy), min_size=12, max_size=12)):
        new = replace(each, state=ConnectionState.NEW)
        assert allowed(policy, new) or not allowed(degraded, new)


def test_closed_locks_nobody_out() -> None:
    ssh = Failsafe((FailsafePort(6, PortRange(22, 22)),))
    policy = host_policy(tiers=[TierStep("default", (_A,))], rules=[lists(_A, [rule()])], failsafe=ssh)
    degraded = closed(policy, {"eth0"})
    assert allowed(degraded, packet(destination_port=22))
    assert allowed(degraded, packet(state=ConnectionState.ESTABLISHED))
    assert allowed(degraded, packet("fe80::1", "fe80::2", 58, icmp_type=135, icmp_code=0, hop_limit=255))
    assert not allowed(degraded, packet())
    assert not allowed(degraded, packet(path=Path.OUT))


def test_closed_closes_no_other_interface_and_no_way_that_was_open_to_all() -> None:
    policy = host_policy(("eth0", "eth1"), [TierStep("default", (_A,))], rules=[lists(_A, [rule()])])
    degraded = closed(policy, {"eth1"})
    assert allowed(degraded, packet())
    assert not allowed(degraded, packet(interface="eth1"))
    assert allowed(degraded, packet(path=Path.FORWARD, interface="eth1", out_interface="eth1"))


def test_what_an_early_hook_denied_to_forwarded_packets_is_denied_later() -> None:
    policy = host_policy()
    (item,) = policy.interfaces
    early = complete(
        replace(policy, interfaces=(replace(item, pre_dnat=(TierStep("default", (_A,)),)),)), [lists(_A)]
    )
    assert not allowed(closed(early, {"eth0"}), packet(path=Path.FORWARD, out_interface="eth1"))


def _policy(first: str, second: str, *interfaces: str) -> HostPolicy:
    """Two interfaces with a policy each, which uses a set each."""
    base = host_policy(interfaces)
    steps = {"eth0": _A, "eth1": _B}
    items = []
    for item in base.interfaces:
        side = DirectionPolicy((TierStep("default", (steps[item.interface],)),))
        items.append(replace(item, ingress=side, egress=side))
    rules = [
        lists(_A, [rule(source=MatchPeer(ip_sets=("a",)))]),
        lists(_B, [rule(source=MatchPeer(ip_sets=("b",)))]),
    ]
    ip_sets = {"a": IpSet("a", "", frozenset({first})), "b": IpSet("b", "", frozenset({second}))}
    return complete(replace(base, interfaces=tuple(items), ip_sets=ip_sets), rules)


_OLD = _policy("10.0.0.1", "10.0.0.1", "eth0", "eth1")
_NEW = _policy("10.0.0.9", "10.0.0.9", "eth0", "eth1")


def test_one_interface_stays_as_it_was_while_the_other_changes() -> None:
    found = kept(_NEW, _OLD, {"eth0"})
    assert found is not None
    policy, staying = found
    assert staying == {"eth0"}
    assert policy.ip_sets["a"] == _OLD.ip_sets["a"]
    assert policy.ip_sets["b"] == _NEW.ip_sets["b"]
    assert allowed(policy, packet("10.0.0.1"))
    assert allowed(policy, packet("10.0.0.9", interface="eth1"))
    assert not allowed(policy, packet("10.0.0.1", interface="eth1"))


def test_nothing_stays_that_needs_what_others_must_not_meet_any_more() -> None:
    old = _policy("10.0.0.1", "10.0.0.1", "eth0")
    tiers = DirectionPolicy((TierStep("default", (_A,)),))
    both = host_policy(("eth0", "eth1"))
    shared = tuple(replace(item, ingress=tiers, egress=tiers) for item in both.interfaces)
    new = complete(
        replace(both, interfaces=shared, ip_sets={"a": IpSet("a", "", frozenset({"10.0.0.9"}))}),
        [lists(_A, [rule(source=MatchPeer(ip_sets=("a",)))])],
    )
    assert kept(new, old, {"eth0"}) is None


def test_an_interface_that_was_not_policed_does_not_stay_so() -> None:
    new = _policy("10.0.0.9", "10.0.0.9", "eth0", "eth1")
    old = _policy("10.0.0.1", "10.0.0.1", "eth0")
    assert kept(new, old, {"eth1"}) is None
    found = kept(new, old, {"eth0", "eth1"})
    assert found is not None
    assert found[1] == {"eth0"}


def test_with_another_mark_nothing_stays() -> None:
    assert kept(replace(_NEW, accept_mark=1), _OLD, {"eth0"}) is None


def test_workloads_stay_or_are_closed_as_well() -> None:
    side = DirectionPolicy((TierStep("default", (_A,)),))
    rules = [lists(_A, [rule()])]
    with_workload = HostPolicy(workloads=(workload("cali1", ingress=side),), workload_prefixes=("cali",))
    new = complete(with_workload, rules)
    old = complete(replace(with_workload, workloads=(workload("cali1", egress=side),)), rules)
    assert closed(new, {"cali1"}).workloads == (workload("cali1"),)
    found = kept(new, old, {"cali1"})
    assert found is not None
    assert found[0].workloads == old.workloads
