from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catflap.model.decoded import ResourceChange
from catflap.model.resources import (
    Action,
    Direction,
    Encoding,
    HostEndpoint,
    Kind,
    Peer,
    Policy,
    ProfileLabels,
    ProfileRules,
    ProfileTags,
    ReadyFlag,
    Resource,
    ResourceKey,
    Rule,
    Tier,
)
from catflap.model.selector import parse_selector
from catflap.policy import HostPolicy, PolicyEngine, Settings
from catflap.policy.engine import DEFAULT_ALLOW_KEY
from catflap.policy.host_policy import InterfacePolicy, IpSet

from .conftest import World, endpoint_key, policy_key

ALLOW_WEB = (Rule(Action.ALLOW, source=Peer(selector=parse_selector('role == "web"'))),)


def only_interface(policy: HostPolicy) -> InterfacePolicy:
    (interface,) = policy.interfaces
    return interface


def the_set(policy: HostPolicy) -> IpSet:
    (ip_set,) = policy.ip_sets.values()
    return ip_set


def test_nothing_is_policed_without_endpoints(world: World) -> None:
    world.policy("web")
    assert world.engine.host_policy() == HostPolicy()


def test_an_endpoint_without_policy_is_policed_with_nothing_allowed(world: World) -> None:
    world.endpoint("data", interface="eth0")
    interface = only_interface(world.engine.host_policy())
    assert interface.interface == "eth0"
    assert interface.ingress.tiers == ()
    assert interface.ingress.profiles == ()


def test_endpoints_of_other_hosts_are_not_enforced_here(world: World) -> None:
    world.endpoint("data", "db1", interface="eth0")
    assert world.engine.host_policy().interfaces == ()


def test_a_policy_applies_where_its_selector_matches(world: World) -> None:
    world.endpoint("a", interface="eth0", labels={"role": "web"})
    world.endpoint("b", interface="eth1", labels={"role": "db"})
    world.policy("web", 'role == "web"')
    first, second = world.engine.host_policy().interfaces
    assert [step.policies for step in first.ingress.tiers] == [(policy_key("web"),)]
    assert second.ingress.tiers == ()


def test_a_policy_that_applies_nowhere_is_no_part_of_the_host_policy(world: World) -> None:
    world.endpoint("a", interface="eth0")
    world.policy("db", 'role == "db"', ingress=ALLOW_WEB)
    policy = world.engine.host_policy()
    assert policy.policies == {}
    assert policy.ip_sets == {}


def test_sets_hold_expected_addresses_of_all_hosts(world: World) -> None:
    world.endpoint("a", interface="eth0", ips=("192.0.2.1",), labels={"role": "web"})
    world.endpoint("b", "other", ips=("192.0.2.2", "2001:db8::2"), labels={"role": "web"})
    world.endpoint("named-only", "other", interface="eth9", labels={"role": "web"})
    world.policy("web", ingress=ALLOW_WEB)
    assert the_set(world.engine.host_policy()).members == {"192.0.2.1", "192.0.2.2", "2001:db8::2"}


def test_labels_inherited_from_profiles_select_and_fill_sets(world: World) -> None:
    world.endpoint("a", interface="eth0", ips=("192.0.2.1",), profiles=("base",))
    world.policy("web", 'role == "web"', ingress=ALLOW_WEB)
    assert only_interface(world.engine.host_policy()).ingress.tiers == ()
    world.set(ResourceKey(Kind.PROFILE_LABELS, "base"), ProfileLabels("base", {"role": "web"}))
    policy = world.engine.host_policy()
    assert len(only_interface(policy).ingress.tiers) == 1
    assert the_set(policy).members == {"192.0.2.1"}


def test_tags_of_profiles_fill_sets(world: World) -> None:
    world.endpoint("a", interface="eth0")
    world.endpoint("b", "other", ips=("192.0.2.2",), profiles=("base",))
    world.policy("p", ingress=(Rule(Action.ALLOW, source=Peer(tag="trusted")),))
    assert the_set(world.engine.host_policy()).members == frozenset()
    world.set(ResourceKey(Kind.PROFILE_TAGS, "base"), ProfileTags("base", frozenset({"trusted"})))
    assert the_set(world.engine.host_policy()).members == {"192.0.2.2"}


