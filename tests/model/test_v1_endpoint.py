"""Host endpoints in the guide's encoding."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from catflap.model.resources import EndpointPort, HostEndpoint, Resource
from catflap.model.v1_endpoint import read_host_endpoint
from catflap.model.validation import InvalidObjectError


def read(data: Any, identifier: str = "ep", host: str = "h1") -> Resource:
    (endpoint,) = read_host_endpoint(host, identifier, msgspec.json.encode(data))
    return endpoint


@pytest.mark.parametrize(
    ("data", "endpoint"),
    [
        ({"name": "eth0"}, HostEndpoint("ep", "h1", ("eth0",))),
        ({"name": "eth0.100"}, HostEndpoint("ep", "h1", ("eth0.100",))),
        ({"name": "eth*"}, HostEndpoint("ep", "h1", ("eth*",))),
        ({"name": "*"}, HostEndpoint("ep", "h1", ("*",))),
        ({"name": "x" * 14 + "*"}, HostEndpoint("ep", "h1", ("x" * 14 + "*",))),
        (
            {"name": "eth0", "ports": [{"name": "http", "protocol": "tcp", "port": 80}]},
            HostEndpoint("ep", "h1", ("eth0",), ports=(EndpointPort("http", 6, 80),)),
        ),
        (
            {
                "expected_ipv6_addrs": ["2001:DB8::1"],
                "expected_ipv4_addrs": ["192.0.2.2", "192.0.2.1", "192.0.2.2"],
            },
            HostEndpoint("ep", "h1", (), ("192.0.2.2", "192.0.2.1", "2001:db8::1")),
        ),
        (
            {"name": "eth0", "profile_ids": ["b", "a"]},
            HostEndpoint("ep", "h1", ("eth0",), profiles=("b", "a")),
        ),
        ({"name": "eth0", "profile_id": "a"}, HostEndpoint("ep", "h1", ("eth0",), profiles=("a",))),
        ({"name": "eth0", "profile_id": "a", "profile_ids": []}, HostEndpoint("ep", "h1", ("eth0",))),
        (
            {"name": "eth0", "labels": {"a.b/c": "ü", "d": ""}},
            HostEndpoint("ep", "h1", ("eth0",), labels={"a.b/c": "ü", "d": ""}),
        ),
        (
            {"name": "eth0", "other": {"deep": [1]}, "expected_ipv4_addrs": []},
            HostEndpoint("ep", "h1", ("eth0",)),
        ),
    ],
)
def test_fields(data: dict[str, Any], endpoint: HostEndpoint) -> None:
    assert read(data) == endpoint


PATTERN = (
    "'name' must be a valid interface name. A pattern is the beginning of a name with one '*' at its end, "
    "15 characters in all: 'eth*'; or only '*'."
)
FOUR_NUMBERS = "IPv4 addresses take four decimal numbers without leading zeros."
PLACE = "'name' or 'expected_ipvX_addrs' must be present."


@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        ([], ["Expected endpoint to be a dict.", PLACE]),
        ({}, [PLACE]),
        ({"expected_ipv4_addrs": []}, [PLACE]),
        ({"name": None}, ["Expected 'name' to be a string; got None."]),
        ({"name": "eth 0"}, ["'name' must be a valid interface name."]),
        ({"name": "eth0\n"}, ["'name' must be a valid interface name."]),
        *(({"name": name}, [PATTERN]) for name in ("eth*0", "*eth", "eth**", "eth *", "x" * 15 + "*")),
        ({"name": "a", "ports": 1}, ["ports: expected a list, got 1."]),
        ({"name": "a", "expected_ipv4_addrs": "192.0.2.1"}, ["'expected_ipv4_addrs' should be a list"]),
        ({"name": "a", "expected_ipv6_addrs": None}, ["'expected_ipv6_addrs' should be a list"]),
        ({"expected_ipv4_addrs": [""]}, ["'expected_ipv4_addrs' should be a valid IP, not ''."]),
        ({"expected_ipv4_addrs": [5]}, ["'expected_ipv4_addrs' should be a valid IP, not 5."]),
        (
            {"expected_ipv4_addrs": ["192.0.2.1", "bad"]},
            ["'expected_ipv4_addrs' should be a valid IP, not 'bad'."],
        ),
        (
            {"expected_ipv4_addrs": ["bad", "192.0.2.1", "10.1"]},
            [
                "'expected_ipv4_addrs' should be a valid IP, not 'bad'.",
                f"'expected_ipv4_addrs' should be a valid IP, not '10.1'. {FOUR_NUMBERS}",
            ],
        ),
        (
            {"expected_ipv6_addrs": ["192.0.2.1"]},
            ["'expected_ipv6_addrs' should be a valid IP, not '192.0.2.1'. It is IPv4, not IPv6."],
        ),
        ({"name": "a", "profile_ids": None}, ["Expected profile IDs to be a list, not None."]),
        ({"name": "a", "profile_ids": 5}, ["Expected profile IDs to be a list, not 5."]),
        ({"name": "a", "profile_ids": "prof1"}, ["Expected profile IDs to be a list, not 'prof1'."]),
        ({"name": "a", "profile_ids": {"p": 1}}, ["Expected profile IDs to be a list, not {'p': 1}."]),
        ({"name": "a", "profile_ids": [1]}, ["Expected profile IDs to be strings."]),
        ({"name": "a", "profile_id": None}, ["Expected profile IDs to be strings."]),
        ({"name": "a", "profile_ids": ["a b"]}, ["Invalid profile ID ''a b''."]),
        ({"name": "a", "labels": None}, ["Expected labels to be a dict, not None."]),
        ({"name": "a", "labels": {"a b": "x"}}, ["Invalid label name 'a b'."]),
        (
            {"name": "a", "labels": {"a": 1, "b": None}},
            ["Invalid label value 1.", "Invalid label value None."],
        ),
        ({"name": "a", "mac": None}, ["'mac' field not supported for host endpoints"]),
        ({"name": "a", "state": "active"}, ["'state' field not supported for host endpoints"]),
        (
            {"name": 1, "labels": [], "profile_ids": 1},
            [
                "Expected 'name' to be a string; got 1.",
                "Expected labels to be a dict, not [].",
                "Expected profile IDs to be a list, not 1.",
            ],
        ),
    ],
)
def test_refusals(data: Any, reasons: list[str]) -> None:
    with pytest.raises(InvalidObjectError) as caught:
        read(data)

    assert list(caught.value.reasons) == reasons


@pytest.mark.parametrize(
    "field", [f"ipv{version}_{what}" for version in (4, 6) for what in ("nets", "gateway", "nat")]
)
def test_fields_of_workload_endpoints_are_refused_even_when_empty(field: str) -> None:
    with pytest.raises(InvalidObjectError) as caught:
        read({"name": "eth0", field: None})

    assert caught.value.reasons == (f"Field '{field}' not supported for host endpoints",)


@pytest.mark.parametrize(
    ("host", "identifier", "reason"),
    [
        ("h1", "eth 0", "Invalid endpoint ID ''eth 0''."),
        ("h1", "", "Invalid endpoint ID ''''."),
        ("", "ep", "Invalid hostname ''."),
    ],
)
def test_names_in_the_key_are_checked(host: str, identifier: str, reason: str) -> None:
    with pytest.raises(InvalidObjectError) as caught:
        read({"name": "eth0"}, identifier, host)

    assert caught.value.reasons == (reason,)
