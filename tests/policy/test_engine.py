from __future__ import annotations

import pytest

from catflap.model.resources import (
    TCP,
    UDP,
    Action,
    Encoding,
    EndpointPort,
    HostEndpoint,
    Kind,
    NetworkSet,
    Peer,
    PolicyKind,
    ProfileLabels,
    ProfileRules,
    ProfileTags,
    ReadyFlag,
    ResourceKey,
    Rule,
    StagedPolicy,
    Tier,
)
from catflap.model.selector import parse_selector
from catflap.policy import HostPolicy, Settings
from catflap.policy.host_policy import InterfacePolicy, IpSet, PortSet, SocketAddress
from catflap.policy.profiles import DEFAULT_ALLOW_KEY

from .conftest import World, endpoint_key, network_set_key, policy_key, workload_key

NOTHING = HostPolicy(workload_prefixes=("cali",))
HTTP = EndpointPort("http", TCP, 80)
ALLOW_HTTP = (Rule(Action.ALLOW, protocol=TCP, destination=Peer(named_ports=("http",))),)
ALLOW_WEB = (Rule(Action.ALLOW, source=Peer(selector=parse_selector('role == "web"'))),)


def only_interface(policy: HostPolicy) -> InterfacePolicy:
    (interface,) = policy.interfaces
    return interface


def the_set(policy: HostPolicy) -> IpSet:
    (ip_set,) = policy.ip_sets.values()
    return ip_set


def test_nothing_is_policed_without_endpoints(world: World) -> None:
    world.policy("web")
    assert world.engine.host_policy() == NOTHING


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


def test_labels_of_a_namespace_come_to_its_network_sets_and_go(world: World) -> None:
    world.endpoint("a", interface="eth0")
    world.policy("web", ingress=ALLOW_WEB)
    world.set(network_set_key("partners"), NetworkSet("partners", ("198.51.100.0/24",), profiles=("kns.a",)))
    assert the_set(world.engine.host_policy()).members == set()
    labels_key = ResourceKey(Kind.PROFILE_LABELS, "kns.a", encoding=Encoding.V3)
    world.set(labels_key, ProfileLabels("kns.a", {"role": "web"}))
    assert the_set(world.engine.host_policy()).members == {"198.51.100.0/24"}
    assert world.engine.effective_labels(network_set_key("partners")) == {"role": "web"}
    world.remove(labels_key)
    assert the_set(world.engine.host_policy()).members == set()


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
    assert "using host endpoint web1/a, not host endpoint web1/b" in world.engine.notices[0]
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
    assert world.engine.host_policy() == NOTHING


def test_a_resource_of_the_wrong_kind_is_a_fault_of_ours(world: World) -> None:
    with pytest.raises(TypeError, match="GlobalNetworkPolicy default/p cannot be Tier"):
        world.set(policy_key("p"), Tier("p"))


def the_port_set(policy: HostPolicy) -> PortSet:
    (port_set,) = policy.port_sets.values()
    return port_set


def test_network_sets_and_workloads_of_all_hosts_fill_sets(world: World) -> None:
    world.endpoint("a", interface="eth0")
    world.policy("p", ingress=ALLOW_WEB)
    world.network_set("partners", "198.51.100.0/24", "192.0.2.1/32", role="web")
    world.workload("w", "cali1", "other", addresses=("192.0.2.7",), labels={"role": "web"}, active=False)
    assert the_set(world.engine.host_policy()).members == {"198.51.100.0/24", "192.0.2.1", "192.0.2.7"}
    world.remove(network_set_key("partners"))
    world.remove(workload_key("w", "other"))
    assert the_set(world.engine.host_policy()).members == set()


def test_an_address_of_a_network_set_stays_while_an_endpoint_has_it(world: World) -> None:
    world.endpoint("a", interface="eth0", ips=("192.0.2.1",), labels={"role": "web"})
    world.policy("p", ingress=ALLOW_WEB)
    world.network_set("partners", "192.0.2.1/32", role="web")
    world.remove(network_set_key("partners"))
    assert the_set(world.engine.host_policy()).members == {"192.0.2.1"}


def test_named_ports_mean_the_endpoints_that_have_them(world: World) -> None:
    world.endpoint("a", interface="eth0", ips=("192.0.2.1", "2001:db8::1"), ports=(HTTP,))
    world.workload("w", "cali1", "other", addresses=("192.0.2.7",), ports=(EndpointPort("http", TCP, 8080),))
    world.endpoint("udp-only", "other", ips=("192.0.2.8",), ports=(EndpointPort("http", UDP, 80),))
    world.policy("p", ingress=ALLOW_HTTP)
    policy = world.engine.host_policy()
    assert the_port_set(policy).members == {
        SocketAddress("192.0.2.1", TCP, 80),
        SocketAddress("2001:db8::1", TCP, 80),
        SocketAddress("192.0.2.7", TCP, 8080),
    }
    (rule,) = policy.policies[policy_key("p")].ingress
    assert rule.destination.port_sets == (the_port_set(policy).id,)
    assert policy.ip_sets == {}
    world.endpoint("a", interface="eth0", ips=("192.0.2.1",))
    world.remove(workload_key("w", "other"))
    assert the_port_set(world.engine.host_policy()).members == set()


def test_workloads_of_this_host_are_policed_at_their_interfaces(world: World) -> None:
    world.workload("w", "cali1", addresses=("192.0.2.7",), labels={"role": "web"}, profiles=("base",))
    world.workload("w", "cali2", "other", labels={"role": "web"})
    world.policy("web", 'role == "web"')
    policy = world.engine.host_policy()
    (workload,) = policy.workloads
    assert (workload.interface, workload.addresses) == ("cali1", ("192.0.2.7",))
    assert [step.policies for step in workload.egress.tiers] == [(policy_key("web"),)]
    assert [step.key for step in workload.ingress.profiles] == [None]
    assert list(policy.policies) == [policy_key("web")]
    assert policy.interfaces == ()


