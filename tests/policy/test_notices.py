from __future__ import annotations

import pytest

from catflap.model.resources import Kind, Policy, ResourceKey, StagedPolicy, Tier
from catflap.model.selector import parse_selector
from catflap.policy.notices import policy_notices
from catflap.policy.tiers import TierTable

from .conftest import policy_key


def policies(*names: tuple[str, str]) -> dict[ResourceKey, Policy]:
    return {policy_key(name, tier): Policy(name, tier, parse_selector("all()")) for tier, name in names}


def staged(count: int) -> dict[ResourceKey, StagedPolicy]:
    names = [f"s{number}" for number in range(count)]
    return {ResourceKey(Kind.STAGED_POLICY, name): StagedPolicy(name, "default", "Set") for name in names}


def test_policies_in_missing_tiers_are_named_one_by_one_in_order() -> None:
    tiers = TierTable()
    tiers.set_tier(ResourceKey(Kind.TIER, "known"), Tier("known"))
    found = policies(("b", "q"), ("a", "p"), ("known", "p"), ("default", "p"), ("b", "p"))
    assert policy_notices(found, {}, tiers) == tuple(
        f"Ignoring policy {title} because its tier metadata is missing." for title in ("a/p", "b/p", "b/q")
    )


FIVE = "default/s0, default/s1, default/s2, default/s3, default/s4"


@pytest.mark.parametrize(
    ("count", "notices"),
    [
        (0, ()),
        (1, ("Staged policy default/s0 is not enforced",)),
        (2, ("2 staged policies are not enforced: default/s0, default/s1",)),
        (
            7,
            (f"7 staged policies are not enforced: {FIVE} and 2 more",),
        ),
    ],
)
def test_staged_policies_are_named_in_one_notice(count: int, notices: tuple[str, ...]) -> None:
    assert policy_notices({}, staged(count), TierTable()) == notices
