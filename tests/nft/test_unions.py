from __future__ import annotations

from catflap.nft.ruleset import NftSet
from catflap.nft.unions import Unions, union_name


def addresses(*elements: str) -> NftSet:
    return NftSet("any", "ipv4_addr", (), frozenset(elements))


def test_a_union_holds_what_its_parts_hold() -> None:
    made = Unions().get("u", [addresses("10.0.0.1", "10.0.0.2"), addresses("10.0.0.2")])
    assert made.elements == {"10.0.0.1", "10.0.0.2"}
    assert (made.name, made.type) == ("u", "ipv4_addr")


def test_a_union_is_made_anew_where_a_part_changes_and_only_there() -> None:
    unions, first, second = Unions(), addresses("10.0.0.1"), addresses("10.0.0.2")
    made = unions.get("u", [first, second])
    assert unions.get("u", [first, second]) is made
    assert unions.get("u", [first]).elements == {"10.0.0.1"}
    assert unions.get("u", [first, addresses("10.0.0.3")]).elements == {"10.0.0.1", "10.0.0.3"}


def test_what_is_not_needed_is_forgotten() -> None:
    unions, parts = Unions(), [addresses("10.0.0.1"), addresses("10.0.0.2")]
    made = unions.get("u", parts)
    unions.keep({"u"})
    assert unions.get("u", parts) is made
    unions.keep(set())
    assert unions.get("u", parts) is not made


def test_names_differ_by_place_and_version() -> None:
    assert len({union_name("a", 4), union_name("a", 6), union_name("b", 4)}) == 3
