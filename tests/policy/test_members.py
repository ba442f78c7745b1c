from __future__ import annotations

from catflap.model.resources import TCP, UDP, EndpointPort, ResourceKey
from catflap.model.selector import parse_selector
from catflap.policy.carriers import Carriers
from catflap.policy.criteria import PortCriterion, set_id
from catflap.policy.host_policy import IpSet, SocketAddress
from catflap.policy.members import IpSetMembers, PortSetMembers

from .conftest import endpoint_key

A, B, C = (endpoint_key(name) for name in "abc")
ALL = parse_selector("all()")
HTTP = PortCriterion(("http",), TCP)


def carriers() -> Carriers:
    result = Carriers()
    result.add(A, ("192.0.2.1", "192.0.2.9"), (EndpointPort("http", TCP, 80), EndpointPort("http", UDP, 80)))
    result.add(B, ("192.0.2.2", "192.0.2.9"), (EndpointPort("http", TCP, 80), EndpointPort("ssh", TCP, 22)))
    result.add(C, ("192.0.2.9",), (EndpointPort("http", TCP, 8080),))
    return result


def test_a_set_begins_with_all_that_match() -> None:
    members = IpSetMembers(carriers(), {A, C}, ALL)
    assert members.value() == IpSet(set_id(ALL), "all()", frozenset({"192.0.2.1", "192.0.2.9"}))
    assert members.id == set_id(ALL)


def test_a_shared_address_stays_until_its_last_object_leaves() -> None:
    matching = {A, B}
    members = IpSetMembers(carriers(), matching, ALL)
    matching.remove(A)
    members.leave(A)
    assert members.value().members == {"192.0.2.2", "192.0.2.9"}
    matching.remove(B)
    members.leave(B)
    assert members.value().members == set()


def test_a_value_is_made_anew_only_when_members_change() -> None:
    matching: set[ResourceKey] = {A}
    members = IpSetMembers(carriers(), matching, ALL)
    first = members.value()
    matching.add(C)
    members.enter(C)
    assert members.value() is first
    matching.add(B)
    members.enter(B)
    matching.remove(B)
    members.leave(B)
    assert members.value() is first
    matching.add(B)
    members.enter(B)
    assert members.value().members == {"192.0.2.1", "192.0.2.2", "192.0.2.9"}
    assert first.members == {"192.0.2.1", "192.0.2.9"}


def test_a_named_port_means_address_protocol_and_port() -> None:
    members = PortSetMembers(carriers(), {A, C}, HTTP)
    assert members.value().members == {
        SocketAddress("192.0.2.1", TCP, 80),
        SocketAddress("192.0.2.9", TCP, 80),
        SocketAddress("192.0.2.9", TCP, 8080),
    }
    assert members.value().description == "port http (tcp)"
    assert members.id == set_id(HTTP)


def test_a_shared_address_keeps_the_ports_of_those_who_stay() -> None:
    matching = {A, B, C}
    members = PortSetMembers(carriers(), matching, HTTP)
    matching.remove(A)
    members.leave(A)
    assert SocketAddress("192.0.2.9", TCP, 80) in members.value().members
    matching.remove(B)
    members.leave(B)
    assert members.value().members == {SocketAddress("192.0.2.9", TCP, 8080)}


def test_owners_match_and_bring_the_address() -> None:
    assert set(IpSetMembers(carriers(), {A, C}, ALL).owners("192.0.2.9")) == {A, C}
    only_udp = PortSetMembers(carriers(), {A, B, C}, PortCriterion(("http",), UDP))
    assert list(only_udp.owners("192.0.2.9")) == [A]
