from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catflap.cli.packets import Draft, PacketError, protocol_number, read_line, read_text
from catflap.verdict.packet import ConnectionState, Path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "tcp 10.0.0.1:4242 > 10.0.0.2:80",
            Draft(proto="tcp", src="10.0.0.1", sport=4242, dst="10.0.0.2", dport=80),
        ),
        ("tcp 10.0.0.1>10.0.0.2:80", Draft(proto="tcp", src="10.0.0.1", dst="10.0.0.2", dport=80)),
        (
            "  udp [2001:db8::1]:53 > [::2]:999 ",
            Draft(proto="udp", src="2001:db8::1", sport=53, dst="::2", dport=999),
        ),
        ("89 2001:db8::1 > [ff02::5]", Draft(proto="89", src="2001:db8::1", dst="ff02::5")),
        (
            "icmp 10.0.0.1 > 10.0.0.2 type 8 code 0",
            Draft(proto="icmp", src="10.0.0.1", dst="10.0.0.2", icmp_type=8, icmp_code=0),
        ),
        ("icmpv6 ::1 > ::2 type 3", Draft(proto="icmpv6", src="::1", dst="::2", icmp_type=3)),
        (
            "tcp web1-eth0:4242 > db1/eth0:5432",
            Draft(proto="tcp", src="web1-eth0", sport=4242, dst="db1/eth0", dport=5432),
        ),
    ],
)
def test_a_packet_as_people_write_it(text: str, expected: Draft) -> None:
    assert read_text(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not a packet: write, in quotes, 'tcp"),
        ("10.0.0.1 > 10.0.0.2", "is not a packet"),
        ("tcp 10.0.0.1 10.0.0.2:80", "is not a packet"),
        ("tcp 10.0.0.1 > 10.0.0.2:80 fast", "is not a packet"),
        ("tcp 10.0.0.1 > 10.0.0.2:65536", "<= 65535"),
        ("icmp 10.0.0.1 > 10.0.0.2 type 256", "<= 255"),
    ],
)
def test_what_is_no_packet_is_told_how_to_write_one(text: str, reason: str) -> None:
    with pytest.raises(PacketError, match=reason):
        read_text(text)


def test_a_line_of_a_batch() -> None:
    line = {
        "id": {"any": 1},
        "host": "web1",
        "interface": "eth0",
        "out_interface": None,
        "direction": "forward",
        "proto": 6,
        "src": "10.0.0.1",
        "dst": "10.0.0.2",
        "dport": 80,
        "state": "invalid",
    }
    assert read_line(json.dumps(line).encode()) == Draft(
        id={"any": 1},
        host="web1",
        interface="eth0",
        direction=Path.FORWARD,
        proto=6,
        src="10.0.0.1",
        dst="10.0.0.2",
        dport=80,
        state=ConnectionState.INVALID,
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "truncated|unexpected end"),
        (b"[]", "Expected `object`"),
        (b"{}", "missing required field `proto`"),
        (b'{"proto": "tcp", "src": "a", "dst": "b", "dprot": 1}', "unknown field `dprot`"),
        (b'{"proto": "tcp", "src": "a", "dst": "b", "dport": "80"}', r"Expected `int \| null`.*\$.dport"),
        (b'{"proto": "tcp", "src": "a", "dst": "b", "direction": "up"}', "Invalid enum value 'up'"),
        (b"\xff", "malformed|invalid"),
    ],
)
def test_a_line_that_is_wrong_names_the_field(line: bytes, reason: str) -> None:
    with pytest.raises(PacketError, match=reason):
        read_line(line)


@pytest.mark.parametrize(
    ("name", "number"), [("tcp", 6), ("UDP", 17), ("icmpv6", 58), ("89", 89), (0, 0), (255, 255)]
)
def test_protocols_have_names_or_numbers(name: str | int, number: int) -> None:
    assert protocol_number(name) == number


@pytest.mark.parametrize(
    ("name", "reason"), [("icmp6", "Did you mean 'icmpv6'"), ("256", "use tcp"), (-1, "use tcp")]
)
def test_other_protocols_are_refused(name: str | int, reason: str) -> None:
    with pytest.raises(PacketError, match=reason):
        protocol_number(name)


@given(st.text() | st.from_regex(r"(tcp|icmp) [0-9.:\[\]]{1,9}(:\d{1,9})? > \S{1,9}( type \d+)?"))
def test_any_text_is_a_packet_or_refused(text: str) -> None:
    with contextlib.suppress(PacketError):
        assert read_text(text).proto


@given(st.binary())
def test_any_line_is_a_packet_or_refused(line: bytes) -> None:
    with contextlib.suppress(PacketError):
        assert isinstance(read_line(line).src, str)
