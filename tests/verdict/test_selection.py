"""From stored documents to verdicts: the sentences of the reference about labels, selectors, sets and namespaces."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.verdict.hosts import forwarded, packet, sentence
from tests.verdict.stored import DENY, FAR, Store, allow

from catflap.model import parse_selector
from catflap.model.v3_documents import V3_ROOT
from catflap.verdict.packet import Packet

NEAR = packet(source="10.0.0.7")


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        pytest.param("env == 'own'", True, marks=sentence("label-own")),
        pytest.param("zone == 'north'", True, marks=sentence("label-own")),
        pytest.param("team == 'first'", True, marks=sentence("label-first")),
        pytest.param("team == 'second'", False, marks=sentence("label-first")),
        pytest.param("has(elsewhere)", False, marks=sentence("selector-scope")),
    ],
)
def test_labels_come_from_the_endpoint_and_its_profiles(selector: str, *, selected: bool) -> None:
    store = Store()
    store.v3("Profile", "p1", labelsToApply={"env": "inherited", "team": "first"})
    store.v3("Profile", "p2", labelsToApply={"team": "second", "zone": "north"})
    profiles = {"profiles": ["p1", "p2"]}
    store.v3("HostEndpoint", "e", {"env": "own"}, node="web1", interfaceName="eth0", **profiles)
    store.v3("HostEndpoint", "f", {"elsewhere": ""}, node="web2", interfaceName="eth0")
    store.policy(selector=selector, ingress=DENY)
    assert (store.decides() == "POLICY_DENY p") is selected


@pytest.mark.parametrize(
    ("selector", "labels", "expected"),
    [
        pytest.param("", {}, True, marks=sentence("selector-all")),
        pytest.param("all()", {}, True, marks=sentence("selector-all")),
        pytest.param("global()", {"a": "x"}, True, marks=sentence("selector-all")),
        pytest.param(
            "a == 'y' || a == 'x' && b == 'z'", {"a": "y"}, True, marks=sentence("selector-precedence")
        ),
        pytest.param(
            "!a == 'x' && b == 'z'", {"a": "x", "b": "y"}, False, marks=sentence("selector-precedence")
        ),
        pytest.param(
            "!(a == 'x' && b == 'z')", {"a": "x", "b": "y"}, True, marks=sentence("selector-precedence")
        ),
        pytest.param("a == 'X'", {"a": "x"}, False, marks=sentence("selector-exact")),
        pytest.param("a == 'x'", {"a": "x "}, False, marks=sentence("selector-exact")),
        pytest.param("a != 'x' && a not in {'x'}", {}, True, marks=sentence("selector-missing")),
        pytest.param("a == '' || a in {''} || has(a)", {}, False, marks=sentence("selector-missing")),
        pytest.param(
            "a contains '' || a starts with '' || a ends with ''",
            {},
            False,
            marks=sentence("selector-missing"),
        ),
    ],
)
def test_selectors(selector: str, labels: Mapping[str, str], *, expected: bool) -> None:
    assert parse_selector(selector).matches(labels) is expected


def selecting(**peer: object) -> Store:
    """A host whose only policy allows from a peer; somebody else has the address 10.0.0.7 and the label role."""
    store = Store().endpoint()
    store.v3(
        "HostEndpoint", "far", {"role": "db"}, node="db1", interfaceName="eth0", expectedIPs=["10.0.0.7"]
    )
    return store.policy(ingress=allow(source=peer))


@pytest.mark.parametrize(
    ("peer", "met", "allowed"),
    [
        pytest.param({"selector": "role == 'db'"}, NEAR, True, marks=sentence("selector-scope")),
        pytest.param({"selector": "all()"}, FAR, False, marks=sentence("selector-scope")),
        pytest.param(
            {"selector": "role == 'web'"}, packet(source="192.0.2.1"), False, marks=sentence("set-members")
        ),
        pytest.param({"selector": "role == 'none'"}, NEAR, False, marks=sentence("set-empty")),
        pytest.param({"notSelector": "role == 'db'"}, NEAR, False, marks=sentence("set-outside")),
        pytest.param({"notSelector": "role == 'db'"}, FAR, True, marks=sentence("set-outside")),
        pytest.param({"selector": "!has(x)"}, FAR, False, marks=sentence("set-outside")),
        pytest.param({"notSelector": "has(x)"}, FAR, True, marks=sentence("set-outside")),
    ],
)
def test_selectors_in_rules_stand_for_known_addresses(
    peer: Mapping[str, object], met: Packet, *, allowed: bool
) -> None:
    assert (selecting(**peer).decides(met) == "POLICY_ALLOW p") is allowed


@sentence("set-members", "label-network-set")
def test_network_sets_and_workloads_are_members_too() -> None:
    store = selecting(selector="role == 'db'")
    store.v3("GlobalNetworkSet", "offices", {"role": "db"}, nets=["198.51.100.0/24"])
    assert store.decides(FAR) == "POLICY_ALLOW p"
    fields = {"state": "inactive", "name": "cali1", "labels": {"role": "db"}, "ipv4_nets": ["10.9.9.9/32"]}
    store.v1("host/web2/workload/o/w/endpoint/e", **fields)
    assert store.decides(packet(source="10.9.9.9")) == "POLICY_ALLOW p"


@sentence("set-shared")
def test_a_shared_address_stays_until_its_last_carrier_has_left() -> None:
    store = selecting(selector="role == 'db'")
    store.v3("GlobalNetworkSet", "copy", {"role": "db"}, nets=["10.0.0.7/32"])
    store.put(f"{V3_ROOT}hostendpoints/far", None)
    assert store.decides(NEAR) == "POLICY_ALLOW p"
    store.put(f"{V3_ROOT}globalnetworksets/copy", None)
    assert store.decides(NEAR) == "TIER_DEFAULT_DENY"


@sentence("label-tag", "match-sets")
def test_a_tag_stands_for_the_endpoints_whose_profiles_carry_it() -> None:
    store = Store().endpoint().put("/calico/v1/policy/profile/x/tags", ["trusted"])
    store.v1("host/db1/endpoint/e", name="eth0", expected_ipv4_addrs=["10.0.0.7"], profile_ids=["x"])
    rules = [{"src_tag": "trusted", "action": "allow"}]
    store.v1("policy/tier/default/policy/p", selector="all()", inbound_rules=rules)
    assert (store.decides(NEAR), store.decides(FAR)) == ("POLICY_ALLOW p", "TIER_DEFAULT_DENY")


@sentence("set-named-port")
@pytest.mark.parametrize(
    ("peer", "port", "allowed"),
    [
        ({"ports": ["http"]}, 8080, True),
        ({"ports": ["http"]}, 80, False),
        ({"ports": ["dns"]}, 53, False),
        ({"ports": ["http"], "selector": "role == 'web'"}, 8080, True),
        ({"ports": ["http"], "selector": "role == 'db'"}, 8080, False),
    ],
)
def test_a_named_port_is_that_of_each_endpoint(
    peer: Mapping[str, object], port: int, *, allowed: bool
) -> None:
    named = [
        {"name": "http", "protocol": "TCP", "port": 8080},
        {"name": "dns", "protocol": "UDP", "port": 53},
    ]
    store = Store().endpoint(expectedIPs=["192.0.2.1"], ports=named)
    store.policy(ingress=allow(protocol="TCP", destination=peer))
    assert (store.decides(packet(destination_port=port)) == "POLICY_ALLOW p") is allowed


def in_namespaces() -> Store:
    """Two workloads with one label: one here in namespace ``shop``, one elsewhere in ``bank``."""
    store = Store().v3("Profile", "ns.bank", labelsToApply={"pcns.trusted": "yes"})
    for namespace, node, address, profiles in (
        ("shop", "web1", "10.0.0.5", []),
        ("bank", "web2", "10.0.0.7", ["ns.bank"]),
    ):
        spec = {
            "node": node,
            "interfaceName": "cali1",
            "ipNetworks": [f"{address}/32"],
            "profiles": profiles,
            "serviceAccountName": f"{namespace}-account",
        }
        metadata = {"name": "w", "namespace": namespace, "labels": {"role": "app"}}
        store.put(f"{V3_ROOT}workloadendpoints/{namespace}/w", {"metadata": metadata, "spec": spec})
    return store


def to_workload(store: Store) -> str:
    """What becomes of a packet from the bank's workload to the shop's."""
    return store.decides(forwarded("cali1", source="10.0.0.7", destination="10.0.0.5"))


@sentence("namespace-policy")
def test_a_policy_of_a_namespace_stays_in_it() -> None:
    def policy(namespace: str, **peer: object) -> str:
        spec = {"types": ["Ingress"], "ingress": allow(source=peer)}
        document = {"metadata": {"name": "p", "namespace": namespace}, "spec": spec}
        return to_workload(in_namespaces().put(f"{V3_ROOT}networkpolicies/{namespace}/p", document))

    assert policy("bank") == "NO_MATCH_DENY"
    assert policy("shop") == "POLICY_ALLOW p"
    assert policy("shop", selector="role == 'app'") == "TIER_DEFAULT_DENY"
    assert policy("shop", selector="role == 'app'", namespaceSelector="all()") == "POLICY_ALLOW p"


@pytest.mark.parametrize(
    ("peer", "allowed"),
    [
        pytest.param(
            {"selector": "projectcalico.org/namespace == 'bank'"}, True, marks=sentence("namespace-labels")
        ),
        ({"selector": "pcns.trusted == 'yes'"}, True),
        pytest.param({"namespaceSelector": "trusted == 'yes'"}, True, marks=sentence("namespace-selector")),
        ({"namespaceSelector": "trusted == 'yes'", "selector": "role == 'db'"}, False),
        ({"namespaceSelector": "all()"}, True),
        ({"namespaceSelector": "global()"}, False),
        ({"serviceAccounts": {"names": ["bank-account"]}}, True),
        ({"serviceAccounts": {"names": ["shop-account"]}}, False),
    ],
)
def test_peers_in_namespaces(peer: Mapping[str, object], *, allowed: bool) -> None:
    store = in_namespaces().policy(types=["Ingress"], ingress=allow(source=peer))
    assert (to_workload(store) == "POLICY_ALLOW p") is allowed


@sentence("namespace-selector")
@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"namespaceSelector": "all()"}, "POLICY_DENY p"),
        ({"namespaceSelector": "global()"}, "NO_MATCH_DENY"),
        ({"namespaceSelector": "has(trusted)"}, "NO_MATCH_DENY"),
        ({"serviceAccountSelector": "all()"}, "POLICY_DENY p"),
        ({"serviceAccountSelector": "global()"}, "NO_MATCH_DENY"),
    ],
)
def test_policy_for_everybody_can_be_narrowed_to_namespaces(
    spec: Mapping[str, object], expected: str
) -> None:
    assert to_workload(in_namespaces().policy(ingress=DENY, **spec)) == expected
