from __future__ import annotations

import pytest
from tests.check.documents import document, endpoint, inventory, workload

from catflap.check.policytest.document import AddressEnd, End, EndpointEnd, InterfaceEnd, SelectorEnd
from catflap.check.policytest.ends import Resolver, Station, UnresolvedError
from catflap.check.policytest.hosts import Hosts
from catflap.model import parse_selector

WEB = {"role": "web"}


@pytest.fixture(scope="module")
def resolver() -> Resolver:
    made = inventory(
        endpoint("web1", WEB, expectedIPs=["192.0.2.1", "2001:db8::1"]),
        endpoint("web2", WEB, expectedIPs=["192.0.2.2"]),
        endpoint("bare", {"role": "bare"}),
        endpoint("z-loser", node="web1", interfaceName="eth0"),
        workload("w", "node1", "cali1", "10.65.0.2/32", role="pod"),
        document("HostEndpoint", "nowhere", {"nodeSelector": "has(rack)", "interfaceName": "eth0"}),
    )
    return Resolver(made, Hosts(made.resources()))


def summary(stations: list[Station]) -> list[tuple[str, tuple[str, ...], str | None, str]]:
    return [(each.title, each.addresses, each.host, each.interface) for each in stations]


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (AddressEnd("203.0.113.7"), [("203.0.113.7", ("203.0.113.7",), None, "")]),
        (EndpointEnd("web2"), [("web2", ("192.0.2.2",), "web2", "eth0")]),
        (EndpointEnd("bare", "192.0.2.5"), [("bare", ("192.0.2.5",), "bare", "eth0")]),
        (InterfaceEnd("web2", "eth0"), [("web2", ("192.0.2.2",), "web2", "eth0")]),
        (
            SelectorEnd(parse_selector('role == "pod"')),
            [("node1-tests-w-eth0", ("10.65.0.2",), "node1", "cali1")],
        ),
    ],
)
def test_an_end_becomes_stations(resolver: Resolver, end: End, expected: object) -> None:
    assert summary(resolver.stations(end)) == expected


def test_a_selector_means_all_its_members(resolver: Resolver) -> None:
    stations = resolver.stations(SelectorEnd(parse_selector('role == "web" && role != "x"')))
    assert [each.title for each in stations] == ["web1", "web2"]


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (EndpointEnd("web3"), "there is no endpoint 'web3'. Did you mean 'web"),
        (EndpointEnd("bare"), "bare has no addresses"),
        (EndpointEnd("z-loser"), "z-loser polices no interface"),
        (EndpointEnd("nowhere"), "no known Node matches the node selector of nowhere"),
        (SelectorEnd(parse_selector("has(nothing)")), "has(nothing) matches no endpoint"),
        (SelectorEnd(parse_selector('role == "bare"')), "bare has no addresses"),
        (InterfaceEnd("web2", "eth1"), "no endpoint polices eth1 on web2."),
        (InterfaceEnd("wbe2", "eth0"), "no endpoint polices eth0 on wbe2."),
    ],
)
def test_what_cannot_be_found_is_an_error_with_a_reason(resolver: Resolver, end: End, reason: str) -> None:
    with pytest.raises(UnresolvedError) as error:
        resolver.stations(end)
    assert str(error.value).startswith(reason)


def test_a_name_of_two_endpoints_is_ambiguous() -> None:
    made = inventory(
        endpoint("node1-tests-w-eth0", expectedIPs=["192.0.2.1"]),
        workload("w", "node1", "cali1", "10.65.0.2/32"),
    )
    with pytest.raises(UnresolvedError, match=r"may be .* or .*; write host and interface instead"):
        Resolver(made, Hosts(made.resources())).stations(EndpointEnd("node1-tests-w-eth0"))


def test_whose_address_it_is(resolver: Resolver) -> None:
    assert "192.0.2.1 is an address of web1" in resolver.having("192.0.2.1")
    assert resolver.having("203.0.113.7") == ""
