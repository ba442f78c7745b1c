from __future__ import annotations

import pytest

from catflap.model.resources import Encoding, HostEndpoint, Kind, Node, ResourceKey, WorkloadEndpoint
from catflap.model.selector import parse_selector
from catflap.policy.endpoints import EndpointTable
from catflap.policy.local import host_labels, local_endpoints
from catflap.policy.profiles import DEFAULT_ALLOW_KEY, ProfileTable
from catflap.policy.settings import Settings

from .conftest import endpoint_key, node_key, workload_key

AUTOMATIC = Settings("web1", auto_host_endpoints=True)
AUTO_KEY = ResourceKey(Kind.HOST_ENDPOINT, "web1-auto-hep", "web1", Encoding.V3)


def template_key(name: str) -> ResourceKey:
    return ResourceKey(Kind.HOST_ENDPOINT, name, encoding=Encoding.V3)


@pytest.fixture
def table() -> EndpointTable:
    return EndpointTable(ProfileTable())


def test_the_hosts_own_configuration_wins_over_its_node_object() -> None:
    nodes = {
        node_key("web1"): Node("web1", {"zone": "a", "rack": "1"}),
        node_key("db1"): Node("db1", {"x": "y"}),
    }
    settings = Settings("web1", node_labels={"zone": "b"})
    assert host_labels(nodes, settings) == {"zone": "b", "rack": "1"}
    assert host_labels({}, settings) == {"zone": "b"}


def test_endpoints_of_this_host_and_of_no_other(table: EndpointTable) -> None:
    mine, other = HostEndpoint("a", "web1"), HostEndpoint("a", "db1")
    workload = WorkloadEndpoint("w", "web1", "cali1")
    table.set(endpoint_key("a"), mine)
    table.set(endpoint_key("a", "db1"), other)
    table.set(workload_key("w"), workload)
    table.set(workload_key("w", "db1"), WorkloadEndpoint("w", "db1", "cali1"))
    local = local_endpoints(table, {}, Settings("web1"))
    assert local.hosts == {endpoint_key("a"): mine}
    assert local.workloads == {workload_key("w"): workload}
    assert local.all == {**local.hosts, **local.workloads}


def test_a_template_applies_where_the_hosts_labels_match(table: EndpointTable) -> None:
    for name in ("a", "b"):
        selector = parse_selector(f'zone == "{name}"')
        table.set(template_key(name), HostEndpoint(name, None, ("*",), node_selector=selector))
    assert list(local_endpoints(table, {"zone": "a"}, Settings("web1")).hosts) == [template_key("a")]
    assert local_endpoints(table, {}, Settings("web1")).hosts == {}


def test_an_automatic_endpoint_covers_all_interfaces_and_allows_by_profile(table: EndpointTable) -> None:
    (item,) = local_endpoints(table, {"zone": "a"}, AUTOMATIC).hosts.items()
    assert item == (
        AUTO_KEY,
        HostEndpoint(
            "web1-auto-hep",
            "web1",
            ("*",),
            labels={"zone": "a", "projectcalico.org/created-by": "catflap"},
            profiles=(DEFAULT_ALLOW_KEY.name,),
        ),
    )


def test_an_automatic_endpoint_is_made_only_where_nothing_else_covers_all(table: EndpointTable) -> None:
    table.set(endpoint_key("a"), HostEndpoint("a", "web1", ("eth*",)))
    assert AUTO_KEY in local_endpoints(table, {}, AUTOMATIC).hosts
    all_of_web1 = HostEndpoint("all", None, ("eth0", "*"), node_selector=parse_selector('zone == "a"'))
    table.set(template_key("all"), all_of_web1)
    assert AUTO_KEY in local_endpoints(table, {"zone": "b"}, AUTOMATIC).hosts
    assert AUTO_KEY not in local_endpoints(table, {"zone": "a"}, AUTOMATIC).hosts
