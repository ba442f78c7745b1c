from __future__ import annotations

import json
from typing import Any

import pytest

from catflap.model.decode import decode
from catflap.model.resources import HostEndpoint
from catflap.model.shared_labels import MAX_LENGTH, with_shared_values


def read(value: str) -> dict[str, Any]:
    """Labels with a text of their own, as from a store."""
    return json.loads(json.dumps({"role": value}))  # type: ignore[no-any-return]  # what was written is read


@pytest.mark.parametrize(
    ("value", "shared"), [("web server", True), ("x" * MAX_LENGTH, True), ("x" * 65, False)]
)
def test_equal_values_are_one_object_unless_they_are_long(value: str, shared: bool) -> None:
    one, other = with_shared_values(read(value)), with_shared_values(read(value))

    assert one == other == {"role": value}
    assert (one["role"] is other["role"]) is shared


def test_what_is_no_text_is_left_alone() -> None:
    assert dict(with_shared_values({"role": ["web"], "on": True}).items()) == {"role": ["web"], "on": True}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/calico/v1/host/h{}/endpoint/eth0", {"name": "eth0", "labels": {"role": "web server"}}),
        (
            "/calico/resources/v3/projectcalico.org/hostendpoints/h{}",
            {"metadata": {"labels": {"role": "web server"}}, "spec": {"node": "h", "interfaceName": "eth0"}},
        ),
    ],
)
def test_endpoints_of_both_encodings_share(path: str, content: object) -> None:
    first, second = (
        decode(path.format(number), json.dumps(content).encode()).changes[0].resource for number in "12"
    )

    assert isinstance(first, HostEndpoint)
    assert isinstance(second, HostEndpoint)
    assert first.labels["role"] is second.labels["role"]
