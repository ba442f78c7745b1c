"""That the kernel understands the messages, and nft reads what they make: `tests/e2e/test_nft_elements.py`."""

from __future__ import annotations

import pytest

from catflap.nft.element_messages import requests
from catflap.nft.nfnetlink import NFT_MSG_DELSETELEM, NFT_MSG_NEWSETELEM, attribute_list, attributes
from catflap.nft.port import ElementChange

_END = (1).to_bytes(4)


def elements(change: ElementChange) -> list[tuple[int, bytes, bytes | None]]:
    """Of all messages: what they do, the key of each element, and its flags."""
    return [
        (request.type, attributes(parts[1])[1], parts.get(3))
        for request in requests([change])
        for _, element in attribute_list(attributes(request.body)[3])
        for parts in [attributes(element)]
    ]


def added(type_: str, *texts: str, interval: bool = True) -> list[tuple[bytes, bytes | None]]:
    change = ElementChange("s", type_, interval, frozenset(texts))
    return [(key, flags) for _, key, flags in elements(change)]


@pytest.mark.parametrize(
    ("type_", "text", "key"),
    [
        ("ipv4_addr", "10.0.0.1", "0a000001"),
        ("ipv6_addr", "2001:db8::1", "20010db8000000000000000000000001"),
        ("inet_service", "443", "01bb"),
        ("ipv4_addr . inet_proto . inet_service", "10.0.0.1 . 6 . 443", "0a0000010600000001bb0000"),
    ],
)
def test_a_value(type_: str, text: str, key: str) -> None:
    assert added(type_, text, interval=False) == [(bytes.fromhex(key), None)]


@pytest.mark.parametrize(
    ("type_", "text", "first", "after"),
    [
        ("ipv4_addr", "10.0.0.0/8", "0a000000", "0b000000"),
        ("ipv4_addr", "10.0.0.1", "0a000001", "0a000002"),
        ("ipv6_addr", "fe80::/10", "fe80" + "00" * 14, "fec0" + "00" * 14),
        ("inet_service", "80-90", "0050", "005b"),
    ],
)
def test_an_interval_has_an_element_behind_its_last(type_: str, text: str, first: str, after: str) -> None:
    assert added(type_, text) == [(bytes.fromhex(first), None), (bytes.fromhex(after), _END)]


@pytest.mark.parametrize(
    ("type_", "text"),
    [("ipv4_addr", "240.0.0.0/4"), ("ipv6_addr", "ff00::/8"), ("inet_service", "65000-65535")],
)
def test_nothing_is_behind_the_last_value_of_all(type_: str, text: str) -> None:
    assert len(added(type_, text)) == 1


def test_what_goes_goes_first() -> None:
    change = ElementChange(
        "s", "ipv4_addr", interval=False, added=frozenset({"10.0.0.1"}), removed=frozenset({"10.0.0.2"})
    )
    kinds = [kind for kind, _, _ in elements(change)]
    assert kinds == [NFT_MSG_DELSETELEM, NFT_MSG_NEWSETELEM]


def test_many_elements_are_many_messages_whose_lengths_fit() -> None:
    texts = frozenset(f"10.0.{number >> 8}.{number & 255}" for number in range(10_000))
    change = ElementChange("s", "ipv4_addr", interval=False, added=texts)
    sizes = [len(request.body) for request in requests([change])]
    assert len(sizes) > 1
    assert max(sizes) < 1 << 16
    assert len(elements(change)) == 10_000


def test_a_type_that_none_of_our_sets_has() -> None:
    with pytest.raises(ValueError, match="elements of type ether_addr cannot be written"):
        added("ether_addr", "02:00:00:00:00:01", interval=False)
