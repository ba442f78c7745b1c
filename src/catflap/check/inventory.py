"""Everything that the files say, arranged for the lints: resources with the places that they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeAlias, TypeVar, cast

import msgspec

from catflap.check.schema import Valid
from catflap.check.source import SourceObject
from catflap.model.resources import (
    DEFAULT_TIER,
    Action,
    Direction,
    HostEndpoint,
    NetworkSet,
    Policy,
    ProfileLabels,
    ProfileRules,
    Resource,
    ResourceKey,
    Rule,
    Tier,
    WorkloadEndpoint,
)
from catflap.policy.endpoints import Endpoint
from catflap.policy.profiles import ProfileTable

R = TypeVar("R")
S = TypeVar("S")

Labels: TypeAlias = Mapping[str, str]


class Entry(msgspec.Struct, Generic[R], frozen=True):
    """A resource and the object that it was read from."""

    key: ResourceKey
    resource: R
    source: SourceObject


class RulePlace(msgspec.Struct, frozen=True):
    """One rule of a policy or profile. ``field`` is where it stands in its document."""

    source: SourceObject
    direction: Direction
    number: int
    rule: Rule

    @property
    def field(self) -> str:
        """Such as ``spec.ingress[0]``."""
        return f"spec.{self.direction.lower()}[{self.number}]"


def rules_of(owner: Policy | ProfileRules, direction: Direction) -> tuple[Rule, ...]:
    """The rules of a policy or profile for one direction."""
    return owner.ingress if direction is Direction.INGRESS else owner.egress


class Inventory:
    """All valid objects of the checked files. Nothing else is known: other objects may be in the store."""

    def __init__(self, objects: Iterable[Valid]) -> None:
        self._entries = [
            Entry(change.key, change.resource, valid.source)
            for valid in objects
            for change in valid.changes
            if change.resource is not None
        ]
        self._profiles = ProfileTable()
        for each in self.of(ProfileLabels):
            self._profiles.set_labels(each.key, each.resource)
        self.tiers: Mapping[str, Tier] = {
            DEFAULT_TIER: Tier(DEFAULT_TIER),
            **{each.resource.name: each.resource for each in self.of(Tier)},
        }
        self.endpoints: Sequence[Entry[Endpoint]] = self.either(HostEndpoint, WorkloadEndpoint)
        self.endpoint_labels: Sequence[Labels] = [self.labels(each.resource) for each in self.endpoints]
        self.set_labels: Sequence[Labels] = [self.labels(each.resource) for each in self.of(NetworkSet)]

    def of(self, kind: type[R]) -> list[Entry[R]]:
        """The resources of one class, in the order of the files."""
        return [cast("Entry[R]", each) for each in self._entries if isinstance(each.resource, kind)]

    def either(self, first: type[R], second: type[S]) -> list[Entry[R | S]]:
        """The resources of two classes, those of the first class first."""
        return [*cast("list[Entry[R | S]]", self.of(first)), *cast("list[Entry[R | S]]", self.of(second))]

    def resources(self) -> Iterator[tuple[ResourceKey, Resource]]:
        """All resources."""
        return ((each.key, each.resource) for each in self._entries)

    def labels(self, item: Endpoint | NetworkSet) -> Labels:
        """The own labels of an endpoint or network set over those of its profiles, of which the first wins."""
        return {**self._profiles.inherited(item.profiles), **item.labels}

    def profile_labels(self, profile: str) -> Labels:
        """The labels that a profile gives; none if it is not known."""
        return self._profiles.inherited((profile,))

    def rules(self) -> Iterator[RulePlace]:
        """Every rule of every policy and profile."""
        for lists in self.rule_lists():
            yield from lists

    def rule_lists(self) -> Iterator[list[RulePlace]]:
        """The rules of each direction of each policy and profile, in order."""
        for each in self.either(Policy, ProfileRules):
            for direction in Direction:
                rules = enumerate(rules_of(each.resource, direction))
                yield [RulePlace(each.source, direction, number, rule) for number, rule in rules]

    def ends_in_deny(self, policy: Policy) -> bool:
        """Whether the policy's tier denies what its policies do not decide about."""
        tier = self.tiers.get(policy.tier)
        return tier is not None and tier.default_action is not Action.PASS
