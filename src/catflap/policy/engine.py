"""The incremental heart: takes changes, remembers what they mean, and gives the `HostPolicy` when asked.

Work that grows with the fleet (all endpoints' labels and addresses) is done change by change; work that grows with
this host only (its few interfaces and the policies that apply to them) is done anew for each `HostPolicy`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

import msgspec

from catflap.model.decoded import ResourceChange
from catflap.model.resources import (
    Action,
    ConfigurationValues,
    Direction,
    Encoding,
    HostEndpoint,
    Kind,
    Policy,
    ProfileLabels,
    ProfileRules,
    ProfileTags,
    ReadyFlag,
    ResourceKey,
    Rule,
    Tier,
)
from catflap.model.selector import Selector
from catflap.policy.endpoints import EndpointTable
from catflap.policy.host_policy import (
    DirectionPolicy,
    Failsafe,
    HostPolicy,
    InterfacePolicy,
    ProfileStep,
    RuleLists,
)
from catflap.policy.interfaces import resolve_interfaces
from catflap.policy.ip_sets import IpSets, SetCriterion
from catflap.policy.label_index import LabelIndex
from catflap.policy.precedence import winner
from catflap.policy.rules import ResolvedRules, resolve_rules
from catflap.policy.tiers import TierTable

DEFAULT_ALLOW_KEY = ResourceKey(Kind.PROFILE_RULES, "projectcalico-default-allow", encoding=Encoding.V3)
_ALLOW_ALL = (Rule(Action.ALLOW),)
_DEFAULT_ALLOW = ProfileRules(DEFAULT_ALLOW_KEY.name, ingress=_ALLOW_ALL, egress=_ALLOW_ALL)


class Settings(msgspec.Struct, frozen=True):
    """What the agent's configuration says about policy."""

    hostname: str
    failsafe: Failsafe = Failsafe()
    workload_prefixes: tuple[str, ...] = ("cali",)


