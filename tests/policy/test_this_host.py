from __future__ import annotations

import pytest

from catflap.model.resources import (
    Action,
    HostEndpoint,
    Kind,
    Peer,
    Policy,
    ProfileRules,
    ResourceKey,
    Rule,
    Tier,
    WorkloadEndpoint,
)
from catflap.model.selector import parse_selector
from catflap.policy.endpoints import EndpointTable
from catflap.policy.profiles import ProfileTable
from catflap.policy.settings import Settings
from catflap.policy.this_host import ThisHost
from catflap.policy.tiers import TierTable

from .conftest import endpoint_key, policy_key, workload_key

WEB, DB = parse_selector('role == "web"'), parse_selector('role == "db"')
BASE = ResourceKey(Kind.PROFILE_RULES, "base")


class Tables:
    """A host with a web endpoint, a database endpoint and a workload, and a policy for each of the first two."""

    def __init__(self) -> None:
        self.profiles, self.tiers = ProfileTable(), TierTable()
        self.endpoints = EndpointTable(self.profiles)
        self.endpoints.set(endpoint_key("a"), HostEndpoint("a", "web1", ("eth0",), (), {"role": "web"}))
        self.endpoints.set(
            endpoint_key("b"), HostEndpoint("b", "web1", ("eth1",), (), {"role": "db"}, ("base",))
        )
        self.endpoints.set(workload_key("w"), WorkloadEndpoint("w", "web1", "cali1"))
        self.host = ThisHost(self.endpoints, self.profiles, self.tiers)
        self.host.set_policy(policy_key("web"), policy(WEB))
        self.host.set_policy(policy_key("db"), policy(DB))
        self.refresh()

    def refresh(self) -> None:
        self.host.refresh({}, {"eth0": set(), "eth1": set()}, {}, Settings("web1"))


def policy(selector: object, order: float = 0) -> Policy:
    rule = Rule(Action.ALLOW, source=Peer(selector=WEB))
    return Policy("p", "default", selector, order, ingress=(rule,))  # type: ignore[arg-type]  # test shorthand


@pytest.fixture
def tables() -> Tables:
    return Tables()


def test_what_is_enforced_stays_the_same_object_until_something_changes(tables: Tables) -> None:
    first = tables.host.enforced()
    assert tables.host.enforced() is first
    tables.host.set_policy(policy_key("web"), policy(WEB))
    tables.host.set_policy(policy_key("elsewhere"), policy(parse_selector("has(nothing)")))
    assert tables.host.enforced() is first


def test_a_changed_policy_makes_anew_only_the_interfaces_it_concerns(tables: Tables) -> None:
    first = tables.host.enforced()
    tables.host.set_policy(policy_key("web"), policy(WEB, order=5))
    tables.host.set_policy(policy_key("second"), policy(WEB))
    second = tables.host.enforced()
    assert second.interfaces[0] != first.interfaces[0]
    assert second.interfaces[1] is first.interfaces[1]
    assert second.workloads[0] is first.workloads[0]
    assert second.policies[policy_key("db")] is first.policies[policy_key("db")]


def test_interfaces_that_come_and_go_leave_the_others_as_they_are(tables: Tables) -> None:
    first = tables.host.enforced()
    tables.endpoints.set(endpoint_key("b"), None)
    tables.refresh()
    second = tables.host.enforced()
    assert [item.endpoint for item in second.interfaces] == [endpoint_key("a")]
    assert second.interfaces[0] is first.interfaces[0]
    assert list(second.policies) == [policy_key("web")]


def test_an_endpoint_that_has_gone_is_concerned_no_longer(tables: Tables) -> None:
    tables.endpoints.set(endpoint_key("b"), None)
    tables.refresh()
    first = tables.host.enforced()
    tables.host.set_policy(policy_key("db"), None)
    assert tables.host.enforced() is first


def test_a_changed_endpoint_is_made_anew(tables: Tables) -> None:
    tables.host.enforced()
    workload = WorkloadEndpoint("w", "web1", "cali1", mac="02:00:00:00:00:01")
    tables.endpoints.set(workload_key("w"), workload)
    tables.refresh()
    assert tables.host.enforced().workloads[0].mac == "02:00:00:00:00:01"
    assert tables.host.endpoint(workload_key("w")) == workload


def test_a_changed_tier_counts_at_once(tables: Tables) -> None:
    tables.host.enforced()
    tables.tiers.set_tier(ResourceKey(Kind.TIER, "default"), Tier("default", 1, Action.PASS))
    tables.host.tiers_changed()
    assert tables.host.enforced().interfaces[0].ingress.tiers[0].default_action is Action.PASS


def test_profile_rules_that_come_and_change_count_at_once(tables: Tables) -> None:
    assert tables.host.enforced().interfaces[1].ingress.profiles[0].key is None
    for rules in (ProfileRules("base"), ProfileRules("base", egress=(Rule(Action.ALLOW),))):
        tables.profiles.set_rules(BASE, rules)
        tables.host.profile_rules_changed(BASE)
        enforced = tables.host.enforced()
        assert enforced.interfaces[1].ingress.profiles[0].key == BASE
        assert len(enforced.profiles[BASE].egress) == len(rules.egress)
    unused = ResourceKey(Kind.PROFILE_RULES, "unused")
    tables.profiles.set_rules(unused, ProfileRules("unused"))
    tables.host.profile_rules_changed(unused)
    assert tables.host.enforced() is enforced


def test_all_criteria_of_what_is_enforced_are_named(tables: Tables) -> None:
    assert tables.host.enforced().criteria == {WEB}
    tables.host.set_policy(policy_key("web"), None)
    tables.host.set_policy(policy_key("db"), None)
    assert tables.host.enforced().criteria == frozenset()
