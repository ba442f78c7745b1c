"""Which endpoints concern this host: its own, those whose node selector matches it, and one that may be made for it."""

from __future__ import annotations

from collections.abc import Mapping

from catflap.model.resources import Encoding, HostEndpoint, Kind, Node, ResourceKey, WorkloadEndpoint
from catflap.policy.endpoints import Endpoint, EndpointTable
from catflap.policy.interfaces import ANY_INTERFACE
from catflap.policy.precedence import winner
from catflap.policy.profiles import DEFAULT_ALLOW_KEY
from catflap.policy.settings import Settings

CREATED_BY = {"projectcalico.org/created-by": "catflap"}


class LocalEndpoints:
    """The endpoints of one host: ``hosts``, ``workloads``, and ``all`` of them."""

    def __init__(
        self,
        hosts: Mapping[ResourceKey, HostEndpoint],
        workloads: Mapping[ResourceKey, WorkloadEndpoint],
    ) -> None:
        self.hosts = hosts
        self.workloads = workloads
        self.all: Mapping[ResourceKey, Endpoint] = {**hosts, **workloads}


def host_labels(nodes: Mapping[ResourceKey, Node], settings: Settings) -> dict[str, str]:
    """The labels of this host: those of its own configuration over those of its Node object."""
    key = winner(nodes, Kind.NODE, settings.hostname)
    return {**(nodes[key].labels if key else {}), **settings.node_labels}


def local_endpoints(table: EndpointTable, labels: Mapping[str, str], settings: Settings) -> LocalEndpoints:
    """The endpoints that concern this host, given its labels."""
    hosts: dict[ResourceKey, HostEndpoint] = {}
    workloads: dict[ResourceKey, WorkloadEndpoint] = {}
    for key, endpoint in (*table.of_node(settings.hostname).items(), *table.of_node(None).items()):
        if isinstance(endpoint, WorkloadEndpoint):
            workloads[key] = endpoint
        elif endpoint.node_selector is None or endpoint.node_selector.matches(labels):
            hosts[key] = endpoint
    if settings.auto_host_endpoints and not any(ANY_INTERFACE in item.interfaces for item in hosts.values()):
        key, endpoint = _automatic(labels, settings.hostname)
        hosts[key] = endpoint
    return LocalEndpoints(hosts, workloads)


def _automatic(labels: Mapping[str, str], hostname: str) -> tuple[ResourceKey, HostEndpoint]:
    """The endpoint of all interfaces that no other polices; its key is one that no stored object can have."""
    name = f"{hostname}-auto-hep"
    endpoint = HostEndpoint(
        name=name,
        node=hostname,
        interfaces=(ANY_INTERFACE,),
        labels={**labels, **CREATED_BY},
        profiles=(DEFAULT_ALLOW_KEY.name,),
    )
    return ResourceKey(Kind.HOST_ENDPOINT, name, hostname, Encoding.V3), endpoint