def test_a_profile_without_rules_is_marked_missing(world: World) -> None:
    world.endpoint("a", interface="eth0", profiles=("base", "gone"))
    world.set(ResourceKey(Kind.PROFILE_RULES, "base"), ProfileRules("base", egress=(Rule(Action.ALLOW),)))
    policy = world.engine.host_policy()
    steps = only_interface(policy).egress.profiles
    assert [(step.name, step.key is None) for step in steps] == [("base", False), ("gone", True)]
    assert [lists.title for lists in policy.profiles.values()] == ["profile base"]


def test_the_profile_that_allows_everything_is_built_in_and_can_be_replaced(world: World) -> None:
    world.endpoint("a", interface="eth0", profiles=(DEFAULT_ALLOW_KEY.name,))
    built_in = world.engine.host_policy().profiles[DEFAULT_ALLOW_KEY]
    assert [rule.action for rule in built_in.ingress + built_in.egress] == [Action.ALLOW, Action.ALLOW]
    world.set(DEFAULT_ALLOW_KEY, ProfileRules(DEFAULT_ALLOW_KEY.name))
    assert world.engine.host_policy().profiles[DEFAULT_ALLOW_KEY].ingress == ()
    world.remove(DEFAULT_ALLOW_KEY)
    assert world.engine.host_policy().profiles[DEFAULT_ALLOW_KEY] == built_in


def test_deleting_one_of_two_endpoints_never_opens_the_interface(world: World) -> None:
    world.endpoint("a", interface="eth0")
    world.endpoint("b", interface="eth0")
    assert only_interface(world.engine.host_policy()).endpoint.name == "a"
    assert "using a, not b" in world.engine.notices[0]
    world.remove(endpoint_key("a"))
    assert only_interface(world.engine.host_policy()).endpoint.name == "b"
    assert not world.engine.notices


def test_an_expected_address_that_moves_takes_policing_with_it(world: World) -> None:
    world.endpoint("a", ips=("192.0.2.1",))
    world.engine.set_interfaces({"eth0": {"192.0.2.1"}, "eth1": set()})
    assert only_interface(world.engine.host_policy()).interface == "eth0"
    world.engine.set_interfaces({"eth0": set(), "eth1": {"192.0.2.1"}})
    assert only_interface(world.engine.host_policy()).interface == "eth1"


def test_a_policy_in_a_missing_tier_is_reported_and_enforced_once_the_tier_exists(world: World) -> None:
    world.endpoint("a", interface="eth0")
    world.policy("web", tier="security")
    assert only_interface(world.engine.host_policy()).ingress.tiers == ()
    assert world.engine.notices == ("Ignoring policy security/web because its tier metadata is missing.",)
    world.set(ResourceKey(Kind.TIER, "security"), Tier("security", 5))
    assert [step.name for step in only_interface(world.engine.host_policy()).ingress.tiers] == ["security"]
    assert not world.engine.notices


def test_a_replaced_policy_is_resolved_anew(world: World) -> None:
    world.endpoint("a", interface="eth0", ips=("192.0.2.1",), labels={"role": "web"})
    world.policy("web", ingress=ALLOW_WEB)
    assert len(world.engine.host_policy().ip_sets) == 1
    world.policy("web")
    policy = world.engine.host_policy()
    assert policy.ip_sets == {}
    assert policy.policies[policy_key("web")].ingress == ()


def test_policies_with_the_same_selector_do_not_depend_on_each_other(world: World) -> None:
    world.endpoint("a", interface="eth0")
    world.policy("one")
    world.policy("two")
    world.remove(policy_key("one"))
    (step,) = only_interface(world.engine.host_policy()).ingress.tiers
    assert step.policies == (policy_key("two"),)


def test_other_kinds_are_left_alone(world: World) -> None:
    world.set(ResourceKey(Kind.READY, "Ready"), ReadyFlag(ready=True, text="true"))
    assert world.engine.host_policy() == HostPolicy()


