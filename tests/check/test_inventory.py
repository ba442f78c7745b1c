from __future__ import annotations

from tests.check.documents import document, endpoint, inventory, policy, workload

from catflap.model.resources import HostEndpoint, Policy, Tier, WorkloadEndpoint


def test_resources_come_with_the_objects_that_they_are_from() -> None:
    made = inventory(policy("a"), endpoint("web1"), policy("b"))
    assert [(each.resource.name, each.source.line()) for each in made.of(Policy)] == [("a", 1), ("b", 5)]
    assert made.of(Tier) == []


def test_both_kinds_of_endpoints_are_endpoints() -> None:
    made = inventory(workload("w", "web1", "cali1", "10.65.0.2/32"), endpoint("web1"))
    assert [type(each.resource) for each in made.endpoints] == [HostEndpoint, WorkloadEndpoint]


def test_own_labels_win_over_those_of_profiles_of_which_the_first_wins() -> None:
    profiles = {
        "first": {"a": "first", "b": "first"},
        "second": {"a": "second", "b": "second", "c": "second"},
    }
    made = inventory(
        endpoint("web1", {"a": "own"}, profiles=["first", "missing", "second"]),
        *(document("Profile", name, {"labelsToApply": labels}) for name, labels in profiles.items()),
    )
    assert made.endpoint_labels == [{"a": "own", "b": "first", "c": "second"}]


def test_a_network_set_of_a_namespace_inherits_the_namespaces_labels() -> None:
    partners = document("NetworkSet", "partners", {"nets": ["10.0.0.0/8"]})
    partners["metadata"]["namespace"] = "shop"
    made = inventory(partners, document("Profile", "kns.shop", {"labelsToApply": {"pcns.zone": "a"}}))
    assert made.set_labels == [{"pcns.zone": "a", "projectcalico.org/namespace": "shop"}]


def test_rules_know_their_fields() -> None:
    rule = {"action": "Deny"}
    made = inventory(
        policy("a", types=["Egress"], egress=[rule, rule]), document("Profile", "x", {"ingress": [rule]})
    )
    assert [(each.source.name, each.field) for each in made.rules()] == [
        ("a", "spec.egress[0]"),
        ("a", "spec.egress[1]"),
        ("x", "spec.ingress[0]"),
    ]


def test_a_tier_ends_in_deny_unless_it_passes_or_is_missing() -> None:
    made = inventory(
        document("Tier", "passing", {"defaultAction": "Pass"}),
        policy("a", tier="passing"),
        policy("b", tier="missing"),
        policy("c"),
    )
    assert [made.ends_in_deny(each.resource) for each in made.of(Policy)] == [False, False, True]
