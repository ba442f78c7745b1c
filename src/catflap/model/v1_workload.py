"""Workload endpoints as the guide's encoding writes them.

The reasons for a refusal keep the wording of the old system, which people know and search for. Whether the name of
the interface begins with one of the configured prefixes is not asked here, where nothing is configured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from catflap.model.addresses import address_part, canonical_address, canonical_mac
from catflap.model.names import is_interface_name
from catflap.model.resources import IpVersion, Resource, WorkloadEndpoint
from catflap.model.v1_values import open_endpoint, parse_labels, parse_ports, parse_profiles
from catflap.model.validation import Reasons, show

_STATES: Mapping[str, bool] = {"active": True, "inactive": False}
_EXPECTED_FIELDS = ("expected_ipv4_addrs", "expected_ipv6_addrs")


def read_workload_endpoint(host: str, identifier: str, raw: bytes) -> tuple[Resource, ...]:
    """The endpoint ``identifier`` of some workload on ``host``. Fields of no meaning are ignored.

    Address translation (``ipv4_nat``, ``ipv6_nat``) is checked, and otherwise ignored.

    Raises:
        InvalidObjectError: with every reason.
    """
    data, reasons = open_endpoint(host, identifier, raw)
    endpoint = _endpoint(host, identifier, data, reasons)
    reasons.raise_if_any()
    return (endpoint,)


def _endpoint(host: str, identifier: str, data: Mapping[str, Any], reasons: Reasons) -> WorkloadEndpoint:
    if any(field in data for field in _EXPECTED_FIELDS):
        reasons.add("Expected IP addresses not supported for workload endpoints.")
    _gateway(data, 4, reasons)  # nothing is done for it, but it must be one
    return WorkloadEndpoint(
        name=identifier,
        node=host,
        active=_is_active(data, reasons),
        interface_name=_interface_name(data, reasons),
        mac=_mac(data, reasons),
        addresses=(*_addresses(data, 4, reasons), *_addresses(data, 6, reasons)),
        gateway6=_gateway(data, 6, reasons),
        labels=parse_labels(data.get("labels", {}), reasons),
        profiles=parse_profiles(data, reasons),
        ports=parse_ports(data, reasons),
    )


def _is_active(data: Mapping[str, Any], reasons: Reasons) -> bool:
    state = data.get("state")
    if "state" not in data:
        reasons.add("Missing 'state' field.")
    elif not isinstance(state, str) or state not in _STATES:
        reasons.add("Expected 'state' to be one of active/inactive.")
    return state == "active"


def _interface_name(data: Mapping[str, Any], reasons: Reasons) -> str:
    name = data.get("name")
    if "name" not in data:
        reasons.add("Missing 'name' field.")
    elif not isinstance(name, str):
        reasons.add(f"Expected 'name' to be a string; got {show(name)}.")
    elif not is_interface_name(name):
        reasons.add("'name' must be a valid interface name.")
    else:
        return name
    return ""


def _mac(data: Mapping[str, Any], reasons: Reasons) -> str | None:
    if "mac" not in data:
        return None
    try:
        return canonical_mac(_text(data["mac"]))
    except ValueError as error:
        reasons.add(f"Invalid MAC address. {error}")
        return None


def _addresses(data: Mapping[str, Any], version: IpVersion, reasons: Reasons) -> tuple[str, ...]:
    """The addresses in the list of networks, after a look at the translations to them."""
    field = f"ipv{version}_nets"
    written = data.get(field, [])
    if not isinstance(written, list):
        reasons.add(f"{field} should be a list.")
        written = []
    addresses: dict[str, None] = {}
    for item in written:
        try:
            addresses[address_part(_text(item), version)] = None
        except ValueError as error:
            reasons.add(f"IP address {show(item)} is not a valid IPv{version} CIDR. {error}".rstrip())
    _check_nats(data, version, addresses, reasons)
    return tuple(addresses)


def _check_nats(
    data: Mapping[str, Any], version: IpVersion, addresses: Iterable[str], reasons: Reasons
) -> None:
    field = f"ipv{version}_nat"
    written = data.get(field)
    if written is None:
        return
    if not isinstance(written, list):
        reasons.add(f"{field} should be a list.")
        return
    for item in written:
        if not isinstance(item, dict):
            reasons.add(f"{field} should be a list of dicts, not of {show(item)}.")
            continue
        internal = _nat_address(item, "int_ip", version, reasons)
        _nat_address(item, "ext_ip", version, reasons)
        if internal is not None and internal not in addresses:
            length = 32 if version == 4 else 128  # noqa: PLR2004 - an IP version
            reasons.add(f"int_ip {internal}/{length} is not listed in ipv{version}_nets.")


def _nat_address(nat: Mapping[str, Any], field: str, version: IpVersion, reasons: Reasons) -> str | None:
    if field not in nat:
        reasons.add(f"{field} was not specified a ipv{version}_nat entry.")
        return None
    try:
        return canonical_address(_text(nat[field]), version)
    except ValueError as error:
        reasons.add(f"{field} ({show(nat[field])}) is not a valid IPv{version} address. {error}".rstrip())
        return None


def _gateway(data: Mapping[str, Any], version: IpVersion, reasons: Reasons) -> str | None:
    field = f"ipv{version}_gateway"
    written = data.get(field)
    if written is None:
        return None
    try:
        return canonical_address(_text(written), version)
    except ValueError as error:
        reasons.add(f"{field} is not a valid IPv{version} gateway address. {error}".rstrip())
        return None


def _text(value: object) -> str:
    """A string, or what is no address."""
    return value if isinstance(value, str) else ""
