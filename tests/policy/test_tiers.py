from __future__ import annotations

from catflap.model.resources import (
    LAST,
    Action,
    Direction,
    Encoding,
    Kind,
    Policy,
    ResourceKey,
    Tier,
)
from catflap.model.selector import parse_selector
from catflap.policy.host_policy import TierStep
from catflap.policy.tiers import TierTable, tier_steps

ALL = parse_selector("all()")
INGRESS_ONLY = frozenset({Direction.INGRESS})


def tier_key(name: str, encoding: Encoding = Encoding.V1) -> ResourceKey:
    return ResourceKey(Kind.TIER, name, encoding=encoding)


def tiers(*metadata: Tier) -> TierTable:
    table = TierTable()
    for tier in metadata:
        table.set_tier(tier_key(tier.name), tier)
    return table


def steps(
    table: TierTable, *policies: Policy, direction: Direction = Direction.INGRESS
) -> list[tuple[str, list[str]]]:
    keyed = {ResourceKey(Kind.POLICY, p.name, scope=p.tier): p for p in policies}
    found = tier_steps(table.group(keyed.items()), lambda policy: direction in policy.types)
    return [(step.name, [key.name for key in step.policies]) for step in found]


def test_the_default_tier_exists_without_metadata() -> None:
    assert steps(TierTable(), Policy("web", "default", ALL)) == [("default", ["web"])]


def test_a_policy_in_another_tier_without_metadata_is_left_out() -> None:
    assert steps(TierTable(), Policy("web", "security", ALL)) == []


def test_tiers_sort_by_order_then_name_and_the_default_tier_comes_last() -> None:
    table = tiers(Tier("b", 10), Tier("a", 10), Tier("c", 5), Tier("last", LAST))
    policies = [Policy("p", tier, ALL) for tier in ("default", "last", "a", "b", "c")]
    assert [name for name, _ in steps(table, *policies)] == ["c", "a", "b", "default", "last"]


def test_metadata_of_the_default_tier_counts() -> None:
    table = tiers(Tier("default", 1, Action.PASS), Tier("other", 2))
    assert [n for n, _ in steps(table, Policy("p", "other", ALL), Policy("p", "default", ALL))] == [
        "default",
        "other",
    ]


def test_policies_sort_by_order_then_bytewise_name_and_without_order_come_last() -> None:
    policies = [
        Policy("z", "default", ALL, 1),
        Policy("none", "default", ALL),
        Policy("b", "default", ALL, 2.5),
        Policy("Z", "default", ALL, 2.5),
        Policy("first", "default", ALL, -3),
    ]
    assert steps(TierTable(), *policies) == [("default", ["first", "z", "Z", "b", "none"])]


def test_a_tier_whose_policies_do_not_govern_the_direction_does_not_appear() -> None:
    policy = Policy("web", "default", ALL, types=INGRESS_ONLY)
    assert steps(TierTable(), policy, direction=Direction.EGRESS) == []
    assert steps(TierTable(), policy) == [("default", ["web"])]


def test_a_step_has_its_tiers_default_action() -> None:
    key = ResourceKey(Kind.POLICY, "p", scope="t")
    groups = tiers(Tier("t", 1, Action.PASS)).group([(key, Policy("p", "t", ALL))])
    assert tier_steps(groups, lambda _policy: True) == (TierStep("t", (key,), Action.PASS),)


def test_policies_alike_in_order_and_name_sort_by_key() -> None:
    keys = [ResourceKey(Kind.POLICY, "p", scope, Encoding.V3) for scope in ("b", "", "a")]
    groups = TierTable().group((key, Policy("p", "default", ALL)) for key in keys)
    assert [key.scope for group in groups for key, _ in group.policies] == ["", "a", "b"]


def test_a_policy_without_types_counts_in_both_directions() -> None:
    assert steps(TierTable(), Policy("web", "default", ALL), direction=Direction.EGRESS) == [
        ("default", ["web"])
    ]


def test_a_tier_of_the_newer_encoding_hides_the_older_one() -> None:
    table = tiers(Tier("security", 1))
    table.set_tier(tier_key("security", Encoding.V3), Tier("security", 2, Action.PASS))
    assert table.get("security") == Tier("security", 2, Action.PASS)
    table.set_tier(tier_key("security", Encoding.V3), None)
    assert table.get("security") == Tier("security", 1)


def test_the_key_says_which_tier_it_is_whatever_name_the_resource_has() -> None:
    table = TierTable()
    table.set_tier(tier_key("security"), Tier("other", 1))
    assert steps(table, Policy("p", "security", ALL)) == [("security", ["p"])]
