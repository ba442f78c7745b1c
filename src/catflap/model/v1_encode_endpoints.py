"""Host endpoints and workload endpoints as the guide's encoding writes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from catflap.model.encoded_values import USE_ETCD3, Gaps, host_networks, stated
from catflap.model.resources import EndpointPort, HostEndpoint, WorkloadEndpoint, ip_version_of
from catflap.model.v1_encode_rules import PROTOCOL_NAMES


def encode_host_endpoint(endpoint: HostEndpoint, gaps: Gaps) -> dict[str, Any]:
    """A host endpoint of one host, with one interface or pattern at most."""
    if endpoint.node is None:
        gaps.add("spec.nodeSelector", "an endpoint in /calico/v1 is one of a single host", USE_ETCD3)
    if len(endpoint.interfaces) > 1:
        remedy = f"write one endpoint for each, or {USE_ETCD3}"
        gaps.add("spec.interfaceName", "an endpoint in /calico/v1 has one name or pattern", remedy)
    return stated(
        {
            "name": "".join(endpoint.interfaces[:1]),
            **_by_version("expected_ipv{}_addrs", endpoint.expected_ips),
            **_common(endpoint),
        }
    )


def encode_workload_endpoint(endpoint: WorkloadEndpoint, gaps: Gaps) -> dict[str, Any]:
    """A workload endpoint."""
    if endpoint.spoofable_nets:
        why = "a workload in /calico/v1 sends from its own addresses only"
        gaps.add("spec.allowSpoofedSourcePrefixes", why, USE_ETCD3)
    return stated(
        {
            "state": "active" if endpoint.active else "inactive",
            "name": endpoint.interface_name,
            "mac": endpoint.mac,
            **_by_version("ipv{}_nets", host_networks(endpoint.addresses)),
            "ipv6_gateway": endpoint.gateway6,
            **_common(endpoint),
        }
    )


def _by_version(field: str, values: Iterable[str]) -> dict[str, list[str]]:
    """Addresses or networks in one field for each IP version."""
    fields: dict[str, list[str]] = {field.format(4): [], field.format(6): []}
    for value in values:
        fields[field.format(ip_version_of(value))].append(value)
    return fields


def _common(endpoint: HostEndpoint | WorkloadEndpoint) -> dict[str, Any]:
    return {
        "labels": endpoint.labels,
        "profile_ids": endpoint.profiles,
        "ports": [_port(port) for port in endpoint.ports],
    }


def _port(port: EndpointPort) -> dict[str, Any]:
    protocol = PROTOCOL_NAMES.get(port.protocol, port.protocol)
    return {"name": port.name, "protocol": protocol, "port": port.port}
