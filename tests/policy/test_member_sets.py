from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catflap.model.resources import TCP, UDP, EndpointPort, ResourceKey
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


def members(sets: MemberSets, criterion: SetCriterion = WEB) -> AbstractSet[str]:
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
    ports = [PortCriterion(("http",), TCP), PortCriterion(("http",), TCP, WEB)]
    sets = following(WEB, ALL, TagCriterion("t"), *ports)
    sets.set_object(key("a"), {"role": "db", **port_markers(HTTP)}, ("192.0.2.1",), HTTP)
    current = sets.current()
    assert list(current.ip_sets) == sorted(set_id(c) for c in (WEB, ALL, TagCriterion("t")))
    assert list(current.port_sets) == sorted(map(set_id, ports))
    assert current.port_sets[set_id(ports[0])].members == {SocketAddress("192.0.2.1", TCP, 80)}
    assert current.port_sets[set_id(ports[1])].members == set()


def test_changed_ports_are_followed() -> None:
    http = PortCriterion(("http",), TCP)
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


class Carried(NamedTuple):
    """An object, as the sets are told of it."""

    labels: Mapping[str, str]
    addresses: tuple[str, ...]
    ports: tuple[EndpointPort, ...]


CRITERIA: tuple[SetCriterion, ...] = (
    WEB,
    ALL,
    PortCriterion(("http",), TCP),
    PortCriterion(("http",), UDP, WEB),
)
PORTS = st.lists(st.sampled_from([*HTTP, EndpointPort("http", UDP, 80)]), unique=True).map(tuple)
CARRIED = st.builds(
    lambda labels, addresses, ports: Carried({**labels, **port_markers(ports)}, addresses, ports),
    st.sampled_from([{}, {"role": "web"}]),
    st.lists(st.sampled_from(["x", "y"]), unique=True).map(tuple),
    PORTS,
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([key("a"), key("b"), key("c")]), st.none() | CARRIED),
        st.sets(st.sampled_from(CRITERIA)),
    ),
    max_size=15,
)


def expected_members(criterion: SetCriterion, objects: Iterable[Carried]) -> set[object]:
    matching = [item for item in objects if criterion.matches(item.labels)]
    if not isinstance(criterion, PortCriterion):
        return {address for item in matching for address in item.addresses}
    return {
        SocketAddress(address, port.protocol, port.port)
        for item in matching
        for address in item.addresses
        for port in item.ports
        if criterion.picks(port)
    }


@given(steps=STEPS)
def test_members_are_what_counting_all_objects_anew_gives(
    steps: list[tuple[ResourceKey, Carried | None] | set[SetCriterion]],
) -> None:
    sets, objects, wanted = following(*CRITERIA), dict[ResourceKey, Carried](), set(CRITERIA)
    for step in steps:
        if isinstance(step, set):
            wanted = step
            sets.want(wanted)
        elif step[1] is None:
            sets.remove_object(step[0])
            objects.pop(step[0], None)
        else:
            sets.set_object(step[0], *step[1])
            objects[step[0]] = step[1]
        current = sets.current()
        members: dict[str, frozenset[object]] = {
            **{name: frozenset(item.members) for name, item in current.ip_sets.items()},
            **{name: frozenset(item.members) for name, item in current.port_sets.items()},
        }
        assert members == {
            set_id(criterion): expected_members(criterion, objects.values()) for criterion in wanted
        }


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.frozensets(st.sampled_from([f"192.0.2.{number}" for number in range(6)])),
            st.sampled_from(["web", "web", "web", "db"]),
        ),
        max_size=8,
    )
)
def test_whatever_addresses_objects_come_to_carry_their_sets_are_as_if_made_anew(
    steps: list[tuple[str, frozenset[str], str]],
) -> None:
    sets = following(WEB)
    last: dict[str, tuple[frozenset[str], str]] = {}
    for name, ips, role in steps:
        add(sets, name, *sorted(ips), role=role)
        last[name] = (ips, role)
        expected = {address for ips, role in last.values() if role == "web" for address in ips}
        assert members(sets) == expected
