"""Endpoints and network sets as ``projectcalico.org/v3`` documents write them: the opposite of `v3_endpoints`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catflap.model.encoded_values import Gaps, host_networks, stated
from catflap.model.resources import EndpointPort, HostEndpoint, NetworkSet, WorkloadEndpoint
from catflap.model.v3_encode_rules import encode_protocol
from catflap.model.v3_selectors import (
    NAMESPACE_LABEL,
    NAMESPACE_PREFIX,
    NAMESPACE_PROFILE,
    ORCHESTRATOR_LABEL,
    SERVICE_ACCOUNT_LABEL,
    SERVICE_ACCOUNT_PREFIX,
)


def encode_host_endpoint(endpoint: HostEndpoint) -> dict[str, Any]:
    """A host endpoint. Several interfaces are a list, which is an extension."""
    interfaces = list(endpoint.interfaces)
    return stated(
        {
            "node": endpoint.node,
            "nodeSelector": endpoint.node_selector and str(endpoint.node_selector),
            "interfaceName": interfaces[0] if len(interfaces) == 1 else interfaces,
            "expectedIPs": list(endpoint.expected_ips),
            "profiles": list(endpoint.profiles),
            "ports": [_port(port) for port in endpoint.ports],
        }
    )


def encode_workload_endpoint(endpoint: WorkloadEndpoint, gaps: Gaps) -> dict[str, Any]:
    """A workload endpoint."""
    if not endpoint.active:
        gaps.add("state", "v3 documents hold active endpoints only", "delete the endpoint")
    return stated(
        {
            "orchestrator": endpoint.labels.get(ORCHESTRATOR_LABEL),
            "node": endpoint.node,
            "serviceAccountName": endpoint.labels.get(SERVICE_ACCOUNT_LABEL),
            "ipNetworks": host_networks(endpoint.addresses),
            "ipv6Gateway": endpoint.gateway6,
            "profiles": list(endpoint.profiles),
            "interfaceName": endpoint.interface_name,
            "mac": endpoint.mac,
            "ports": [_port(port) for port in endpoint.ports],
            "allowSpoofedSourcePrefixes": list(endpoint.spoofable_nets),
        }
    )


def _port(port: EndpointPort) -> dict[str, Any]:
    return {"name": port.name, "protocol": encode_protocol(port.protocol), "port": port.port}


def encode_network_set(networks: NetworkSet, namespace: str, gaps: Gaps) -> dict[str, Any]:
    """A network set; one in a namespace has the profile of that, and no other."""
    inherits = (f"{NAMESPACE_PROFILE}{namespace}",) if namespace else ()
    if networks.profiles != inherits:
        gaps.add("spec.profiles", "a network set names none", "give it the labels itself")
    return stated({"nets": list(networks.nets)})


def labels_of_namespaced(labels: Mapping[str, str], gaps: Gaps) -> dict[str, str]:
    """The labels of something in a namespace, without the namespace's name, which the document has elsewhere."""
    for name in labels:
        if name.startswith((NAMESPACE_PREFIX, SERVICE_ACCOUNT_PREFIX)):
            gaps.add("labels", f"{name!r} can only come from a profile", "choose another name")
    return {name: value for name, value in labels.items() if name != NAMESPACE_LABEL}
