from __future__ import annotations

from catflap.model.resources import HostEndpoint, Kind, ResourceKey
from catflap.model.selector import parse_selector
from catflap.policy.endpoints import TagCriterion
from catflap.policy.ip_sets import IpSets, ip_set_id

WEB = parse_selector('role == "web"')
ALL = parse_selector("all()")


def key(name: str) -> ResourceKey:
    return ResourceKey(Kind.HOST_ENDPOINT, name, scope="h")


def add(sets: IpSets, name: str, *ips: str, **labels: str) -> None:
    sets.set_endpoint(key(name), HostEndpoint(name, "h", None, ips, labels), labels)


def members(sets: IpSets, criterion: object) -> set[str]:
    assert criterion in (WEB, ALL)
    (ip_set,) = sets.select([criterion]).values()  # type: ignore[list-item]  # narrowed above
    return set(ip_set.members)


def test_members_are_the_expected_addresses_of_matching_endpoints() -> None:
    sets = IpSets()
    add(sets, "a", "192.0.2.1", "2001:db8::1", role="web")
    add(sets, "b", "192.0.2.2", role="db")
    assert members(sets, WEB) == {"192.0.2.1", "2001:db8::1"}


def test_all_means_every_known_endpoint() -> None:
    sets = IpSets()
    add(sets, "a", "192.0.2.1", role="web")
    add(sets, "b", "192.0.2.2")
    assert members(sets, ALL) == {"192.0.2.1", "192.0.2.2"}


def test_a_shared_address_stays_until_its_last_endpoint_goes() -> None:
    sets = IpSets()
    add(sets, "a", "192.0.2.1", role="web")
    add(sets, "b", "192.0.2.1", role="web")
    sets.remove_endpoint(key("a"))
    assert members(sets, WEB) == {"192.0.2.1"}
    sets.remove_endpoint(key("b"))
    assert members(sets, WEB) == set()


def test_changed_addresses_and_labels_are_followed() -> None:
    sets = IpSets()
    add(sets, "a", "192.0.2.1", role="web")
    assert members(sets, WEB) == {"192.0.2.1"}
    add(sets, "a", "192.0.2.9", role="web")
    assert members(sets, WEB) == {"192.0.2.9"}
    add(sets, "a", "192.0.2.9", role="db")
    assert members(sets, WEB) == set()


def test_an_unchanged_set_stays_the_same_object() -> None:
    sets = IpSets()
    add(sets, "a", "192.0.2.1", role="web")
    first = sets.select([WEB])
    add(sets, "b", "192.0.2.2", role="db")
    assert sets.select([WEB])[ip_set_id(WEB)] is first[ip_set_id(WEB)]


def test_only_what_is_wanted_is_kept() -> None:
    sets = IpSets()
    add(sets, "a", "192.0.2.1", role="web")
    sets.select([WEB, ALL])
    assert list(sets.select([ALL])) == [ip_set_id(ALL)]
    add(sets, "a", "192.0.2.7", role="web")
    assert members(sets, WEB) == {"192.0.2.7"}


def test_ids_are_stable_and_do_not_mix_tags_with_selectors() -> None:
    assert ip_set_id(WEB) == ip_set_id(parse_selector("role=='web'"))
    assert ip_set_id(TagCriterion("web")).startswith("tag-")
    assert ip_set_id(ALL).startswith("sel-")
