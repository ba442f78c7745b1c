"""Canonical text of addresses and networks."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catflap.model.addresses import address_part, canonical_address, canonical_mac, canonical_network
from catflap.model.resources import IpVersion

_FOUR_NUMBERS = "IPv4 addresses take four decimal numbers without leading zeros."


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("192.0.2.1", "192.0.2.1"), ("2001:DB8:0::1", "2001:db8::1"), ("::ffff:192.0.2.1", "::ffff:c000:201")],
)
def test_addresses(text: str, canonical: str) -> None:
    assert canonical_address(text) == canonical


@pytest.mark.parametrize(
    ("text", "explanation"),
    [
        ("", ""),
        ("host.example", ""),
        ("192.0.2.1\n", ""),
        ("10.1", _FOUR_NUMBERS),
        ("010.0.0.1", _FOUR_NUMBERS),
        ("3232235777", _FOUR_NUMBERS),
        ("192.0.2.0/24", "A plain address has no prefix length."),
        ("fe80::1%eth0", "An address with a zone belongs to one host only."),
    ],
)
def test_not_addresses(text: str, explanation: str) -> None:
    with pytest.raises(ValueError, match=f"^{explanation}$"):
        canonical_address(text)


@pytest.mark.parametrize(
    ("text", "version", "explanation"),
    [("2001:db8::1", 4, "It is IPv6, not IPv4."), ("192.0.2.1", 6, "It is IPv4, not IPv6.")],
)
def test_an_address_of_the_other_version(text: str, version: IpVersion, explanation: str) -> None:
    with pytest.raises(ValueError, match=f"^{explanation}$"):
        canonical_address(text, version)


def ipv4_or_none(read: Callable[[str], object], text: str) -> str | None:
    try:
        return str(read(text))
    except ValueError:
        return None


@given(
    st.one_of(
        st.text(st.characters(exclude_characters=":"), max_size=20),
        st.text("0123456789.", max_size=16),
        st.lists(st.integers(0, 300).map(str), min_size=3, max_size=5).map(".".join),
        st.from_regex(r"\A(0?[0-9x]{1,3}\.){3}[0-9]{1,3}[ \n\0]?\Z"),
    )
)
def test_exactly_what_the_standard_library_takes_for_an_ipv4_address(text: str) -> None:
    assert ipv4_or_none(canonical_address, text) == ipv4_or_none(ipaddress.IPv4Address, text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("10.1.2.3", "10.1.2.3/32"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8::1", "2001:db8::1/128"),
        ("2001:db8::1/32", "2001:db8::/32"),
    ],
)
def test_networks(text: str, canonical: str) -> None:
    assert canonical_network(text) == canonical


@pytest.mark.parametrize(
    ("text", "explanation"),
    [
        ("", ""),
        ("10/8", _FOUR_NUMBERS),
        ("010.0.0.0/8", _FOUR_NUMBERS),
        ("10.0.0.0/33", "The prefix length is not one."),
        ("10.0.0.0/", "The prefix length is not one."),
        ("2001:db8::/129", "The prefix length is not one."),
        ("10.0.0.0/0.255.255.255", "A wildcard mask is ambiguous: write a prefix length."),
        ("fe80::1%eth0/64", "An address with a zone belongs to one host only."),
    ],
)
def test_not_networks(text: str, explanation: str) -> None:
    with pytest.raises(ValueError, match=f"^{explanation}$"):
        canonical_network(text)


def test_a_network_of_the_other_version() -> None:
    with pytest.raises(ValueError, match=r"It is IPv4, not IPv6\."):
        canonical_network("10.0.0.0/8", 6)


@pytest.mark.parametrize(
    ("text", "address"),
    [("10.0.0.5/24", "10.0.0.5"), ("10.0.0.5", "10.0.0.5"), ("2001:DB8::5/64", "2001:db8::5")],
)
def test_the_address_in_a_network(text: str, address: str) -> None:
    assert address_part(text) == address


@pytest.mark.parametrize("text", ["", "10.0.0.5/", "10.0.0.5/33", "/24", "fe80::1%eth0/64", "10.0.0.5/24/24"])
def test_no_address_in_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"^$|\.$"):
        address_part(text)


@pytest.mark.parametrize(
    "text",
    [
        "00:16:3e:00:00:0a",
        "00-16-3E-00-00-0A",
        "0:16:3e:0:0:a",
        "0016.3e00.000a",
        "00163e-00000a",
        "00163E00000A",
    ],
)
def test_ethernet_addresses(text: str) -> None:
    assert canonical_mac(text) == "00:16:3e:00:00:0a"


@pytest.mark.parametrize(
    "text",
    ["", "00:16:3e:00:00", "00:16:3e:00:00:0a:0b", "00:16-3e:00:00:0a", "00:16:3e:00:00:0g", "a\n" * 6],
)
def test_not_ethernet_addresses(text: str) -> None:
    with pytest.raises(ValueError, match="six octets in hexadecimal"):
        canonical_mac(text)