class PolicyEngine:
    """All resources of the store on one side, the policy of one host on the other.

    After every change of any kind `host_policy` gives the same as a new engine would from the same data.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._addresses: Mapping[str, AbstractSet[str]] = {}
        self._endpoints = EndpointTable()
        self._tiers = TierTable()
        self._policies: dict[ResourceKey, Policy] = {}
        self._profiles: dict[ResourceKey, ProfileRules] = {DEFAULT_ALLOW_KEY: _DEFAULT_ALLOW}
        self._resolved: dict[ResourceKey, ResolvedRules] = {}
        self._ip_sets = IpSets()
        self._local: LabelIndex[ResourceKey, Selector] = LabelIndex()
        self._selector_users: Counter[Selector] = Counter()
        self._notices: tuple[str, ...] = ()

    @property
    def notices(self) -> tuple[str, ...]:
        """What users should know about the last `host_policy`: conflicts, and policies that are not enforced."""
        return self._notices

    def set_interfaces(self, addresses: Mapping[str, AbstractSet[str]]) -> None:
        """Replace what is known of the host's interfaces: the addresses of each, by name."""
        self._addresses = addresses

    def apply(self, changes: Iterable[ResourceChange]) -> None:
        """Take over changes of resources. Kinds that are not policy (configuration, Ready) are left alone."""
        for change in changes:
            self._apply_one(change.key, change.resource)

    def _apply_one(self, key: ResourceKey, resource: object) -> None:
        match key.kind, resource:
            case Kind.HOST_ENDPOINT, HostEndpoint() | None:
                self._set_endpoint(key, resource)
            case Kind.POLICY, Policy() | None:
                self._set_policy(key, resource)
            case Kind.TIER, Tier() | None:
                self._tiers.set_tier(key, resource)
            case Kind.PROFILE_RULES, ProfileRules() | None:
                self._set_profile_rules(key, resource)
            case Kind.PROFILE_LABELS, ProfileLabels() | None:
                self._refresh(self._endpoints.set_profile_labels(key, resource))
            case Kind.PROFILE_TAGS, ProfileTags() | None:
                self._refresh(self._endpoints.set_profile_tags(key, resource))
            case Kind.CONFIGURATION | Kind.READY, ConfigurationValues() | ReadyFlag() | None:
                pass
            case _:
                raise TypeError(f"{key} cannot be {type(resource).__name__}")

    def _set_endpoint(self, key: ResourceKey, endpoint: HostEndpoint | None) -> None:
        self._endpoints.set_endpoint(key, endpoint)
        self._local.remove_item(key)
        if endpoint is None:
            self._ip_sets.remove_endpoint(key)
        else:
            self._refresh((key,))

    def _refresh(self, keys: Iterable[ResourceKey]) -> None:
        """Compute the effective labels of endpoints anew and tell both indexes."""
        for key in keys:
            endpoint = self._endpoints.get(key)
            if endpoint is not None:
                labels = self._endpoints.effective_labels(endpoint)
                self._ip_sets.set_endpoint(key, endpoint, labels)
                if endpoint.node == self.settings.hostname:
                    self._local.set_item(key, labels)

    def _set_policy(self, key: ResourceKey, policy: Policy | None) -> None:
        old = self._policies.pop(key, None)
        self._resolved.pop(key, None)
        if policy is not None:
            self._policies[key] = policy
            self._selector_users[policy.selector] += 1
            self._local.add_criterion(policy.selector)
        if old is not None:
            self._selector_users[old.selector] -= 1
            if not self._selector_users[old.selector]:
                del self._selector_users[old.selector]
                self._local.remove_criterion(old.selector)

    def _set_profile_rules(self, key: ResourceKey, rules: ProfileRules | None) -> None:
        self._resolved.pop(key, None)
        if rules is None:
            rules = _DEFAULT_ALLOW if key == DEFAULT_ALLOW_KEY else None
        if rules is None:
            self._profiles.pop(key, None)
        else:
            self._profiles[key] = rules

    def host_policy(self) -> HostPolicy:
        """What this host enforces now."""
        resolution = resolve_interfaces(
            self._endpoints.of_node(self.settings.hostname),
            self._addresses,
            self.settings.workload_prefixes,
        )
        interfaces = tuple(
            self._interface_policy(name, key) for name, key in sorted(resolution.winners.items())
        )
        policies = {key: self._resolve(key) for key in _policy_keys(interfaces)}
        profiles = {key: self._resolve(key) for key in _profile_keys(interfaces)}
        criteria: set[SetCriterion] = set()
        for resolved in (*policies.values(), *profiles.values()):
            criteria |= resolved.criteria
        self._notices = (*resolution.notices, *self._unenforced_policies())
        return HostPolicy(
            interfaces=interfaces,
            policies=_lists(policies),
            profiles=_lists(profiles),
            ip_sets=self._ip_sets.select(criteria),
            failsafe=self.settings.failsafe,
        )

    def _interface_policy(self, interface: str, key: ResourceKey) -> InterfacePolicy:
        endpoint = self._endpoints.get(key)
        if endpoint is None:
            raise KeyError(key)
        applicable = [
            policy_key
            for policy_key, policy in self._policies.items()
            if key in self._local.items(policy.selector)
        ]
        profiles = tuple(
            ProfileStep(name, winner(self._profiles, Kind.PROFILE_RULES, name)) for name in endpoint.profiles
        )
        ingress, egress = (
            DirectionPolicy(self._tiers.steps(self._policies, applicable, direction), profiles)
            for direction in (Direction.INGRESS, Direction.EGRESS)
        )
        return InterfacePolicy(interface, key, ingress, egress)

    def _resolve(self, key: ResourceKey) -> ResolvedRules:
        known = self._resolved.get(key)
        if known is None:
            if key.kind is Kind.POLICY:
                policy = self._policies[key]
                known = resolve_rules(key, f"{policy.tier}/{policy.name}", policy)
            else:
                known = resolve_rules(key, f"profile {key.name}", self._profiles[key])
            self._resolved[key] = known
        return known

    def _unenforced_policies(self) -> list[str]:
        return [
            f"Ignoring policy {policy.tier}/{policy.name} because its tier metadata is missing."
            for _, policy in sorted(self._policies.items())
            if self._tiers.get(policy.tier) is None
        ]


def _lists(resolved: Mapping[ResourceKey, ResolvedRules]) -> dict[ResourceKey, RuleLists]:
    return {key: rules.lists for key, rules in sorted(resolved.items())}


def _directions(interfaces: Iterable[InterfacePolicy]) -> Iterable[DirectionPolicy]:
    for interface in interfaces:
        yield interface.ingress
        yield interface.egress


def _policy_keys(interfaces: Iterable[InterfacePolicy]) -> set[ResourceKey]:
    return {key for direction in _directions(interfaces) for tier in direction.tiers for key in tier.policies}


def _profile_keys(interfaces: Iterable[InterfacePolicy]) -> set[ResourceKey]:
    return {
        step.key
        for direction in _directions(interfaces)
        for step in direction.profiles
        if step.key is not None
    }
