from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catflap.agent.failsafe import (
    DEFAULT_INBOUND,
    DEFAULT_OUTBOUND,
    format_failsafe,
    parse_failsafe,
)
from catflap.model.resources import SCTP, TCP, UDP, PortRange
from catflap.policy.host_policy import FailsafePort


def port(protocol: int, first: int, last: int | None = None, net: str | None = None) -> FailsafePort:
    return FailsafePort(protocol, PortRange(first, last or first), net)


def test_the_defaults_are_those_of_the_guide() -> None:
    assert format_failsafe(DEFAULT_INBOUND) == "tcp:22"
    assert format_failsafe(DEFAULT_OUTBOUND) == "tcp:2379,tcp:2380,tcp:4001,tcp:7001"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("22", [port(TCP, 22)]),
        (" 22 , 23,", [port(TCP, 22), port(TCP, 23)]),
        ("udp:68", [port(UDP, 68)]),
        ("UDP:68", [port(UDP, 68)]),
        ("sctp:9999", [port(SCTP, 9999)]),
        ("tcp:6000-6010", [port(TCP, 6000, 6010)]),
        ("6000-6010", [port(TCP, 6000, 6010)]),
        ("tcp:10.0.0.0/8:22", [port(TCP, 22, net="10.0.0.0/8")]),
        ("tcp:10.1.2.3/8:22", [port(TCP, 22, net="10.0.0.0/8")]),
        ("tcp:10.1.2.3:22", [port(TCP, 22, net="10.1.2.3/32")]),
        ("tcp:2001:db8::/32:22", [port(TCP, 22, net="2001:db8::/32")]),
        ("tcp:[2001:db8::]/32:22", [port(TCP, 22, net="2001:db8::/32")]),
        ("22,tcp:22", [port(TCP, 22)]),
        ("none", []),
        ("None", []),
    ],
)
def test_text(text: str, expected: list[FailsafePort]) -> None:
    assert list(parse_failsafe(text)) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ssh", "invalid port in 'ssh'"),
        ("0", "out-of-range port 0"),
        ("65536", "out-of-range port 65536"),
        ("99999999999999999999", "invalid port"),
        ("10-5", "out-of-range port 10-5"),
        ("22-", "invalid port"),
        ("²²", "invalid port"),
        ("icmp:22", "unknown protocol 'icmp'"),
        ("tcp:10.0.0.0/33:22", "invalid network"),
        ("tcp:fe80::1%eth0:22", "invalid network"),
        ("tcp:fe80::1%a\nadd table x:22", "invalid network"),
        ("22,none", "invalid port in 'none'"),
        ("", "the list is empty"),
        (" , ", "the list is empty"),
    ],
)
def test_one_bad_entry_makes_the_list_invalid(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason.replace("(", r"\(")):
        parse_failsafe(text)


def test_json_objects_of_v3_resources() -> None:
    raw = [
        {"protocol": "TCP", "port": 22, "net": "10.0.0.0/8"},
        {"protocol": "udp", "port": 68},
        {"port": 22, "net": ""},
    ]
    assert parse_failsafe(raw) == (port(TCP, 22, net="10.0.0.0/8"), port(UDP, 68), port(TCP, 22))
    assert parse_failsafe([]) == ()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (22, "expected text or a list"),
        (None, "expected text or a list"),
        ([22], "expected an object"),
        ([{"protocol": "tcp", "prot": 22}], r"unknown fields \['prot'\]"),
        ([{"protocol": "tcp", "port": True}], "invalid port"),
        ([{"protocol": "tcp"}], "invalid port"),
        ([{"protocol": ["tcp"], "port": 22}], "unknown protocol"),
        ([{"port": 22, "net": 5}], "invalid network"),
        ([{"port": 22, "net": {}}], "invalid network"),
        ([{"port": 22, "net": False}], "invalid network"),
    ],
)
def test_bad_json(raw: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_failsafe(raw)


PORTS = st.tuples(st.integers(1, 65535), st.integers(1, 65535)).map(sorted).map(lambda p: PortRange(*p))
NETS = st.none() | st.sampled_from(["10.0.0.0/8", "2001:db8::/32", "192.0.2.1/32"])
ENTRIES = st.builds(FailsafePort, st.sampled_from([TCP, UDP, SCTP]), PORTS, NETS)


@given(st.lists(ENTRIES, unique=True))
def test_the_canonical_text_gives_the_same_list(entries: list[FailsafePort]) -> None:
    assert list(parse_failsafe(format_failsafe(entries))) == entries


@given(st.text() | st.lists(st.recursive(st.none() | st.text() | st.integers(), st.lists)))
def test_no_input_raises_anything_else(raw: object) -> None:
    try:
        parse_failsafe(raw)
    except ValueError as error:
        assert str(error)  # noqa: PT017  # either outcome is right
