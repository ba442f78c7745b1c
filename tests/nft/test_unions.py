from __future__ import annotations

from catflap.nft.ruleset import NftSet
from catflap.nft.unions import Union, Unions, union_name

_AB: Union = (("a", "b"), 4)


def addresses(*elements: str) -> NftSet:
    return NftSet("any", "ipv4_addr", (), frozenset(elements))


def test_a_union_holds_what_its_parts_hold() -> None:
    made = Unions().get(_AB, [addresses("10.0.0.1", "10.0.0.2"), addresses("10.0.0.2")])
    assert made.elements == {"10.0.0.1", "10.0.0.2"}
    assert made.name == union_name(_AB)
    assert made.type == "ipv4_addr"


def test_a_union_is_made_anew_where_a_part_changes_and_only_there() -> None:
    unions, first, second = Unions(), addresses("10.0.0.1"), addresses("10.0.0.2")
    made = unions.get(_AB, [first, second])
    assert unions.get(_AB, [first, second]) is made
    assert unions.get(_AB, [first, addresses("10.0.0.3")]).elements == {"10.0.0.1", "10.0.0.3"}


def test_what_is_not_needed_is_forgotten() -> None:
    unions, parts = Unions(), [addresses("10.0.0.1"), addresses("10.0.0.2")]
    made = unions.get(_AB, parts)
    unions.keep({_AB})
    assert unions.get(_AB, parts) is made
    unions.keep(set())
    assert unions.get(_AB, parts) is not made


def test_names_differ_by_ids_and_version() -> None:
    assert len({union_name(_AB), union_name((("a", "b"), 6)), union_name((("a", "c"), 4))}) == 3
