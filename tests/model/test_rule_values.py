"""IP versions and protocols of rules."""

from __future__ import annotations

import pytest

from catflap.model.rule_values import parse_ip_version, parse_protocol


@pytest.mark.parametrize(
    ("written", "version"), [(4, 4), (6, 6), (5, None), ("4", None), (True, None), (4.0, None), (None, None)]
)
def test_ip_versions(written: object, version: int | None) -> None:
    assert parse_ip_version(written) == version


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("tcp", 6),
        ("udp", 17),
        ("icmp", 1),
        ("icmpv6", 58),
        ("sctp", 132),
        ("udplite", 136),
        (6, 6),
        ("17", 17),
        (255, 255),
    ],
)
def test_protocols(written: object, number: int) -> None:
    assert parse_protocol(written) == number


@pytest.mark.parametrize(
    "written",
    [0, 256, -1, "0", "06", "256", "TCP", "dccp", "ipv6-icmp", "", "6\n", "٦", True, 6.0, None, [], {}],
)
def test_not_protocols(written: object) -> None:
    assert parse_protocol(written) is None
