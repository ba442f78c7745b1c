from __future__ import annotations

import msgspec
from tests.verdict.hosts import packet, packet6

from catflap.verdict.packet import ConnectionState, Packet, Path


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