def test_a_resource_of_the_wrong_kind_is_a_fault_of_ours(world: World) -> None:
    with pytest.raises(TypeError, match="GlobalNetworkPolicy default/p cannot be Tier"):
        world.set(policy_key("p"), Tier("p"))


SELECTORS = st.sampled_from([parse_selector(t) for t in ("all()", 'a == "x"', 'a != "x"', "has(b)")])
NAMES = st.sampled_from(["p", "q"])
TIERS = st.sampled_from(["default", "t"])
LABELS = st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"), max_size=2)
IPS = st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]), unique=True).map(tuple)
PEERS = st.builds(Peer, selector=st.none() | SELECTORS, not_tag=st.none() | st.just("t"))
RULES = st.lists(st.builds(Rule, st.sampled_from(Action), source=PEERS), max_size=2).map(tuple)
ENCODINGS = st.sampled_from(Encoding)
ENDPOINTS = st.builds(
    lambda name, node, interface, ips, labels, profiles: (
        endpoint_key(name, node),
        HostEndpoint(name, node, interface, ips, labels, profiles),
    ),
    NAMES,
    st.sampled_from(["web1", "db1"]),
    st.none() | st.sampled_from(["eth0", "eth1"]),
    IPS,
    LABELS,
    st.lists(NAMES, max_size=2).map(tuple),
)
POLICIES = st.builds(
    lambda name, tier, selector, order, ingress, types: (
        policy_key(name, tier),
        Policy(name, tier, selector, order, ingress, types=types),
    ),
    NAMES,
    TIERS,
    SELECTORS,
    st.sampled_from([0.0, 1.0]),
    RULES,
    st.sets(st.sampled_from(Direction), min_size=1).map(frozenset),
)
PARTS = st.one_of(
    st.builds(
        lambda n, e, o: (ResourceKey(Kind.TIER, n, encoding=e), Tier(n, o)), TIERS, ENCODINGS, st.just(1.0)
    ),
    st.builds(
        lambda n, e, r: (ResourceKey(Kind.PROFILE_RULES, n, encoding=e), ProfileRules(n, r)),
        NAMES,
        ENCODINGS,
        RULES,
    ),
    st.builds(
        lambda n, e, v: (ResourceKey(Kind.PROFILE_LABELS, n, encoding=e), ProfileLabels(n, v)),
        NAMES,
        ENCODINGS,
        LABELS,
    ),
    st.builds(
        lambda n, v: (ResourceKey(Kind.PROFILE_TAGS, n), ProfileTags(n, frozenset(v))),
        NAMES,
        st.sets(st.just("t")),
    ),
)
CHANGES = st.lists(
    st.tuples(st.one_of(ENDPOINTS, POLICIES, PARTS), st.booleans(), st.booleans()), min_size=1, max_size=25
)


def fresh(
    new_world: Callable[[], World], data: dict[ResourceKey, Resource]
) -> tuple[HostPolicy, tuple[str, ...]]:
    engine = new_world().engine
    engine.set_interfaces(INTERFACES)
    engine.apply(ResourceChange(key, resource) for key, resource in data.items())
    return engine.host_policy(), engine.notices


INTERFACES = {"eth0": {"192.0.2.1"}, "eth1": {"192.0.2.2", "2001:db8::1"}}


@given(changes=CHANGES)
@settings(max_examples=300)
def test_any_sequence_of_changes_ends_where_a_fresh_start_does(
    changes: list[tuple[tuple[ResourceKey, Resource], bool, bool]],
) -> None:
    engine = PolicyEngine(Settings("web1"))
    engine.set_interfaces(INTERFACES)
    data: dict[ResourceKey, Resource] = {}
    for (key, resource), delete, look in changes:
        engine.apply((ResourceChange(key, None if delete else resource),))
        data[key] = resource
        if delete:
            del data[key]
        if look:
            engine.host_policy()
    assert (engine.host_policy(), engine.notices) == fresh(World, data)
    assert fresh(World, dict(reversed(data.items()))) == fresh(World, data)
