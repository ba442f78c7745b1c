from __future__ import annotations

from typing import Any

import pytest
from tests.check.documents import Document, document, endpoint, inventory, policy, workload

from catflap.check.policytest.hosts import Hosts
from catflap.model.resources import HostEndpoint
from catflap.policy.host_policy import FailsafePort


def hosts(*documents: Document) -> Hosts:
    return Hosts(inventory(*documents).resources())


def interfaces(made: Hosts, host: str) -> dict[str, tuple[str, ...]]:
    """By the names of the endpoints."""
    return {key.name: made.interfaces(host, key) for key, _ in made.endpoints()}


@pytest.mark.parametrize(
    ("spec", "interface"),
    [
        ({"interfaceName": "eth7"}, "eth7"),
        ({"interfaceName": "eth*"}, "eth0"),
        ({"interfaceName": "*"}, "if0"),
        ({"interfaceName": None, "expectedIPs": ["192.0.2.1"]}, "if0"),
    ],
)
def test_an_endpoint_is_reached_by_an_interface_that_it_polices(spec: dict[str, Any], interface: str) -> None:
    made = hosts(endpoint("web1", **spec))
    assert interfaces(made, "web1") == {"web1": (interface,)}
    (key,) = [key for key, _ in made.endpoints()]
    assert made.covering("web1", interface) == key


def test_a_name_for_a_pattern_is_one_that_no_other_endpoint_polices() -> None:
    made = hosts(
        endpoint("all", node="h", interfaceName="*"),
        endpoint("some", node="h", interfaceName="eth*"),
        endpoint("first", node="h", interfaceName="eth0"),
    )
    assert interfaces(made, "h") == {"all": ("if0",), "some": ("eth1",), "first": ("eth0",)}


def test_an_address_that_a_named_interface_has_brings_no_interface_of_its_own() -> None:
    made = hosts(
        endpoint("named", node="h", expectedIPs=["192.0.2.1"]),
        endpoint("by-address", node="h", interfaceName=None, expectedIPs=["192.0.2.1"]),
    )
    assert interfaces(made, "h") == {"named": ("eth0",), "by-address": ()}


def test_workloads_have_their_own_interface() -> None:
    made = hosts(workload("w", "h", "cali1", "10.65.0.2/32"))
    ((key, _),) = made.endpoints()
    assert made.interfaces("h", key) == ("cali1",)
    assert made.covering("h", "cali1") == key
    assert made.covering("h", "cali2") is None


def test_node_selectors_mean_the_known_nodes() -> None:
    nodes = [
        document("Node", name, {}, {"rack": rack}) for name, rack in (("n1", "a"), ("n2", "b"), ("n3", "a"))
    ]
    made = hosts(
        *nodes, document("HostEndpoint", "x", {"nodeSelector": 'rack == "a"', "interfaceName": "eth0"})
    )
    ((_, found),) = made.endpoints()
    assert isinstance(found, HostEndpoint)
    assert made.of_endpoint(found) == ("n1", "n3")


def test_node_selectors_see_the_labels_that_a_host_is_configured_with() -> None:
    made = hosts(
        document("Node", "n1", {}),
        document("Node", "n2", {}),
        document("FelixConfiguration", "node.n2", {"nodeLabels": "rack=a"}),
        document("HostEndpoint", "x", {"nodeSelector": 'rack == "a"', "interfaceName": "eth0"}),
    )
    ((key, found),) = made.endpoints()
    assert made.of_endpoint(found) == ("n2",)
    assert made.interfaces("n2", key) == ("eth0",)


def test_nothing_but_an_exact_name_covers_the_loopback_interface() -> None:
    made = hosts(endpoint("web1", interfaceName="*"))
    assert made.covering("web1", "lo") is None


def test_the_configuration_in_the_files_holds() -> None:
    ports = [{"protocol": "tcp", "port": 2222}]
    made = hosts(
        endpoint("web1"),
        policy("p"),
        document("FelixConfiguration", "node.web1", {"failsafeInboundHostPorts": ports}),
    )
    assert [each.ports.first for each in made.policy("web1").failsafe.inbound] == [2222]
    assert all(isinstance(each, FailsafePort) for each in made.policy("other").failsafe.inbound)
    assert [each.ports.first for each in made.policy("other").failsafe.inbound] == [22]
