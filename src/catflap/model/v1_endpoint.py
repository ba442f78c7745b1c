"""Host endpoints as the guide writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catflap.model.addresses import canonical_address
from catflap.model.names import PATTERN_HELP, is_interface_name, is_interface_pattern
from catflap.model.resources import HostEndpoint, IpVersion, Resource
from catflap.model.v1_values import open_endpoint, parse_labels, parse_ports, parse_profiles
from catflap.model.validation import Reasons, show

_WORKLOAD_ONLY_FIELDS = {
    **{
        f"ipv{version}_{what}": f"Field 'ipv{version}_{what}' not supported for host endpoints"
        for version in (4, 6)
        for what in ("nets", "gateway", "nat")
    },
    "state": "'state' field not supported for host endpoints",
    "mac": "'mac' field not supported for host endpoints",
}


def read_host_endpoint(host: str, identifier: str, raw: bytes) -> tuple[Resource, ...]:
    """The endpoint ``identifier`` of ``host``. Fields that mean nothing to a host endpoint are ignored.

    Raises:
        InvalidObjectError: with every reason.
    """
    data, reasons = open_endpoint(host, identifier, raw)
    endpoint = _endpoint(host, identifier, data, reasons)
    reasons.raise_if_any()
    return (endpoint,)


def _endpoint(host: str, identifier: str, data: Mapping[str, Any], reasons: Reasons) -> HostEndpoint:
    for field, reason in _WORKLOAD_ONLY_FIELDS.items():
        if field in data:
            reasons.add(reason)
    return HostEndpoint(
        name=identifier,
        node=host,
        interfaces=_interfaces(data, reasons),
        expected_ips=(
            *_expected_ips(data, "expected_ipv4_addrs", 4, reasons),
            *_expected_ips(data, "expected_ipv6_addrs", 6, reasons),
        ),
        labels=parse_labels(data.get("labels", {}), reasons),
        profiles=parse_profiles(data, reasons),
        ports=parse_ports(data, reasons),
    )


def _interfaces(data: Mapping[str, Any], reasons: Reasons) -> tuple[str, ...]:
    """The interface's name, or (an extension) a pattern for several."""
    if "name" not in data:
        if not data.get("expected_ipv4_addrs") and not data.get("expected_ipv6_addrs"):
            reasons.add("'name' or 'expected_ipvX_addrs' must be present.")
        return ()
    name = data["name"]
    if not isinstance(name, str):
        reasons.add(f"Expected 'name' to be a string; got {show(name)}.")
        return ()
    if not is_interface_name(name) and not is_interface_pattern(name):
        hint = f" {PATTERN_HELP}" if "*" in name else ""
        reasons.add(f"'name' must be a valid interface name.{hint}")
    return (name,)


def _expected_ips(
    data: Mapping[str, Any], field: str, version: IpVersion, reasons: Reasons
) -> tuple[str, ...]:
    written = data.get(field, [])
    if not isinstance(written, list):
        reasons.add(f"'{field}' should be a list")
        return ()
    addresses: dict[str, None] = {}
    for item in written:
        try:
            if isinstance(item, str):
                addresses[canonical_address(item, version)] = None
                continue
            explanation = ""
        except ValueError as error:
            explanation = str(error)
        reasons.add(f"'{field}' should be a valid IP, not {show(item)}. {explanation}".rstrip())
    return tuple(addresses)
