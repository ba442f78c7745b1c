from __future__ import annotations

from catflap.model import decode
from catflap.model.resources import Kind, PolicyKind
from catflap.prove.generate import series
from catflap.prove.oracle import Follower

SEEDS = [f"test/{number}" for number in range(40)]


def test_the_same_seed_gives_the_same_series() -> None:
    assert series("1/1", 3) == series("1/1", 3)
    assert series("1/1", 3) != series("1/2", 3)


def test_each_world_of_a_series_differs_from_the_one_before_and_keeps_most_of_it() -> None:
    for seed in SEEDS:
        first, second = series(seed, 2)
        assert first != second
        assert len(first.entries.keys() - second.entries.keys()) <= 3


def test_every_kind_of_object_and_of_policy_occurs_in_both_encodings() -> None:
    kinds, policies = set(), set()
    for seed in SEEDS:
        for world in series(seed, 2):
            follower = Follower()
            policy = follower.follow(world)
            policies |= {lists.kind for lists in policy.policies.values()}
            for path in world.entries:
                kinds |= {(change.key.kind, change.key.encoding) for change in decode(path, None).changes}
    assert policies == set(PolicyKind)
    both = {Kind.HOST_ENDPOINT, Kind.WORKLOAD_ENDPOINT, Kind.POLICY, Kind.TIER, Kind.PROFILE_RULES}
    assert {kind for kind in both if {(kind, "v1"), (kind, "v3")} <= kinds} == both


def test_only_spoiled_objects_are_invalid() -> None:
    for seed in SEEDS:
        (world,) = series(seed, 1)
        follower = Follower()
        follower.follow(world)
        invalid = {path for path, problems in follower.problems.items() if problems}
        assert invalid <= {path for path, value in world.entries.items() if value == {"spec": []}}
