from __future__ import annotations

import pytest
from tests.verdict.hosts import packet, packet6, sentence

from catflap.policy.host_policy import SocketAddress
from catflap.verdict.header import is_translated, original, translated


def test_a_header_holds_the_fields_parsed() -> None:
    header = translated(packet())
    assert (header.version, header.protocol, header.hop_limit) == (4, 6, 64)
    assert header.source.text == "198.51.100.7"
    assert header.destination_socket == SocketAddress("192.0.2.1", 6, 80)
    assert header.source_port == 40000


def test_protocols_without_ports_have_none_whatever_the_packet_says() -> None:
    header = translated(packet(protocol=1))
    assert (header.source_port, header.destination_port, header.destination_socket) == (None, None, None)


@pytest.mark.parametrize(
    ("protocol", "version", "values"),
    [(1, 4, (8, 0)), (58, 6, (8, 0)), (58, 4, None), (1, 6, None), (6, 4, None)],
)
def test_icmp_is_of_one_ip_version(protocol: int, version: int, values: tuple[int, int] | None) -> None:
    make = packet if version == 4 else packet6
    header = translated(make(protocol=protocol, icmp_type=8, icmp_code=0))
    assert header.icmp == values


@sentence("stage-original")
def test_the_original_destination_is_what_the_sender_wrote() -> None:
    changed = packet(original_destination="203.0.113.9", original_destination_port=8080)
    assert is_translated(changed)
    assert original(changed).destination_socket == SocketAddress("203.0.113.9", 6, 8080)
    assert translated(changed).destination_socket == SocketAddress("192.0.2.1", 6, 80)


def test_what_was_not_translated_stays_the_same() -> None:
    only_port = packet(original_destination_port=8080)
    assert is_translated(only_port)
    assert original(only_port).destination_socket == SocketAddress("192.0.2.1", 6, 8080)
    assert not is_translated(packet())
    assert original(packet()) == translated(packet())
