from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.verdict.hosts import packet, packet6

from catflap.verdict.packet import ConnectionState, Packet, Path, protocol_name


def test_a_packet_has_the_ip_version_of_its_addresses() -> None:
    assert (packet().ip_version, packet6().ip_version) == (4, 6)


def test_a_packet_can_be_read_from_json() -> None:
    text = (
        b'{"path":"in","interface":"eth0","source":"10.0.0.1","destination":"10.0.0.2","protocol":1,'
        b'"state":"related"}'
    )
    assert msgspec.json.decode(text, type=Packet) == Packet(
        path=Path.IN,
        interface="eth0",
        source="10.0.0.1",
        destination="10.0.0.2",
        protocol=1,
        state=ConnectionState.RELATED,
    )


@pytest.mark.parametrize(("number", "name"), [(6, "tcp"), (58, "icmpv6"), (47, "47")])
def test_protocols_are_shown_by_the_names_that_rules_know(number: int, name: str) -> None:
    assert protocol_name(number) == name


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"source_port": 1}, "tcp 192.0.2.7:1 > 192.0.2.1:80"),
        ({"source": "::1", "destination": "::2", "protocol": 17, "source_port": 1}, "udp [::1]:1 > [::2]:80"),
        (
            {"protocol": 1, "destination_port": None, "icmp_type": 8},
            "icmp 192.0.2.7 > 192.0.2.1 type 8 code 0",
        ),
        (
            {"protocol": 1, "destination_port": None, "icmp_type": 3, "icmp_code": 4},
            "icmp 192.0.2.7 > 192.0.2.1 type 3 code 4",
        ),
        ({"protocol": 89, "destination_port": None}, "89 192.0.2.7 > 192.0.2.1"),
    ],
)
def test_a_packet_is_written_as_people_write_it(changed: dict[str, Any], text: str) -> None:
    met = Packet(
        path=Path.IN,
        interface="eth0",
        source="192.0.2.7",
        destination="192.0.2.1",
        protocol=6,
        destination_port=80,
    )
    assert str(msgspec.structs.replace(met, **changed)) == text
