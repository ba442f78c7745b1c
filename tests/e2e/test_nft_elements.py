"""Changes of elements over netlink hold what nft would have made: in its own listing, and when the kernel looks up."""

from __future__ import annotations

import ipaddress
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.nft.namespace import Namespace, NamespaceNft

from catflap.nft.memory import MemoryNft
from catflap.nft.plan import Existing, plan
from catflap.nft.port import ElementChange, NftError
from catflap.nft.read import existing
from catflap.nft.ruleset import Chain, NftSet, RuleSet, VerdictMap
from catflap.nft.sets import collapse

_SETTINGS = settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_SOCKETS = "ipv4_addr . inet_proto . inet_service"
_BITS = {"ipv4_addr": 32, "ipv6_addr": 128}


def networks(type_: str) -> st.SearchStrategy[frozenset[str]]:
    """Networks that are near each other, at either end of the address space, of which none overlap."""
    bits = _BITS[type_]
    network: Any = ipaddress.IPv4Network if bits == 32 else ipaddress.IPv6Network
    ends = st.integers(0, 15) | st.integers((1 << bits) - 16, (1 << bits) - 1)
    one = st.tuples(ends, st.integers(bits - 4, bits)).map(lambda pair: str(network(pair, strict=False)))
    return st.lists(one, max_size=8).map(lambda nets: frozenset(collapse(nets)))


def put(nft: NamespaceNft | MemoryNft, item: NftSet) -> None:
    nft.run(RuleSet({item.name: item}).text())


def change(old: NftSet, new: frozenset[str]) -> ElementChange:
    elements = frozenset(old.elements)
    return ElementChange(old.name, old.type, bool(old.flags), new - elements, elements - new)


@pytest.mark.parametrize("type_", _BITS)
@_SETTINGS
@given(data=st.data())
def test_networks(nft: NamespaceNft, type_: str, data: st.DataObject) -> None:
    steps = data.draw(st.lists(networks(type_), min_size=2, max_size=4))
    item = NftSet("s", type_, ("interval",), steps[0])
    put(nft, item)
    for step in steps[1:]:
        nft.change_elements([change(item, step)])
        item = NftSet("s", type_, ("interval",), step)
        assert existing(nft.list_table()).sets["s"] == item
    nft.run("flush set inet catflap s\n")  # what nft itself makes of it is listed alike
    if item.elements:
        nft.run(f"add element inet catflap s {{ {', '.join(item.elements)} }}\n")
    assert existing(nft.list_table()).sets["s"] == item
    nft.run("delete table inet catflap\n")


def test_the_kernel_finds_each_address_of_a_network_and_no_other(
    namespace: Namespace, nft: NamespaceNft
) -> None:
    put(nft, NftSet("s", "ipv4_addr", ("interval",), frozenset({"10.0.0.0/24"})))
    nft.change_elements(
        [
            ElementChange(
                "s",
                "ipv4_addr",
                interval=True,
                added=frozenset({"10.0.1.0/24", "0.0.0.0/8", "255.0.0.0/8"}),
                removed=frozenset({"10.0.0.0/24"}),
            )
        ]
    )
    for address in ("10.0.1.0", "10.0.1.255", "0.0.0.0", "0.255.255.255", "255.0.0.0", "255.255.255.255"):
        namespace.nft("get", "element", "inet", "catflap", "s", f"{{ {address} }}")
    for address in ("10.0.0.255", "10.0.2.0", "1.0.0.0", "254.255.255.255"):
        with pytest.raises(AssertionError, match="No such file"):
            namespace.nft("get", "element", "inet", "catflap", "s", f"{{ {address} }}")


