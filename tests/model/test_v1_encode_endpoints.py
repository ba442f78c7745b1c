from __future__ import annotations

from typing import Any

import pytest

from catflap.model.encoded_values import Gaps, NotRepresentableError
from catflap.model.resources import DCCP, UDP, EndpointPort, HostEndpoint, WorkloadEndpoint
from catflap.model.selector import parse_selector
from catflap.model.v1_encode_endpoints import encode_host_endpoint, encode_workload_endpoint


def encoded(endpoint: HostEndpoint | WorkloadEndpoint) -> dict[str, Any]:
    gaps = Gaps()
    if isinstance(endpoint, HostEndpoint):
        fields = encode_host_endpoint(endpoint, gaps)
    else:
        fields = encode_workload_endpoint(endpoint, gaps)
    gaps.raise_if_any()
    return fields


def refusal(endpoint: HostEndpoint | WorkloadEndpoint) -> tuple[str, ...]:
    with pytest.raises(NotRepresentableError) as caught:
        encoded(endpoint)
    return caught.value.reasons


def test_a_host_endpoint_says_no_more_than_it_must() -> None:
    assert encoded(HostEndpoint("x", "h", ("eth0",))) == {"name": "eth0"}


def test_addresses_are_in_a_list_for_each_ip_version() -> None:
    endpoint = HostEndpoint("x", "h", expected_ips=("2001:db8::1", "192.0.2.2", "192.0.2.1"))

    assert encoded(endpoint) == {
        "expected_ipv4_addrs": ["192.0.2.2", "192.0.2.1"],
        "expected_ipv6_addrs": ["2001:db8::1"],
    }


def test_what_both_sorts_of_endpoints_have() -> None:
    ports = (EndpointPort("dns", UDP, 53), EndpointPort("odd", DCCP, 1))
    endpoint = HostEndpoint("x", "h", ("*",), labels={"a": "b"}, profiles=("p", "q"), ports=ports)

    assert encoded(endpoint) == {
        "name": "*",
        "labels": {"a": "b"},
        "profile_ids": ("p", "q"),
        "ports": [
            {"name": "dns", "protocol": "udp", "port": 53},
            {"name": "odd", "protocol": DCCP, "port": 1},
        ],
    }


def test_several_hosts_or_interfaces_are_refused() -> None:
    endpoint = HostEndpoint("x", None, ("eth0", "eth1"), node_selector=parse_selector("has(rack)"))

    assert refusal(endpoint) == (
        "spec.nodeSelector: an endpoint in /calico/v1 is one of a single host; use etcd:// for it.",
        (
            "spec.interfaceName: an endpoint in /calico/v1 has one name or pattern; "
            "write one endpoint for each, or use etcd:// for it."
        ),
    )


def test_a_workload_endpoint() -> None:
    endpoint = WorkloadEndpoint(
        "x",
        "h",
        "cali1",
        active=False,
        mac="02:00:00:00:00:0a",
        addresses=("192.0.2.1", "::1"),
        gateway6="fe80::1",
    )

    assert encoded(endpoint) == {
        "state": "inactive",
        "name": "cali1",
        "mac": "02:00:00:00:00:0a",
        "ipv4_nets": ["192.0.2.1/32"],
        "ipv6_nets": ["::1/128"],
        "ipv6_gateway": "fe80::1",
    }
    assert encoded(WorkloadEndpoint("x", "h", "cali1")) == {"state": "active", "name": "cali1"}


def test_further_source_networks_are_refused() -> None:
    assert refusal(WorkloadEndpoint("x", "h", "cali1", spoofable_nets=("10.0.0.0/8",))) == (
        (
            "spec.allowSpoofedSourcePrefixes: a workload in /calico/v1 sends from its own addresses only; "
            "use etcd:// for it."
        ),
    )
