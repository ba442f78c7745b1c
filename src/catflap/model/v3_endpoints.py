"""Host endpoints and workload endpoints as ``projectcalico.org/v3`` documents write them."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping

from catflap.model.addresses import canonical_address
from catflap.model.field_values import (
    address,
    address_parts,
    addresses,
    endpoint_ports,
    mac,
    networks,
    profile_names,
)
from catflap.model.fields import Document, Fields
from catflap.model.names import PATTERN_HELP, is_interface_name, is_interface_pattern
from catflap.model.resources import HostEndpoint, Resource, WorkloadEndpoint
from catflap.model.selector import Selector
from catflap.model.v3_selectors import ORCHESTRATOR_LABEL, SERVICE_ACCOUNT_LABEL, labels_in
from catflap.model.validation import show


def host_endpoint(document: Document) -> tuple[Resource, ...]:
    """A `HostEndpoint`. Its ``interfaceName`` may be a list, and each name a pattern (both are extensions)."""
    spec = document.spec
    node, node_selector = _hosts(spec)
    interfaces = tuple(dict.fromkeys(_interface_names(spec)))
    if not interfaces and not spec.value("expectedIPs"):
        spec.refuse("interfaceName", "'interfaceName' or 'expectedIPs' must be present.")
    endpoint = HostEndpoint(
        name=document.name,
        node=node,
        interfaces=interfaces,
        expected_ips=addresses(spec, "expectedIPs"),
        labels=document.labels,
        profiles=profile_names(spec, "profiles"),
        ports=endpoint_ports(spec),
        node_selector=node_selector,
    )
    return (endpoint,)


def _hosts(spec: Fields) -> tuple[str | None, Selector | None]:
    """The host that the endpoint is on, or the selector of all of its hosts."""
    node, selector = spec.text("node") or None, spec.selector("nodeSelector")
    if node and selector:
        spec.refuse("nodeSelector", "cannot stand together with 'node': write one of them.")
    elif selector and spec.value("expectedIPs"):
        spec.refuse(
            "expectedIPs",
            "cannot stand together with 'nodeSelector', since every host would have the same: "
            "leave them out, or write an endpoint for each host.",
        )
    elif not node and not spec.text("nodeSelector"):
        spec.refuse("node", "the name of the host is missing; write it, or a 'nodeSelector'.")
    return node, selector


def _interface_names(spec: Fields) -> Iterator[str]:
    written = spec.value("interfaceName")
    names = spec.texts("interfaceName") if isinstance(written, list) else _one_name(spec)
    for place, name in names:
        if not is_interface_name(name) and not is_interface_pattern(name):
            hint = f" {PATTERN_HELP}" if "*" in name else ""
            spec.refuse(place, f"{show(name)} is not the name of an interface.{hint}")
        yield name


def _one_name(spec: Fields) -> Iterator[tuple[str, str]]:
    if name := spec.text("interfaceName"):
        yield "interfaceName", name


def workload_endpoint(document: Document) -> tuple[Resource, ...]:
    """A `WorkloadEndpoint`. What only names it elsewhere is checked and not kept, and so is its address translation."""
    spec = document.spec
    for field in ("workload", "containerID", "pod", "endpoint"):
        spec.text(field)
    _check_nats(spec)
    address(spec, "ipv4Gateway", functools.partial(canonical_address, version=4))
    spec.unsupported("qosControls", "traffic is not shaped, nor connections counted")
    endpoint = WorkloadEndpoint(
        name=document.name,
        node=_required(spec, "node", "the name of the host is missing."),
        interface_name=_workload_interface(spec),
        mac=mac(spec, "mac"),
        addresses=address_parts(spec, "ipNetworks"),
        spoofable_nets=networks(spec, "allowSpoofedSourcePrefixes"),
        gateway6=address(spec, "ipv6Gateway", functools.partial(canonical_address, version=6)),
        labels=_workload_labels(document),
        profiles=profile_names(spec, "profiles"),
        ports=endpoint_ports(spec, of_workload=True),
    )
    return (endpoint,)


def _required(spec: Fields, name: str, reason: str) -> str:
    text = spec.text(name)
    if not text:
        spec.refuse(name, reason)
    return text or ""


def _workload_interface(spec: Fields) -> str:
    name = _required(spec, "interfaceName", "the name of the host's interface to the workload is missing.")
    if name and not is_interface_name(name):
        spec.refuse("interfaceName", f"{show(name)} is not the name of an interface.")
    return name


def _workload_labels(document: Document) -> Mapping[str, str]:
    """The workload's labels, and those that say where it belongs."""
    labels = labels_in(document.namespace, document.labels)
    if orchestrator := document.spec.text("orchestrator"):
        labels[ORCHESTRATOR_LABEL] = orchestrator
    if account := document.spec.text("serviceAccountName"):
        labels[SERVICE_ACCOUNT_LABEL] = account
    return labels


def _check_nats(spec: Fields) -> None:
    for nat in spec.objects("ipNATs"):
        address(nat, "internalIP")
        address(nat, "externalIP")
        nat.close()
