from __future__ import annotations

import pytest
from tests.verdict.hosts import ETCD, SSH, icmpv6, packet, packet6, sent, sentence

from catflap.model.resources import UDP, Direction, PortRange
from catflap.policy.host_policy import Failsafe, FailsafePort
from catflap.verdict.fixed import FailsafeLists, is_essential_icmpv6, is_workload_service, may_send_from
from catflap.verdict.header import translated
from catflap.verdict.networks import Networks
from catflap.verdict.packet import Packet

INGRESS, EGRESS = Direction
LISTS = FailsafeLists(
    Failsafe(
        inbound=(SSH, FailsafePort(UDP, PortRange(68, 68), net="198.51.100.0/24")),
        outbound=(ETCD, FailsafePort(UDP, PortRange(53, 53), net="203.0.113.0/24")),
    )
)


@pytest.mark.parametrize(
    ("met", "direction", "expected"),
    [
        pytest.param(packet(destination_port=22), INGRESS, True, marks=sentence("failsafe-allow")),
        (packet6(destination_port=22), INGRESS, True),
        (packet(destination_port=22, protocol=UDP), INGRESS, False),
        (packet(destination_port=2379), INGRESS, False),
        (packet(protocol=1), INGRESS, False),
        (sent(destination_port=2379), EGRESS, True),
        (sent(destination_port=2380), EGRESS, True),
        (sent(destination_port=2381), EGRESS, False),
        (sent(destination_port=22), EGRESS, False),
        pytest.param(
            packet(destination_port=68, protocol=UDP), INGRESS, True, marks=sentence("failsafe-net")
        ),
        (packet(destination_port=68, protocol=UDP, source="203.0.113.1"), INGRESS, False),
        (sent(destination_port=53, protocol=UDP, destination="203.0.113.1"), EGRESS, True),
        (sent(destination_port=53, protocol=UDP), EGRESS, False),
    ],
)
def test_failsafe_ports_are_destinations_of_their_direction(
    met: Packet, direction: Direction, *, expected: bool
) -> None:
    assert LISTS.let(translated(met), direction) is expected


@sentence("failsafe-reply")
@pytest.mark.parametrize(
    ("met", "direction", "expected"),
    [
        (packet(source_port=2379), INGRESS, True),
        (packet(source_port=22), INGRESS, False),
        (sent(source_port=22), EGRESS, True),
        (sent(source_port=2379), EGRESS, False),
        (packet(source_port=53, protocol=UDP, source="203.0.113.1"), INGRESS, True),
        (packet(source_port=53, protocol=UDP), INGRESS, False),
        (sent(source_port=68, protocol=UDP), EGRESS, True),
        (sent(source_port=68, protocol=UDP, destination="203.0.113.1"), EGRESS, False),
    ],
)
def test_replies_come_from_the_ports_of_the_other_direction(
    met: Packet, direction: Direction, *, expected: bool
) -> None:
    assert LISTS.let_reply(translated(met), direction) is expected


@pytest.mark.parametrize(
    ("types", "hop_limit", "expected"),
    [
        pytest.param(range(1, 5), 64, True, marks=sentence("icmpv6-errors")),
        pytest.param(range(133, 138), 255, True, marks=sentence("icmpv6-neighbours")),
        pytest.param(range(133, 138), 254, False, marks=sentence("icmpv6-neighbours")),
        pytest.param([130, 131, 132, 143], 1, True, marks=sentence("icmpv6-multicast")),
        pytest.param(
            [0, 5, 100, 127, 128, 129, 138, 142, 144, 255], 255, False, marks=sentence("icmpv6-echo")
        ),
    ],
)
def test_essential_icmpv6(types: range | list[int], hop_limit: int, *, expected: bool) -> None:
    for icmp_type in types:
        assert is_essential_icmpv6(translated(icmpv6(icmp_type, hop_limit))) is expected


def test_icmp_of_ipv4_is_never_essential_icmpv6() -> None:
    assert not is_essential_icmpv6(translated(packet(protocol=1, icmp_type=3)))


def udp(source_port: int, destination_port: int, **fields: object) -> Packet:
    return packet(protocol=UDP, source_port=source_port, destination_port=destination_port, **fields)


def udp6(source_port: int, destination_port: int) -> Packet:
    return packet6(protocol=UDP, source_port=source_port, destination_port=destination_port)


@pytest.mark.parametrize(
    ("met", "expected"),
    [
        pytest.param(icmpv6(130), True, marks=sentence("workload-icmpv6")),
        (icmpv6(132), True),
        (icmpv6(133, 255), True),
        (icmpv6(135, 255), True),
        (icmpv6(136, 255), True),
        (icmpv6(136, 254), False),
        (icmpv6(134, 255), False),
        (icmpv6(143), False),
        (icmpv6(1), False),
        pytest.param(udp(68, 67), True, marks=sentence("workload-dhcp")),
        (udp(67, 68), False),
        (udp(546, 547), False),
        (udp6(546, 547), True),
        (udp6(68, 67), False),
        pytest.param(udp(5000, 53), True, marks=sentence("workload-dns")),
        (udp6(5000, 53), True),
        (packet(destination_port=53), False),
    ],
)
def test_services_that_workloads_always_reach(met: Packet, *, expected: bool) -> None:
    assert is_workload_service(translated(met)) is expected


@pytest.mark.parametrize(
    ("met", "expected"),
    [
        pytest.param(packet(source="10.0.0.5"), True, marks=sentence("workload-source")),
        (packet(source="172.16.9.9"), True),
        (packet(source="10.0.0.6"), False),
        (packet(source="0.0.0.0"), False),
        pytest.param(packet6(source="fe80::5"), True, marks=sentence("workload-link-local")),
        (packet6(source="2001:db8::5"), False),
        pytest.param(udp(68, 67, source="0.0.0.0"), True, marks=sentence("workload-no-address-4")),
        (udp(68, 68, source="0.0.0.0"), False),
        pytest.param(icmpv6(135, 255, source="::"), True, marks=sentence("workload-no-address-6")),
        (packet6(source="::"), False),
    ],
)
def test_where_workloads_may_send_from(met: Packet, *, expected: bool) -> None:
    sources = Networks(["10.0.0.5", "172.16.0.0/12"])
    assert may_send_from(sources, translated(met)) is expected
