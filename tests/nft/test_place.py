from __future__ import annotations

import pytest
from msgspec.structs import replace

from catflap.nft.place import base_name, changes_intervals_in_place, place
from catflap.nft.plan import Existing
from catflap.nft.ruleset import Chain, NftSet, RuleSet, VerdictMap

_RULE = 'ip saddr @n4 accept comment "about @n4"'


def networks(name: str, *nets: str) -> NftSet:
    return NftSet(name, "ipv6_addr" if name == "n6" else "ipv4_addr", ("interval",), frozenset(nets))


def rule_set(*sets: NftSet, rule: str = _RULE) -> RuleSet:
    return RuleSet(
        {item.name: item for item in sets},
        {"m": VerdictMap("m", "ifname", {"eth0": "goto c"})},
        {"c": Chain("c", (rule, "drop"))},
    )


OLD = rule_set(networks("n4", "10.0.0.0/8"), networks("n6", "fe80::/10"), networks("o4", "10.0.0.0/8"))


def placed(*sets: NftSet, rule: str = _RULE, in_place: bool = True, old: RuleSet = OLD) -> dict[str, NftSet]:
    desired = rule_set(*{**OLD.sets, **{item.name: item for item in sets}}.values(), rule=rule)
    return dict(place(Existing.of(old), desired, in_place=in_place).sets)


def test_a_rule_set_that_nobody_knows_yet_is_taken_as_it_is() -> None:
    assert place(Existing(), OLD) is OLD
    assert place(Existing.of(OLD), OLD) is OLD


def test_one_set_that_changes_alone_changes_in_place() -> None:
    assert placed(networks("n4", "11.0.0.0/8")).keys() == OLD.sets.keys()


def test_one_set_of_each_ip_version_may_since_no_packet_is_of_both() -> None:
    assert placed(networks("n4", "11.0.0.0/8"), networks("n6", "fec0::/10")).keys() == OLD.sets.keys()


@pytest.mark.parametrize(
    ("sets", "rule"),
    [
        ((networks("n4", "11.0.0.0/8"), networks("o4", "11.0.0.0/8")), _RULE),
        ((networks("n4", "11.0.0.0/8"),), "ip saddr @n4 drop"),
        ((networks("n4", "11.0.0.0/8"), NftSet("new", "ipv4_addr")), _RULE),
        ((networks("n4", "11.0.0.0/8"), networks("new", "11.0.0.0/8")), _RULE),
    ],
)
def test_a_set_that_changes_with_anything_else_is_another_one(sets: tuple[NftSet, ...], rule: str) -> None:
    found = placed(*sets, rule=rule)
    assert "n4" not in found
    assert found["n4/2"].elements == {"11.0.0.0/8"}
    assert found["n4/2"].name == "n4/2"


def test_a_hash_set_that_changes_as_well_is_something_else() -> None:
    hashed = NftSet("h", "ipv4_addr", (), frozenset({"1.1.1.1"}))
    old = replace(OLD, sets={**OLD.sets, "h": hashed})
    found = placed(networks("n4", "11.0.0.0/8"), replace(hashed, elements=frozenset()), old=old)
    assert "n4/2" in found


def test_a_kernel_that_cannot_gets_another_set() -> None:
    assert "n4/2" in placed(networks("n4", "11.0.0.0/8"), in_place=False)


def test_what_is_not_known_of_rules_may_be_a_change() -> None:
    taken_over = replace(Existing.of(OLD), rules={})
    desired = rule_set(*{**OLD.sets, "n4": networks("n4", "11.0.0.0/8")}.values())
    assert "n4/2" in place(taken_over, desired).sets


def test_rules_refer_to_the_set_that_took_its_place_and_what_is_quoted_stays() -> None:
    desired = rule_set(*{**OLD.sets, "n4": networks("n4", "11.0.0.0/8")}.values())
    found = place(Existing.of(OLD), desired, in_place=False)
    assert found.chains["c"].rules == ('ip saddr @n4/2 accept comment "about @n4"', "drop")


def test_a_set_keeps_its_number_until_it_has_to_be_another_one_again() -> None:
    first = rule_set(networks("n4", "11.0.0.0/8"), rule="ip saddr @n4 drop")
    second = place(Existing.of(rule_set(networks("n4", "10.0.0.0/8"))), first)
    assert list(second.sets) == ["n4/2"]
    same = place(Existing.of(second), first)
    assert same == second
    alone = place(Existing.of(second), rule_set(networks("n4", "12.0.0.0/8"), rule="ip saddr @n4 drop"))
    assert list(alone.sets) == ["n4/2"]
    again = place(Existing.of(second), rule_set(networks("n4", "12.0.0.0/8"), rule="ip saddr @n4 return"))
    assert list(again.sets) == ["n4"]


def test_a_set_that_is_left_over_with_the_right_content_is_used() -> None:
    left = networks("n4/7", "11.0.0.0/8")
    existing = Existing.of(replace(OLD, sets={**OLD.sets, left.name: left}))
    desired = rule_set(networks("n4", "11.0.0.0/8"), rule="ip saddr @n4 drop")
    assert list(place(existing, desired).sets) == ["n4/7"]


def test_a_set_of_another_kind_under_our_name_is_not_taken_for_ours() -> None:
    strange = NftSet("n4", "ipv4_addr", (), frozenset({"10.0.0.1"}))
    desired = rule_set(networks("n4", "10.0.0.0/8"))
    assert place(Existing.of(rule_set(strange)), desired) == desired


def test_names() -> None:
    assert [base_name(name) for name in ("n4", "n4/2", "n4/22", "a/b")] == ["n4", "n4", "n4", "a/b"]


@pytest.mark.parametrize(
    ("release", "can"),
    [
        ("6.18.5", True),
        ("6.18.0-rc1", True),
        ("7.0.1-amd64", True),
        ("6.12.9", False),
        ("5.10", False),
        ("x", False),
    ],
)
def test_kernels_that_were_measured_and_newer_ones(release: str, *, can: bool) -> None:
    assert changes_intervals_in_place(release) == can
