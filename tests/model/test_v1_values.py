"""What endpoints of the guide's encoding have in common."""

from __future__ import annotations

from typing import Any

import pytest

from catflap.model.resources import EndpointPort
from catflap.model.v1_values import open_endpoint, parse_labels, parse_ports, parse_profiles
from catflap.model.validation import InvalidObjectError, Reasons


def test_an_endpoint_that_is_no_object_has_no_fields() -> None:
    data, reasons = open_endpoint("h", "e", b"[]")

    assert data == {}
    with pytest.raises(InvalidObjectError, match=r"^Expected endpoint to be a dict\.$"):
        reasons.raise_if_any()


def test_labels_are_any_text_under_a_label_name() -> None:
    reasons = Reasons()

    assert parse_labels({"a.b/c": "ü", "d": ""}, reasons) == {"a.b/c": "ü", "d": ""}
    reasons.raise_if_any()


@pytest.mark.parametrize(
    ("data", "profiles"),
    [
        ({}, ()),
        ({"profile_id": "a"}, ("a",)),
        ({"profile_ids": ["b", "a"]}, ("b", "a")),
        ({"profile_id": "a", "profile_ids": []}, ()),
    ],
)
def test_profiles(data: dict[str, Any], profiles: tuple[str, ...]) -> None:
    assert parse_profiles(data, Reasons()) == profiles


def test_ports_are_named() -> None:
    data = {"ports": [{"name": "dns", "protocol": "udp", "port": 53}], "other": 1}

    assert parse_ports(data, Reasons()) == (EndpointPort("dns", 17, 53),)
    assert parse_ports({}, Reasons()) == ()
