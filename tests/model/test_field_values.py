"""Values that several kinds of objects hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from catflap.model import field_values
from catflap.model.fields import Fields
from catflap.model.resources import EndpointPort
from catflap.model.validation import InvalidObjectError, Reasons


def fields(value: Any) -> Fields:
    return Fields({"x": value}, "spec", Reasons())


def found(subject: Fields) -> tuple[str, ...]:
    with pytest.raises(InvalidObjectError) as caught:
        subject.reasons.raise_if_any()
    return caught.value.reasons


@pytest.mark.parametrize(
    ("read", "written", "value"),
    [
        (field_values.addresses, ["::1", "192.0.2.1", "0::1"], ("::1", "192.0.2.1")),
        (field_values.addresses, None, ()),
        (field_values.address_parts, ["10.0.0.5/8", "10.0.0.5"], ("10.0.0.5",)),
        (field_values.networks, ["10.0.0.5/8", "::1", "10.0.0.0/8"], ("10.0.0.0/8", "::1/128")),
        (field_values.address, "0::1", "::1"),
        (field_values.address, "", None),
        (field_values.mac, "0-0-0-0-0-1", "00:00:00:00:00:01"),
        (field_values.mac, "", None),
        (field_values.protocol, "UdpLite", 136),
        (field_values.protocol, 47, 47),
        (field_values.protocol, None, None),
        (field_values.profile_names, ["b", "a", "b"], ("b", "a", "b")),
    ],
)
def test_values(read: Callable[[Fields, str], object], written: Any, value: object) -> None:
    subject = fields(written)

    assert read(subject, "x") == value
    subject.reasons.raise_if_any()


@pytest.mark.parametrize(
    ("read", "written", "reason"),
    [
        (
            field_values.addresses,
            ["10.0.0.0/8"],
            "[0]: '10.0.0.0/8' is not an IP address. A plain address has no prefix length.",
        ),
        (field_values.networks, ["x"], "[0]: 'x' is not a CIDR."),
        (field_values.address, "x", ": 'x' is not an IP address."),
        (field_values.address, 1, ": expected a string, got 1."),
        (field_values.mac, [], ": expected a string, got []."),
        (
            field_values.protocol,
            "IPX",
            ": 'IPX' is none; write TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite or 1-255.",
        ),
        (field_values.profile_names, ["a/b"], "[0]: 'a/b' is not the name of a profile."),
    ],
)
def test_refusals(read: Callable[[Fields, str], object], written: Any, reason: str) -> None:
    subject = fields(written)
    read(subject, "x")

    assert found(subject) == (f"spec.x{reason}",)


def ports(*written: Any) -> Fields:
    return Fields({"ports": list(written)}, "", Reasons())


def test_one_name_may_stand_for_several_ports() -> None:
    subject = ports(
        {"name": "dns", "protocol": "UDP", "port": 53}, {"name": "dns", "protocol": 6, "port": 65535}
    )

    assert field_values.endpoint_ports(subject) == (
        EndpointPort("dns", 17, 53),
        EndpointPort("dns", 6, 65535),
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": None}, "name: is missing."),
        (
            {"name": "80"},
            "name: '80' is no name; use letters, digits, '.', '-', '_', and at least one letter.",
        ),
        ({"protocol": "ICMP"}, "protocol: needs a protocol with ports: TCP, UDP, SCTP or UDPLite."),
        ({"protocol": None}, "protocol: needs a protocol with ports: TCP, UDP, SCTP or UDPLite."),
        ({"port": 0}, "port: expected a number from 1 to 65535, got 0."),
        ({"port": "http"}, "port: expected a number from 1 to 65535, got 'http'."),
        ({"prot": 1}, "prot: unknown field. Did you mean 'port'?"),
        ({"hostPort": 1}, "hostPort: unknown field."),
    ],
)
def test_refused_ports(change: dict[str, Any], reason: str) -> None:
    subject = ports({"name": "http", "protocol": "TCP", "port": 80} | change)
    field_values.endpoint_ports(subject)

    assert found(subject) == (f"ports[0].{reason}",)


def test_ports_of_workloads_may_have_no_name_and_be_mapped() -> None:
    subject = ports({"protocol": "TCP", "port": 80, "hostPort": 8080, "hostIP": ""})

    assert field_values.endpoint_ports(subject, of_workload=True) == ()
    subject.reasons.raise_if_any()
