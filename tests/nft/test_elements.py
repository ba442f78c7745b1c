from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catflap.nft.elements import Element, element_texts, elements_of
from catflap.nft.nfnetlink import attribute, nested, text, u32

_END = 1


def body(*elements: bytes) -> bytes:
    """What NFT_MSG_NEWSETELEM has after its header."""
    return text(1, "catflap") + text(2, "s") + nested(3, *(nested(1, element) for element in elements))


def key(value: bytes, kind: int = 1) -> bytes:
    return nested(kind, attribute(1, value))


def read(type_: str, *elements: bytes, flags: tuple[str, ...] = ()) -> dict[str, str]:
    return element_texts(type_, flags, list(elements_of([body(*elements)])))


def ipv4(address: str) -> bytes:
    return socket.inet_aton(address)


def interval(type_: str, *edges: tuple[bytes, bool]) -> list[str]:
    """What the starts and ends of intervals mean, in the order in which they are listed."""
    elements = [key(value) + (u32(3, _END) if is_end else b"") for value, is_end in edges]
    return list(read(type_, *elements, flags=("interval",)))


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        ("ipv4_addr", b"\n\0\0\1", "10.0.0.1"),
        ("ipv6_addr", bytes(15) + b"\1", "::1"),
        ("ipv6_addr", bytes(10) + b"\xff\xff\1\2\3\4", "::ffff:102:304"),
        ("inet_proto", b"\6", "6"),
        ("inet_service", b"\0\x50", "80"),
        ("ifname", b"eth0".ljust(16, b"\0"), "eth0"),
        ("mark", b"\1\0\0\0", "01000000"),
        ("of somebody else", b"\1\2", "0102"),
        ("ipv4_addr", b"\1\2", "0102"),
        ("ipv6_addr", b"\1\2", "0102"),
    ],
)
def test_values(type_: str, value: bytes, expected: str) -> None:
    assert read(type_, key(value)) == {expected: ""}


def test_parts_of_a_key_are_padded() -> None:
    value = b"\n\0\0\1" + b"\6\0\0\0" + b"\0\x50\0\0"
    assert read("ipv4_addr . inet_proto . inet_service", key(value)) == {"10.0.0.1 . 6 . 80": ""}


def test_ranges_of_parts_are_networks_or_ranges() -> None:
    first, last = b"\n\0\0\0" + b"\0\x50\0\0", b"\n\xff\xff\xff" + b"\0\x5a\0\0"
    found = read("ipv4_addr . inet_service", key(first) + key(last, 10), flags=("interval",))
    assert found == {"10.0.0.0/8 . 80-90": ""}


def test_intervals_come_as_edges_in_any_order() -> None:
    edges = [
        ("12.0.0.0", True),
        ("11.0.0.0", False),
        ("11.0.0.0", True),
        ("10.0.0.0", False),
        ("0.0.0.0", True),
    ]
    found = interval("ipv4_addr", *((ipv4(address), is_end) for address, is_end in edges))
    assert found == ["10.0.0.0/8", "11.0.0.0/8"]


@pytest.mark.parametrize(
    ("first", "behind", "expected"),
    [
        ("10.0.0.1", "10.0.0.2", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.3", "10.0.0.1-10.0.0.2"),
        ("10.0.0.2", "10.0.0.4", "10.0.0.2/31"),
        ("0.0.0.0", "128.0.0.0", "0.0.0.0/1"),
    ],
)
def test_an_interval_of_addresses_is_a_network_where_it_can_be(
    first: str, behind: str, expected: str
) -> None:
    assert interval("ipv4_addr", (ipv4(first), False), (ipv4(behind), True)) == [expected]


def test_an_interval_without_an_end_reaches_to_the_last_value() -> None:
    assert interval("ipv4_addr", (ipv4("0.0.0.0"), False)) == ["0.0.0.0/0"]
    assert interval("inet_service", (b"\xff\xff", False)) == ["65535"]


def test_ports_are_ranges_and_never_networks() -> None:
    assert interval("inet_service", (b"\0\x50", False), (b"\0\x60", True)) == ["80-95"]


@pytest.mark.parametrize(
    ("code", "chain", "expected"),
    [(0, "", "drop"), (1, "", "accept"), (-3, "c", "jump c"), (-4, "c", "goto c"), (-99, "", "-99")],
)
def test_verdicts(code: int, chain: str, expected: str) -> None:
    parts = attribute(1, code.to_bytes(4, signed=True)) + (text(2, chain) if chain else b"")
    element = key(b"eth0".ljust(16, b"\0")) + nested(2, nested(2, parts))
    assert read("ifname", element) == {"eth0": expected}


def test_data_of_another_kind_is_no_verdict() -> None:
    data = nested(2, attribute(1, b"\7"))
    (found,) = read("ifname", key(b"eth0".ljust(16, b"\0")) + data).values()
    assert found not in ("", "drop", "accept")


@pytest.mark.parametrize("type_", ["ipv4_addr", "ipv4_addr . inet_service"])
def test_the_element_for_everything_else(type_: str) -> None:
    assert read(type_, u32(3, 2)) == {"*": ""}


def test_a_set_without_elements_lists_none() -> None:
    assert list(elements_of([text(1, "catflap") + text(2, "s")])) == []


@given(st.lists(st.binary(min_size=4, max_size=4), unique=True))
def test_every_element_is_listed_once(values: list[bytes]) -> None:
    found = list(elements_of([body(*map(key, values[:3])), body(*map(key, values[3:]))]))
    assert found == [Element(value, None, 0, None) for value in values]
