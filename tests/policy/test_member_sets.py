from __future__ import annotations

import pytest

from catflap.model.resources import TCP, EndpointPort
from catflap.model.selector import parse_selector
from catflap.policy.criteria import PortCriterion, SetCriterion, TagCriterion, port_markers, set_id
from catflap.policy.host_policy import SocketAddress
from catflap.policy.member_sets import MemberSets

from .conftest import endpoint_key as key

WEB, ALL = parse_selector('role == "web"'), parse_selector("all()")
HTTP = (EndpointPort("http", TCP, 80),)


def add(sets: MemberSets, name: str, *ips: str, **labels: str) -> None:
    sets.set_object(key(name), labels, ips)


def following(*criteria: SetCriterion) -> MemberSets:
    sets = MemberSets()
    sets.want(criteria)
    return sets


def members(sets: MemberSets, criterion: SetCriterion = WEB) -> frozenset[str]:
    return sets.current().ip_sets[set_id(criterion)].members


def test_members_are_the_addresses_of_matching_objects() -> None:
    sets = following(WEB)
    add(sets, "a", "192.0.2.1", "2001:db8::1", role="web")
    add(sets, "b", "192.0.2.2", role="db")
    assert members(sets) == {"192.0.2.1", "2001:db8::1"}


def test_a_set_that_is_wanted_later_has_the_same_members() -> None:
    sets = MemberSets()
    add(sets, "a", "192.0.2.1", role="web")
    add(sets, "b", "192.0.2.2")
    sets.want([ALL])
    assert members(sets, ALL) == {"192.0.2.1", "192.0.2.2"}


def test_changed_addresses_and_labels_are_followed() -> None:
    sets = following(WEB)
    add(sets, "a", "192.0.2.1", role="web")
    assert members(sets) == {"192.0.2.1"}
    add(sets, "a", "192.0.2.9", role="web")
    assert members(sets) == {"192.0.2.9"}
    add(sets, "a", "192.0.2.9", role="db")
    assert members(sets) == set()
    add(sets, "a", "192.0.2.7", role="web")
    assert members(sets) == {"192.0.2.7"}


def test_a_shared_address_stays_until_its_last_object_goes() -> None:
    sets = following(WEB)
    add(sets, "a", "192.0.2.1", role="web")
    add(sets, "b", "192.0.2.1", role="web")
    sets.remove_object(key("a"))
    assert members(sets) == {"192.0.2.1"}
    sets.remove_object(key("b"))
    assert members(sets) == set()
    sets.remove_object(key("b"))


def test_what_did_not_change_stays_the_same_object() -> None:
    sets = following(WEB, ALL)
    add(sets, "a", "192.0.2.1", role="web")
    first = sets.current()
    add(sets, "a", "192.0.2.1", role="web")
    assert sets.current() is first
    add(sets, "b", "192.0.2.2", role="db")
    second = sets.current()
    assert second.ip_sets[set_id(WEB)] is first.ip_sets[set_id(WEB)]
    assert second.ip_sets[set_id(ALL)] is not first.ip_sets[set_id(ALL)]
    assert first.ip_sets[set_id(ALL)].members == {"192.0.2.1"}


def test_only_what_is_wanted_is_kept() -> None:
    sets = following(WEB, ALL)
    add(sets, "a", "192.0.2.1", role="web")
    sets.want([ALL])
    assert list(sets.current().ip_sets) == [set_id(ALL)]
    add(sets, "a", "192.0.2.7", role="web")
    sets.want([WEB])
    assert members(sets) == {"192.0.2.7"}


def test_port_sets_stand_apart_and_both_are_in_the_order_of_ids() -> None:
    ports = [PortCriterion("http", TCP), PortCriterion("http", TCP, WEB)]
    sets = following(WEB, ALL, TagCriterion("t"), *ports)
    sets.set_object(key("a"), {"role": "db", **port_markers(HTTP)}, ("192.0.2.1",), HTTP)
    current = sets.current()
    assert list(current.ip_sets) == sorted(set_id(c) for c in (WEB, ALL, TagCriterion("t")))
    assert list(current.port_sets) == sorted(map(set_id, ports))
    assert current.port_sets[set_id(ports[0])].members == {SocketAddress("192.0.2.1", TCP, 80)}
    assert current.port_sets[set_id(ports[1])].members == set()


def test_changed_ports_are_followed() -> None:
    http = PortCriterion("http", TCP)
    sets = following(http)
    sets.set_object(key("a"), port_markers(HTTP), ("192.0.2.1",), HTTP)
    moved = (EndpointPort("http", TCP, 8080),)
    sets.set_object(key("a"), port_markers(moved), ("192.0.2.1",), moved)
    assert sets.current().port_sets[set_id(http)].members == {SocketAddress("192.0.2.1", TCP, 8080)}
    sets.set_object(key("a"), {}, ("192.0.2.1",))
    assert sets.current().port_sets[set_id(http)].members == set()


@pytest.mark.parametrize(
    ("address", "owners"),
    [
        ("192.0.2.1", "aec"),
        ("192.0.2.200", "ce"),
        ("198.51.100.1", ""),
        ("2001:db8::1", "d"),
        ("2001:DB8:0::1", "d"),
    ],
)
def test_owners_are_in_the_order_of_how_exactly_they_name_the_address(address: str, owners: str) -> None:
    sets = following(WEB)
    add(sets, "a", "192.0.2.1", role="web")
    add(sets, "b", "192.0.2.1", role="db")
    add(sets, "c", "192.0.2.0/24", role="web")
    add(sets, "d", "::/0", "2001:db8::/32", role="web")
    add(sets, "e", "192.0.2.0/25", "192.0.0.0/16", role="web")
    assert sets.owners(set_id(WEB), address) == tuple(map(key, owners))


def test_owners_of_an_unknown_set_or_of_no_address() -> None:
    sets = following(WEB)
    with pytest.raises(KeyError, match="sel-nothing"):
        sets.owners("sel-nothing", "192.0.2.1")
    with pytest.raises(ValueError, match="example"):
        sets.owners(set_id(WEB), "example")
