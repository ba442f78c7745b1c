"""Host endpoints as the guide writes them, and labels, which profiles share with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catflap.model.addresses import canonical_address
from catflap.model.names import is_identifier, is_interface_name, is_label_name
from catflap.model.resources import HostEndpoint, IpVersion, Resource
from catflap.model.validation import Reasons, read_json, show

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
    data = read_json(raw)
    reasons = Reasons()
    if not host:
        reasons.add("Invalid hostname ''.")
    if not is_identifier(identifier):
        reasons.add(f"Invalid endpoint ID '{identifier!r}'.")
    if not isinstance(data, dict):
        reasons.add("Expected endpoint to be a dict.")
        data = {}
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
        interface_name=_interface_name(data, reasons),
        expected_ips=(
            *_expected_ips(data, "expected_ipv4_addrs", 4, reasons),
            *_expected_ips(data, "expected_ipv6_addrs", 6, reasons),
        ),
        labels=parse_labels(data.get("labels", {}), reasons),
        profiles=_profiles(data, reasons),
    )


def _interface_name(data: Mapping[str, Any], reasons: Reasons) -> str | None:
    if "name" not in data:
        if not data.get("expected_ipv4_addrs") and not data.get("expected_ipv6_addrs"):
            reasons.add("'name' or 'expected_ipvX_addrs' must be present.")
        return None
    name = data["name"]
    if not isinstance(name, str):
        reasons.add(f"Expected 'name' to be a string; got {show(name)}.")
        return None
    if not is_interface_name(name):
        reasons.add("'name' must be a valid interface name.")
    return name


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


def _profiles(data: Mapping[str, Any], reasons: Reasons) -> tuple[str, ...]:
    """Profile IDs, in order. ``profile_id`` is the old form with only one, and yields to ``profile_ids``."""
    written = data.get("profile_ids", [data["profile_id"]] if "profile_id" in data else [])
    if not isinstance(written, list):
        reasons.add(f"Expected profile IDs to be a list, not {show(written)}.")
        return ()
    for item in written:
        if not isinstance(item, str):
            reasons.add("Expected profile IDs to be strings.")
        elif not is_identifier(item):
            reasons.add(f"Invalid profile ID '{show(item)}'.")
    return tuple(written)


def parse_labels(written: object, reasons: Reasons) -> Mapping[str, str]:
    """Labels: names of the label alphabet, any text as a value."""
    if not isinstance(written, dict):
        reasons.add(f"Expected labels to be a dict, not {show(written)}.")
        return {}
    for name, value in written.items():
        if not is_label_name(name):
            reasons.add(f"Invalid label name {show(name)}.")
        if not isinstance(value, str):
            reasons.add(f"Invalid label value {show(value)}.")
    return written
