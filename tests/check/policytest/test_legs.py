from __future__ import annotations

from typing import Any

import pytest
from tests.check.documents import policy_test, text

from catflap.check.policytest.document import PolicyTest, parse_tests
from catflap.check.policytest.ends import Station
from catflap.check.policytest.legs import UPLINK, Headers, legs
from catflap.check.source import read_source
from catflap.model.resources import Direction
from catflap.policy.host_policy import LOOPBACK

OUTSIDE = Station("203.0.113.7", ("203.0.113.7",))
HOST = Station("a", ("192.0.2.1",), "a", "eth0")
OTHER = Station("b", ("192.0.2.2",), "b", "eth0")
SECOND = Station("a2", ("192.0.2.3",), "a", "eth1")
POD = Station("p", ("10.65.0.1",), "a", "cali1", is_workload=True)
OTHER_POD = Station("q", ("10.65.0.2",), "a", "cali2", is_workload=True)
FAR_POD = Station("r", ("10.65.0.3",), "b", "cali1", is_workload=True)
EGRESS, INGRESS = Direction.EGRESS, Direction.INGRESS


def a_test(**changed: Any) -> PolicyTest:
    written = {"from": "192.0.2.1", "to": "192.0.2.2", "ports": [80], "expect": "allow", **changed}
    (source,), _ = read_source(
        "a.yaml", text(policy_test({k: v for k, v in written.items() if v is not None}))
    )
    return parse_tests(source)[0]


def way(origin: Station, target: Station, test: PolicyTest) -> list[tuple[str | None, str, str, str | None]]:
    """Host, path, interface and second interface of each leg."""
    headers = Headers(test, origin.addresses[0], target.addresses[0], 80)
    return [
        (each.host, each.packet.path.value, each.packet.interface, each.packet.out_interface)
        for each in legs(origin, target, headers)
    ]


@pytest.mark.parametrize(
    ("origin", "target", "expected"),
    [
        (OUTSIDE, HOST, [("a", "in", "eth0", None)]),
        (HOST, OUTSIDE, [("a", "out", "eth0", None)]),
        (HOST, OTHER, [("a", "out", "eth0", None), ("b", "in", "eth0", None)]),
        (OUTSIDE, POD, [("a", "forward", UPLINK, "cali1")]),
        (POD, OUTSIDE, [("a", "forward", "cali1", UPLINK)]),
        (POD, FAR_POD, [("a", "forward", "cali1", UPLINK), ("b", "forward", UPLINK, "cali1")]),
        (POD, OTHER_POD, [("a", "forward", "cali1", "cali2")]),
        (POD, HOST, [("a", "in", "cali1", None)]),
        (HOST, POD, [("a", "out", "cali1", None)]),
        (HOST, SECOND, [("a", "out", LOOPBACK, None), ("a", "in", LOOPBACK, None)]),
        (OUTSIDE, OUTSIDE, []),
    ],
)
def test_which_hosts_see_a_packet_and_where(origin: Station, target: Station, expected: object) -> None:
    assert way(origin, target, a_test()) == expected


@pytest.mark.parametrize(("direction", "hosts"), [("egress", ["a"]), ("ingress", ["b"]), (None, ["a", "b"])])
def test_a_direction_leaves_the_other_end_out(direction: str | None, hosts: list[str]) -> None:
    assert [host for host, *_ in way(HOST, OTHER, a_test(direction=direction))] == hosts


def test_what_is_seen_once_is_of_both_directions() -> None:
    assert len(way(POD, OTHER_POD, a_test(direction="ingress"))) == 1


def test_the_header_is_that_of_the_test() -> None:
    (leg,) = legs(OUTSIDE, HOST, Headers(a_test(), "203.0.113.7", "192.0.2.1", 80))
    packet = leg.packet
    assert (packet.source, packet.destination, packet.protocol) == ("203.0.113.7", "192.0.2.1", 6)
    assert (packet.source_port, packet.destination_port, packet.icmp_type) == (49152, 80, None)
    assert leg.directions == {INGRESS}


def test_icmp_has_no_ports() -> None:
    test = a_test(protocol="icmp", ports=None, icmp={"type": 3, "code": 1})
    (leg,) = legs(HOST, OUTSIDE, Headers(test, "192.0.2.1", "203.0.113.7", None))
    packet = leg.packet
    assert (packet.source_port, packet.destination_port) == (None, None)
    assert (packet.icmp_type, packet.icmp_code) == (3, 1)
    assert leg.directions == {EGRESS}
