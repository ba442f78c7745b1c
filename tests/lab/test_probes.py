from __future__ import annotations

import pytest

from catflap.lab.namespaces import Namespace
from catflap.lab.probes import Expectation, Measurement, Outcome, Probe, Transport

WEB = Namespace("catflap-7-web", "web")


@pytest.mark.parametrize(
    ("outcome", "reached"),
    [
        (Outcome.ALLOWED, True),
        (Outcome.REFUSED, True),
        (Outcome.UNREACHABLE, False),
        (Outcome.DENIED, False),
    ],
)
def test_a_refused_connection_got_through(outcome: Outcome, *, reached: bool) -> None:
    probe = Probe(WEB, "192.0.2.1", "tcp", 80)
    assert Measurement(Expectation(probe, allowed=True), outcome).as_expected is reached
    assert Measurement(Expectation(probe, allowed=False), outcome).as_expected is not reached


@pytest.mark.parametrize(("protocol", "service"), [("tcp", "tcp/80"), ("udp", "udp/80"), ("icmp", "icmp")])
def test_services_are_named_by_protocol_and_port(protocol: Transport, service: str) -> None:
    assert Probe(WEB, "192.0.2.1", protocol, 80).service == service


def test_the_destination_says_the_ip_version() -> None:
    assert Probe(WEB, "192.0.2.1", "icmp").ip_version == 4
    assert Probe(WEB, "2001:db8::1", "icmp").ip_version == 6
