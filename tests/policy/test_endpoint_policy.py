from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from catflap.model.resources import BOTH_DIRECTIONS, Direction, Policy, PolicyKind, Tier, WorkloadEndpoint
from catflap.model.selector import parse_selector
from catflap.policy.endpoint_policy import interface_policy, policy_keys, profile_keys, workload_policy
from catflap.policy.host_policy import InterfacePolicy, ProfileStep, TierStep
from catflap.policy.profiles import DEFAULT_ALLOW_KEY
from catflap.policy.tiers import TierGroup

from .conftest import endpoint_key, policy_key, workload_key

KEY, WORKLOAD_KEY, P = endpoint_key("data"), workload_key("w"), policy_key("p")
PROFILES = (ProfileStep("base", DEFAULT_ALLOW_KEY), ProfileStep("gone", None))
INGRESS, EGRESS = frozenset({Direction.INGRESS}), frozenset({Direction.EGRESS})
LISTS: Mapping[str, Callable[[InterfacePolicy], tuple[TierStep, ...]]] = {
    "ingress": lambda item: item.ingress.tiers,
    "egress": lambda item: item.egress.tiers,
    "forward_ingress": lambda item: item.forward_ingress,
    "forward_egress": lambda item: item.forward_egress,
    "untracked_ingress": lambda item: item.untracked_ingress,
    "untracked_egress": lambda item: item.untracked_egress,
    "pre_dnat": lambda item: item.pre_dnat,
}


def groups(
    kind: PolicyKind = PolicyKind.NORMAL,
    types: frozenset[Direction] = BOTH_DIRECTIONS,
    *,
    forward: bool = False,
) -> tuple[TierGroup]:
    policy = Policy("p", "t", parse_selector("all()"), types=types, kind=kind, apply_on_forward=forward)
    return (TierGroup("t", Tier("t"), ((P, policy),)),)


def filled(item: InterfacePolicy) -> set[str]:
    return {name for name, steps in LISTS.items() if steps(item) == (TierStep("t", (P,)),)}


@pytest.mark.parametrize(
    ("applicable", "lists"),
    [
        ((), set()),
        (groups(), {"ingress", "egress"}),
        (groups(types=INGRESS), {"ingress"}),
        (groups(types=EGRESS), {"egress"}),
        (groups(forward=True), {"ingress", "egress", "forward_ingress", "forward_egress"}),
        (groups(types=INGRESS, forward=True), {"ingress", "forward_ingress"}),
        (groups(PolicyKind.UNTRACKED, forward=True), {"untracked_ingress", "untracked_egress"}),
        (groups(PolicyKind.UNTRACKED, EGRESS), {"untracked_egress"}),
        (groups(PolicyKind.PRE_DNAT, forward=True), {"pre_dnat"}),
        (groups(PolicyKind.PRE_DNAT, INGRESS), {"pre_dnat"}),
        (groups(PolicyKind.PRE_DNAT, EGRESS), set()),
    ],
)
def test_a_policy_is_in_the_lists_of_its_kind_and_directions(
    applicable: tuple[TierGroup, ...], lists: set[str]
) -> None:
    item = interface_policy("eth0", KEY, applicable, PROFILES)
    assert filled(item) == lists
    assert {name for name, steps in LISTS.items() if steps(item)} == lists
    assert policy_keys([item]) == ({P} if lists else set())


def test_profiles_follow_in_both_directions() -> None:
    item = interface_policy("eth0", KEY, (), PROFILES)
    assert (item.interface, item.endpoint) == ("eth0", KEY)
    assert item.ingress.profiles == item.egress.profiles == PROFILES
    assert profile_keys([item]) == {DEFAULT_ALLOW_KEY}


def test_a_workload_has_normal_policy_and_profiles_and_its_own_addresses() -> None:
    endpoint = WorkloadEndpoint(
        "w",
        "web1",
        "cali1",
        mac="02:00:00:00:00:01",
        addresses=("192.0.2.1",),
        spoofable_nets=("10.0.0.0/8",),
        gateway6="fe80::1",
    )
    item = workload_policy(endpoint, WORKLOAD_KEY, groups(types=INGRESS), PROFILES)
    assert (item.interface, item.endpoint) == ("cali1", WORKLOAD_KEY)
    assert item.ingress.tiers == (TierStep("t", (P,)),)
    assert item.egress.tiers == ()
    assert item.egress.profiles == PROFILES
    assert (item.mac, item.addresses) == ("02:00:00:00:00:01", ("192.0.2.1",))
    assert (item.spoofable_nets, item.gateway6) == (("10.0.0.0/8",), "fe80::1")
    assert policy_keys([item]) == {P}
    assert profile_keys([item]) == {DEFAULT_ALLOW_KEY}


@pytest.mark.parametrize("kind", [PolicyKind.UNTRACKED, PolicyKind.PRE_DNAT])
def test_the_other_kinds_of_policy_are_not_for_workloads(kind: PolicyKind) -> None:
    endpoint = WorkloadEndpoint("w", "web1", "cali1")
    item = workload_policy(endpoint, WORKLOAD_KEY, groups(kind), ())
    assert (item.ingress.tiers, item.egress.tiers) == ((), ())
