from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catflap.verdict.networks import Networks, parse_address

NETWORKS = ("10.0.0.0/8", "10.1.0.0/16", "192.0.2.1", "192.0.2.2/32", "2001:db8::/32", "2001:db8::1")


def test_an_address_keeps_its_text() -> None:
    assert parse_address("192.0.2.1") == (4, 0xC0000201, "192.0.2.1")


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match=r"192\.0\.2"):
        parse_address("192.0.2")


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        ("10.1.2.3", True),
        ("11.0.0.0", False),
        ("192.0.2.1", True),
        ("192.0.2.2", True),
        ("192.0.2.3", False),
        ("2001:db8:ffff::", True),
        ("2001:db9::", False),
        ("::a00:1", False),
    ],
)
def test_members_are_addresses_and_networks_of_both_versions(text: str, *, covered: bool) -> None:
    assert Networks(NETWORKS).cover(parse_address(text)) is covered


@pytest.mark.parametrize("text", ["0.0.0.0", "255.255.255.255", "::", "ffff::"])
def test_the_whole_of_one_version_is_nothing_of_the_other(text: str) -> None:
    address = parse_address(text)
    assert Networks(["0.0.0.0/0"]).cover(address) is (address.version == 4)
    assert Networks(["::/0"]).cover(address) is (address.version == 6)


def test_no_members_cover_nothing() -> None:
    assert not Networks([]).cover(parse_address("0.0.0.0"))


@given(st.ip_addresses(), st.ip_addresses(), st.integers(0, 128))
def test_it_agrees_with_the_standard_library(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    inside: ipaddress.IPv4Address | ipaddress.IPv6Address,
    length: int,
) -> None:
    network = ipaddress.ip_network((inside, min(length, inside.max_prefixlen)), strict=False)
    covered = Networks([str(network)])
    assert covered.cover(parse_address(str(address))) is (address in network)
    assert covered.cover(parse_address(str(inside)))
