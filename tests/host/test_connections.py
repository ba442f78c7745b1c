from __future__ import annotations

import socket

import pytest

from catflap.host.connections import Connection, _canonical, _connections


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ],
)
def test_addresses_are_those_of_the_packets(address: str, canonical: str) -> None:
    assert _canonical(address) == canonical


def test_both_ends_of_a_socket_become_a_connection() -> None:
    message: dict[str, object] = {
        "idiag_src": "::ffff:192.0.2.1",
        "idiag_sport": 22,
        "idiag_dst": "::ffff:192.0.2.10",
        "idiag_dport": 50000,
    }
    assert list(_connections([message])) == [Connection("192.0.2.1", 22, "192.0.2.10", 50000)]


def test_the_family_is_that_of_the_addresses() -> None:
    assert Connection("192.0.2.1", 1, "192.0.2.2", 2).family is socket.AF_INET
    assert Connection("2001:db8::1", 1, "2001:db8::2", 2).family is socket.AF_INET6