def test_each_kind_of_policy_is_in_the_host_policy_with_its_kind(world: World) -> None:
    world.endpoint("a", interface="eth0")
    for kind in PolicyKind:
        world.policy(kind.name, kind=kind, apply_on_forward=True)
    policy = world.engine.host_policy()
    interface = only_interface(policy)
    assert {lists.kind for lists in policy.policies.values()} == set(PolicyKind)
    for steps, kind in (
        (interface.ingress.tiers, PolicyKind.NORMAL),
        (interface.forward_egress, PolicyKind.NORMAL),
        (interface.untracked_egress, PolicyKind.UNTRACKED),
        (interface.pre_dnat, PolicyKind.PRE_DNAT),
    ):
        assert [step.policies for step in steps] == [(policy_key(kind.name),)]


def test_templates_follow_the_hosts_labels(world: World) -> None:
    world.template("all-of-a", 'zone == "a"')
    assert world.engine.host_policy().interfaces == ()
    world.node("web1", zone="a")
    world.node("other", zone="b")
    assert only_interface(world.engine.host_policy()).interface == "*"
    world.engine.settings = Settings("web1", node_labels={"zone": "b"})
    assert world.engine.host_policy().interfaces == ()


def test_policies_select_the_automatic_endpoint_like_any_other(world: World) -> None:
    world.engine.settings = Settings("web1", auto_host_endpoints=True, node_labels={"zone": "a"})
    world.policy("created", 'projectcalico.org/created-by == "catflap" && zone == "a"')
    interface = only_interface(world.engine.host_policy())
    assert (interface.interface, interface.endpoint.name) == ("*", "web1-auto-hep")
    assert [step.policies for step in interface.ingress.tiers] == [(policy_key("created"),)]
    assert [step.key for step in interface.egress.profiles] == [DEFAULT_ALLOW_KEY]
    endpoint = world.engine.endpoint(interface.endpoint)
    assert isinstance(endpoint, HostEndpoint)
    assert world.engine.effective_labels(interface.endpoint) == endpoint.labels
    world.template("all", "all()")
    assert only_interface(world.engine.host_policy()).endpoint.name == "all"
    assert world.engine.endpoint(interface.endpoint) is None


def test_staged_policies_are_reported_and_not_enforced(world: World) -> None:
    world.endpoint("a", interface="eth0")
    key = ResourceKey(Kind.STAGED_POLICY, "draft", encoding=Encoding.V3)
    world.set(key, StagedPolicy("draft", "default", "Set"))
    assert world.engine.host_policy().policies == {}
    assert world.engine.notices == ("Staged policy default/draft is not enforced",)
    world.remove(key)
    world.engine.host_policy()
    assert not world.engine.notices


def test_without_changes_the_same_object_is_given_out(world: World) -> None:
    world.endpoint("a", interface="eth0", labels={"role": "web"})
    world.policy("p", ingress=ALLOW_WEB)
    first = world.engine.host_policy()
    assert world.engine.host_policy() is first
    world.endpoint("unrelated", "other", ips=("192.0.2.9",))
    assert world.engine.host_policy() is first
    world.endpoint("related", "other", ips=("192.0.2.8",), labels={"role": "web"})
    second = world.engine.host_policy()
    assert second != first
    assert second.interfaces is first.interfaces
    assert second.policies is first.policies


def test_owners_name_what_brings_an_address_into_a_set(world: World) -> None:
    world.endpoint("a", interface="eth0", ips=("192.0.2.1",), labels={"role": "web"}, ports=(HTTP,))
    world.network_set("partners", "192.0.2.0/24", role="web")
    world.workload("w", "cali1", "other", addresses=("192.0.2.1",), labels={"role": "db"})
    world.policy("p", ingress=ALLOW_WEB + ALLOW_HTTP)
    policy = world.engine.host_policy()
    endpoint, partners = "host endpoint web1/a", "network set partners"
    assert world.engine.owners(the_set(policy).id, "192.0.2.1") == (endpoint, partners)
    assert world.engine.owners(the_set(policy).id, "192.0.2.2") == (partners,)
    assert world.engine.owners(the_port_set(policy).id, "192.0.2.1") == (endpoint,)


def test_effective_labels_are_those_that_selectors_see_and_no_more(world: World) -> None:
    world.set(ResourceKey(Kind.PROFILE_LABELS, "base"), ProfileLabels("base", {"env": "prod"}))
    world.set(ResourceKey(Kind.PROFILE_TAGS, "base"), ProfileTags("base", frozenset({"trusted"})))
    world.endpoint("a", labels={"role": "web"}, profiles=("base",), ports=(HTTP,))
    assert world.engine.effective_labels(endpoint_key("a")) == {"env": "prod", "role": "web"}
    with pytest.raises(KeyError, match="missing"):
        world.engine.effective_labels(endpoint_key("missing"))


def test_candidates_for_an_interface(world: World) -> None:
    world.endpoint("b", interface="eth0")
    world.endpoint("a", interface="e*")
    found = world.engine.interface_candidates("eth0")
    assert found.winner is not None
    assert found.winner.endpoint == endpoint_key("b")
    assert [claim.endpoint for claim in found.losers] == [endpoint_key("a")]


def test_the_endpoints_of_this_host(world: World) -> None:
    world.endpoint("here")
    world.endpoint("there", host="web2")
    world.workload("w", "cali1")
    assert world.engine.local_endpoints == frozenset()
    world.engine.host_policy()
    assert world.engine.local_endpoints == {endpoint_key("here"), workload_key("w")}
