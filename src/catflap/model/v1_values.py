"""What host and workload endpoints of the guide's encoding have in common, and labels, which profiles share with them.

The reasons for a refusal keep the wording of the old system, which people know and search for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catflap.model.field_values import endpoint_ports
from catflap.model.fields import Fields
from catflap.model.names import is_identifier, is_label_name
from catflap.model.resources import EndpointPort
from catflap.model.shared_labels import with_shared_values
from catflap.model.validation import Reasons, read_json, show


def open_endpoint(host: str, identifier: str, raw: bytes) -> tuple[Mapping[str, Any], Reasons]:
    """The fields of an endpoint, and the reasons found so far: in the names of its key, and in what holds the fields.

    Raises:
        InvalidObjectError: it is not JSON.
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
    return data, reasons


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
    return with_shared_values(written)


def parse_profiles(data: Mapping[str, Any], reasons: Reasons) -> tuple[str, ...]:
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


def parse_ports(data: Mapping[str, Any], reasons: Reasons) -> tuple[EndpointPort, ...]:
    """Named ports. The old system had none: they are written, and refused, as in the newer encoding."""
    if "ports" not in data:
        return ()
    return endpoint_ports(Fields(data, "", reasons))
