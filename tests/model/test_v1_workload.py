"""Workload endpoints in the guide's encoding."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from catflap.model.resources import EndpointPort, Resource, WorkloadEndpoint
from catflap.model.v1_workload import read_workload_endpoint
from catflap.model.validation import InvalidObjectError

MINIMUM = {"state": "active", "name": "cali1"}


def read(data: Any, identifier: str = "ep", host: str = "h1") -> Resource:
    (endpoint,) = read_workload_endpoint(host, identifier, msgspec.json.encode(data))
    return endpoint


@pytest.mark.parametrize(
    ("fields", "endpoint"),
    [
        ({}, WorkloadEndpoint("ep", "h1", "cali1")),
        ({"state": "inactive", "other": [1]}, WorkloadEndpoint("ep", "h1", "cali1", active=False)),
        ({"mac": "0:16:3E:0:0:a"}, WorkloadEndpoint("ep", "h1", "cali1", mac="00:16:3e:00:00:0a")),
        (
            {"ipv6_nets": ["2001:DB8::5/64"], "ipv4_nets": ["10.0.0.5/32", "10.0.0.6", "10.0.0.5"]},
            WorkloadEndpoint("ep", "h1", "cali1", addresses=("10.0.0.5", "10.0.0.6", "2001:db8::5")),
        ),
        (
            {"ipv4_gateway": "10.0.0.1", "ipv6_gateway": "FE80::1"},
            WorkloadEndpoint("ep", "h1", "cali1", gateway6="fe80::1"),
        ),
        (
            {"ipv4_gateway": None, "ipv6_gateway": None, "ipv6_nat": None},
            WorkloadEndpoint("ep", "h1", "cali1"),
        ),
        (
            {
                "ipv4_nets": ["10.0.0.5"],
                "ipv4_nat": [{"int_ip": "10.0.0.5", "ext_ip": "192.0.2.1", "more": 1}],
            },
            WorkloadEndpoint("ep", "h1", "cali1", addresses=("10.0.0.5",)),
        ),
        (
            {
                "labels": {"a": "b"},
                "profile_ids": ["p", "q"],
                "ports": [{"name": "dns", "protocol": 17, "port": 53}],
            },
            WorkloadEndpoint(
                "ep",
                "h1",
                "cali1",
                labels={"a": "b"},
                profiles=("p", "q"),
                ports=(EndpointPort("dns", 17, 53),),
            ),
        ),
    ],
)
def test_fields(fields: dict[str, Any], endpoint: WorkloadEndpoint) -> None:
    assert read(MINIMUM | fields) == endpoint


@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        ([], ["Expected endpoint to be a dict.", "Missing 'state' field.", "Missing 'name' field."]),
        ({}, ["Missing 'state' field.", "Missing 'name' field."]),
        ({"state": None, "name": "a"}, ["Expected 'state' to be one of active/inactive."]),
        ({"state": ["active"], "name": "a"}, ["Expected 'state' to be one of active/inactive."]),
    ],
)
def test_what_is_required(data: Any, reasons: list[str]) -> None:
    with pytest.raises(InvalidObjectError) as caught:
        read(data)

    assert list(caught.value.reasons) == reasons


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": None}, "Expected 'name' to be a string; got None."),
        ({"name": "cali*"}, "'name' must be a valid interface name."),
        (
            {"mac": None},
            "Invalid MAC address. It takes six octets in hexadecimal, such as '00:16:3e:00:00:01'.",
        ),
        ({"expected_ipv4_addrs": None}, "Expected IP addresses not supported for workload endpoints."),
        ({"ipv4_nets": None}, "ipv4_nets should be a list."),
        ({"ipv6_nets": [1]}, "IP address 1 is not a valid IPv6 CIDR."),
        ({"ipv4_nets": ["::1"]}, "IP address '::1' is not a valid IPv4 CIDR. It is IPv6, not IPv4."),
        ({"ipv4_nat": {}}, "ipv4_nat should be a list."),
        ({"ipv4_nat": ["x"]}, "ipv4_nat should be a list of dicts, not of 'x'."),
        (
            {"ipv4_nat": [{"int_ip": "x", "ext_ip": "192.0.2.1"}]},
            "int_ip ('x') is not a valid IPv4 address.",
        ),
        (
            {"ipv4_nets": ["10.0.0.5"], "ipv4_nat": [{"int_ip": "10.0.0.5"}]},
            "ext_ip was not specified a ipv4_nat entry.",
        ),
        (
            {"ipv4_nat": [{"int_ip": "10.0.0.5", "ext_ip": "192.0.2.1"}]},
            "int_ip 10.0.0.5/32 is not listed in ipv4_nets.",
        ),
        (
            {"ipv6_nat": [{"int_ip": "2001:db8::5", "ext_ip": "2001:db8::6"}]},
            "int_ip 2001:db8::5/128 is not listed in ipv6_nets.",
        ),
        ({"ipv4_gateway": "x"}, "ipv4_gateway is not a valid IPv4 gateway address."),
        ({"ipv6_gateway": 7}, "ipv6_gateway is not a valid IPv6 gateway address."),
        ({"labels": None}, "Expected labels to be a dict, not None."),
        ({"profile_ids": None}, "Expected profile IDs to be a list, not None."),
        (
            {"ports": [{"name": "x", "protocol": "tcp"}]},
            "ports[0].port: expected a number from 1 to 65535, got None.",
        ),
    ],
)
def test_refusals(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidObjectError) as caught:
        read(MINIMUM | fields)

    assert caught.value.reasons == (reason,)


@pytest.mark.parametrize(
    ("host", "identifier", "reason"),
    [("h1", "e p", "Invalid endpoint ID ''e p''."), ("", "ep", "Invalid hostname ''.")],
)
def test_names_in_the_key_are_checked(host: str, identifier: str, reason: str) -> None:
    with pytest.raises(InvalidObjectError) as caught:
        read(MINIMUM, identifier, host)

    assert caught.value.reasons == (reason,)
