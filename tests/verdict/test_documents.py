"""From stored documents to verdicts: the sentences of the reference about objects, interfaces and order."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.verdict.hosts import case, forwarded, packet, sent, sentence
from tests.verdict.stored import DENY, FAR, Store, allow

from catflap.model.v3_documents import V3_ROOT


@sentence("object-invalid")
def test_an_object_that_cannot_be_read_counts_as_missing() -> None:
    store = Store().endpoint().policy("p", ingress=[{"action": "Allow", "source": {"nets": ["10.0.0.0/33"]}}])
    assert store.decides() == "NO_MATCH_DENY"


@sentence("object-encodings")
def test_profiles_of_one_name_exist_once_and_policies_twice() -> None:
    store = Store().endpoint(profiles=["x"])
    store.v1("policy/profile/x/rules", inbound_rules=[{"action": "allow"}], outbound_rules=[])
    assert store.decides() == "PROFILE_ALLOW x"
    store.v3("Profile", "x", ingress=DENY)
    assert store.decides() == "PROFILE_DENY x"
    store.v1("policy/tier/default/policy/p", selector="all()", order=2, inbound_rules=[{"action": "allow"}])
    store.policy("p", order=1, types=["Ingress"], ingress=allow(source={"nets": ["10.0.0.0/8"]}))
    assert store.decides() == "POLICY_ALLOW p"


@sentence("object-host-endpoint")
def test_an_endpoint_needs_an_interface_or_addresses() -> None:
    assert Store().v3("HostEndpoint", "e", node="web1").decides() == "NO_ENDPOINT"
    assert (
        Store().v3("HostEndpoint", "e", node="web1", expectedIPs=["192.0.2.1"]).decides() == "NO_MATCH_DENY"
    )


@sentence("object-node-selector")
def test_an_endpoint_for_many_hosts_looks_at_their_labels() -> None:
    store = Store(node_labels={"rack": "b"})
    store.v3("HostEndpoint", "e", nodeSelector="rack == 'b' && zone == 'n'", interfaceName="eth*")
    assert store.decides() == "NO_ENDPOINT"
    store.v3("Node", "web1", {"rack": "a", "zone": "n"})
    assert store.decides() == "NO_MATCH_DENY"


@sentence("object-auto", "profile-builtin")
def test_an_automatic_endpoint_allows_what_no_policy_denies() -> None:
    store = Store(auto_host_endpoints=True, node_labels={"rack": "b"})
    assert store.decides() == "PROFILE_ALLOW projectcalico-default-allow"
    store.policy(selector="rack == 'b'", ingress=DENY)
    assert store.decides() == "POLICY_DENY p"
    assert Store(auto_host_endpoints=True).endpoint("star", "*").decides() == "NO_MATCH_DENY"


@sentence("profile-builtin")
def test_the_built_in_profile_can_be_replaced() -> None:
    store = Store().endpoint(profiles=["projectcalico-default-allow"])
    assert store.decides() == "PROFILE_ALLOW projectcalico-default-allow"
    store.v3("Profile", "projectcalico-default-allow", ingress=DENY)
    assert store.decides() == "PROFILE_DENY projectcalico-default-allow"


@sentence("policy-types")
@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "TIER_DEFAULT_DENY"),
        ({"types": ["Ingress"]}, "NO_MATCH_DENY"),
        ({"types": ["Egress"]}, "TIER_DEFAULT_DENY"),
        ({"types": ["Egress", "Ingress"]}, "TIER_DEFAULT_DENY"),
    ],
)
def test_a_policy_governs_directions_also_without_rules_for_them(
    spec: Mapping[str, object], expected: str
) -> None:
    assert Store().endpoint().policy(ingress=allow(), **spec).decides(sent()) == expected


@sentence("policy-types", "policy-kind")
def test_pre_dnat_policy_is_asked_about_what_arrives_and_about_forwarded_packets() -> None:
    store = Store().endpoint().policy(preDNAT=True, ingress=DENY)
    assert store.decides(FAR) == store.decides(forwarded()) == "POLICY_DENY p"
    assert store.decides(sent()) == "NO_MATCH_DENY"


@sentence("policy-kind")
@pytest.mark.parametrize(
    "spec",
    [
        {"preDNAT": True, "doNotTrack": True},
        {"preDNAT": True, "egress": allow()},
        {"doNotTrack": True, "ingress": [{"action": "Reject"}]},
    ],
)
def test_what_no_kind_of_policy_can_do_is_refused(spec: Mapping[str, object]) -> None:
    assert Store().endpoint().policy(**spec).decides() == "NO_MATCH_DENY"


@sentence("policy-staged")
def test_staged_policy_is_never_asked() -> None:
    store = Store().endpoint(profiles=["projectcalico-default-allow"])
    store.v3("StagedGlobalNetworkPolicy", "p", ingress=DENY)
    assert store.decides() == "PROFILE_ALLOW projectcalico-default-allow"


def covering(store: Store, interface: str) -> str:
    """The label of the endpoint that polices an interface, told by the policy that matches it."""
    for name in ("a", "b"):
        store.policy(name, selector=f"id == {name!r}", ingress=DENY)
    return store.decides(packet(interface=interface))


@pytest.mark.parametrize(
    ("first", "second", "interface", "winner"),
    [
        case("interface-exact", {"interfaceName": "eth*"}, {"interfaceName": "eth0"}, "eth0", "b"),
        case("interface-pattern", {"expectedIPs": ["192.0.2.1"]}, {"interfaceName": "eth*"}, "eth0", "b"),
        case("interface-expected", {"interfaceName": "*"}, {"expectedIPs": ["192.0.2.1"]}, "eth0", "b"),
        case("interface-expected", {"interfaceName": "*"}, {"expectedIPs": ["192.0.2.1"]}, "eth1", "a"),
        case("interface-any", {"interfaceName": "*"}, {"interfaceName": "eth1"}, "eth0", "a"),
        case("interface-conflict", {"interfaceName": "eth0"}, {"interfaceName": "eth0"}, "eth0", "a"),
        case("interface-conflict", {"interfaceName": "e*"}, {"interfaceName": "eth*"}, "eth0", "a"),
    ],
)
def test_who_polices_an_interface(
    first: Mapping[str, object], second: Mapping[str, object], interface: str, winner: str
) -> None:
    store = Store()
    for name, spec in (("a", first), ("b", second)):
        store.v3("HostEndpoint", name, {"id": name}, node="web1", **spec)
    assert covering(store, interface) == f"POLICY_DENY {winner}"


@sentence("interface-conflict")
def test_the_next_in_line_takes_over() -> None:
    store = Store()
    for name in ("a", "b"):
        store.v3("HostEndpoint", name, {"id": name}, node="web1", interfaceName="eth0")
    store.put(f"{V3_ROOT}hostendpoints/a", None)
    assert covering(store, "eth0") == "POLICY_DENY b"


@sentence("interface-loopback")
def test_no_pattern_and_no_address_covers_the_loopback_interface() -> None:
    store = Store().endpoint("a", "*").v3("HostEndpoint", "b", node="web1", expectedIPs=["127.0.0.1"])
    assert store.decides(packet(interface="lo")) == "NO_ENDPOINT"


@sentence("tier-exists")
def test_a_policy_in_a_missing_tier_is_not_enforced() -> None:
    store = Store().endpoint().policy(tier="t", ingress=allow())
    assert store.decides() == "NO_MATCH_DENY"
    store.v3("Tier", "t", order=1)
    assert store.decides() == "POLICY_ALLOW p"


@sentence("tier-order", "tier-exists")
def test_tiers_are_asked_by_order_then_by_name() -> None:
    store = Store().endpoint().policy("d", ingress=DENY)
    for name, order in (("b", 10), ("a", 10), ("c", 9)):
        store.v3("Tier", name, order=order).policy(name, tier=name, ingress=allow())
    assert store.decides() == "POLICY_ALLOW c"
    store.put(f"{V3_ROOT}globalnetworkpolicies/c", None)
    assert store.decides() == "POLICY_ALLOW a"


@sentence("tier-policies")
def test_policies_are_asked_by_order_then_by_name_and_last_without_one() -> None:
    store = Store().endpoint().policy("a", ingress=allow()).policy("z", order=5, ingress=allow())
    store.policy("y", order=5, ingress=allow())
    assert store.decides() == "POLICY_ALLOW y"


@sentence("tier-applicable")
def test_a_tier_without_a_policy_for_the_endpoint_and_direction_takes_no_part() -> None:
    store = Store().endpoint().v3("Tier", "t", order=1)
    store.policy("elsewhere", tier="t", selector="role == 'db'").policy("out", tier="t", types=["Egress"])
    assert store.decides() == "NO_MATCH_DENY"
    assert store.decides(sent()) == "TIER_DEFAULT_DENY"


@sentence("match-protocol")
def test_icmp_is_a_protocol_of_one_ip_version() -> None:
    store = Store().endpoint().policy(ingress=allow(protocol="ICMP"))
    assert store.decides(packet(protocol=1, icmp_type=8)) == "POLICY_ALLOW p"
    assert (
        store.decides(packet(protocol=1, source="2001:db8::1", destination="2001:db8::2"))
        == "TIER_DEFAULT_DENY"
    )


@sentence("workload-unknown")
def test_a_workload_that_is_not_active_stays_blocked() -> None:
    fields = {"name": "cali1", "ipv4_nets": ["10.0.0.5/32"], "profile_ids": ["projectcalico-default-allow"]}
    store = Store().v1("host/web1/workload/o/w/endpoint/e", state="inactive", **fields)
    assert store.decides(forwarded("cali1")) == "UNKNOWN_WORKLOAD"
    store.v1("host/web1/workload/o/w/endpoint/e", state="active", **fields)
    assert store.decides(forwarded("cali1")) == "PROFILE_ALLOW projectcalico-default-allow"