@pytest.mark.parametrize(
    ("type_", "flags", "first", "second"),
    [
        ("ipv4_addr", (), {"10.0.0.1", "10.0.0.2"}, {"10.0.0.2", "10.0.0.3"}),
        ("ipv6_addr", (), {"fe80::1"}, {"fe80::2", "::"}),
        (_SOCKETS, (), {"10.0.0.1 . 6 . 80"}, {"10.0.0.1 . 17 . 80", "10.0.0.1 . 6 . 443"}),
        ("inet_service", ("interval",), {"1-5", "80"}, {"80", "90-65535"}),
        ("inet_service", (), {"22"}, {"65535", "0"}),
    ],
)
def test_the_kernel_and_the_fake_agree(
    nft: NamespaceNft, type_: str, flags: tuple[str, ...], first: set[str], second: set[str]
) -> None:
    fake = MemoryNft()
    for each in (nft, fake):
        item = NftSet("s", type_, flags, frozenset(first))
        put(each, item)
        each.change_elements([change(item, frozenset(second))])
        assert existing(each.list_table()).sets["s"].elements == second


@pytest.mark.parametrize(
    "refused",
    [
        ElementChange("s", "ipv4_addr", interval=False, removed=frozenset({"10.9.9.9"})),
        ElementChange("unknown", "ipv4_addr", interval=False, added=frozenset({"10.9.9.9"})),
        ElementChange("i", "ipv4_addr", interval=True, added=frozenset({"10.0.0.0/9"})),
    ],
)
def test_a_refusal_changes_nothing(nft: NamespaceNft, refused: ElementChange) -> None:
    fake = MemoryNft()
    for each in (nft, fake):
        put(each, NftSet("s", "ipv4_addr", (), frozenset({"10.0.0.1"})))
        put(each, NftSet("i", "ipv4_addr", ("interval",), frozenset({"10.0.0.0/8"})))
        good = ElementChange("s", "ipv4_addr", interval=False, added=frozenset({"10.0.0.5"}))
        with pytest.raises(NftError):
            each.change_elements([good, refused])
        found = existing(each.list_table()).sets
        assert found["s"].elements == {"10.0.0.1"}
        assert found["i"].elements == {"10.0.0.0/8"}


def test_without_a_table_it_is_refused(nft: NamespaceNft) -> None:
    for each in (nft, MemoryNft()):
        with pytest.raises(NftError, match="No such file or directory"):
            each.change_elements(
                [ElementChange("s", "ipv4_addr", interval=False, added=frozenset({"10.0.0.1"}))]
            )


def test_a_check_has_no_effect(nft: NamespaceNft) -> None:
    text = RuleSet({"s": NftSet("s", "ipv4_addr", (), frozenset({"10.0.0.1"}))}).text()
    for each in (nft, MemoryNft()):
        each.check(text)
        assert each.list_table() is None
        with pytest.raises(NftError):
            each.check("delete set inet catflap s\n")
        each.run(text)
        assert each.list_table() is not None


def test_a_hundred_thousand_elements_are_one_transaction(nft: NamespaceNft) -> None:
    put(nft, NftSet("s", "ipv4_addr"))
    texts = frozenset(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(100_000))
    nft.change_elements([ElementChange("s", "ipv4_addr", interval=False, added=texts)])
    end = time.monotonic() + 20
    # The kernel moves a set that has grown to a larger table, and lists some elements twice and others not meanwhile.
    while (found := existing(nft.list_table()).sets["s"].elements) != texts and time.monotonic() < end:
        time.sleep(0.1)
    assert found == texts


@pytest.mark.parametrize(
    ("type_", "old", "new"),
    [
        (
            "ifname",
            {"eth0": "goto a", "lo": "accept", "eth1": "jump a"},
            {"eth0": "goto b", "lo": "accept", "wl{an}": "drop"},
        ),
        (
            "inet_proto . inet_service",
            {"6 . 80": "goto a", "17 . 53": "drop"},
            {"6 . 80": "goto b", "6 . 443": "goto a"},
        ),
    ],
)
def test_verdict_maps(nft: NamespaceNft, type_: str, old: dict[str, str], new: dict[str, str]) -> None:
    fake = MemoryNft()
    chains = {name: Chain(name, ("drop",)) for name in "ab"}
    for each in (nft, fake):
        before, after = (RuleSet({}, {"m": VerdictMap("m", type_, found)}, chains) for found in (old, new))
        each.run(before.text())
        (switch,) = plan(Existing.of(before), after)
        assert switch.elements
        each.change_elements(switch.elements)
        assert existing(each.list_table()).maps["m"].elements == new
        with pytest.raises(NftError):
            each.run("delete chain inet catflap b\n")  # it is in use now
