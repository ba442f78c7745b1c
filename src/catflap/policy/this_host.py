"""What one host enforces, apart from the members of sets, kept up to date as the host's endpoints and policies change.

Nothing here grows with the fleet. What is given out is made of parts that stay the same objects until something that
they were made from changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

import msgspec

from catflap.model.resources import Kind, Node, Policy, ResourceKey
from catflap.policy.applicable import ApplicablePolicies
from catflap.policy.criteria import SetCriterion
from catflap.policy.endpoint_policy import interface_policy, policy_keys, profile_keys, workload_policy
from catflap.policy.endpoints import Endpoint, EndpointTable
from catflap.policy.host_policy import InterfacePolicy, RuleLists, WorkloadPolicy
from catflap.policy.interfaces import Candidates, Interfaces
from catflap.policy.local import LocalEndpoints, host_labels, local_endpoints
from catflap.policy.profiles import ProfileTable
from catflap.policy.rules import ResolvedRules, policy_title, resolve_rules
from catflap.policy.settings import Settings
from catflap.policy.tiers import TierGroup, TierTable
from catflap.policy.workloads import Workloads, resolve_workloads


class Enforced(msgspec.Struct, frozen=True):
    """The parts of a `HostPolicy` that come from this host's endpoints, and what the sets that they need stand for."""

    interfaces: tuple[InterfacePolicy, ...]
    workloads: tuple[WorkloadPolicy, ...]
    policies: Mapping[ResourceKey, RuleLists]
    profiles: Mapping[ResourceKey, RuleLists]
    criteria: frozenset[SetCriterion]


class ThisHost:
    """The policies of the store against the endpoints of this host.

    Whoever changes one of the tables says so here.
    """

    def __init__(self, endpoints: EndpointTable, profiles: ProfileTable, tiers: TierTable) -> None:
        self._endpoints = endpoints
        self._profiles = profiles
        self._tiers = tiers
        self._applicable = ApplicablePolicies()
        self._local = LocalEndpoints({}, {})
        self._interfaces = Interfaces({}, {}, ())
        self._workloads = Workloads()
        self.notices: tuple[str, ...] = ()  # what users should know about this host's endpoints
        self.endpoints: frozenset[ResourceKey] = frozenset()  # all of this host
        self._resolved: dict[ResourceKey, ResolvedRules] = {}
        self._of_interface: dict[ResourceKey, dict[str, InterfacePolicy]] = {}
        self._of_workload: dict[ResourceKey, WorkloadPolicy] = {}
        self._enforced: Enforced | None = None

    @property
    def policies(self) -> Mapping[ResourceKey, Policy]:
        """All policies (a live view)."""
        return self._applicable.policies

    def endpoint(self, key: ResourceKey) -> Endpoint | None:
        """The endpoint of that key, if it concerns this host."""
        return self._local.all.get(key)

    def candidates(self, interface: str) -> Candidates:
        """The host endpoints that claim an interface."""
        return self._interfaces.candidates(interface)

    def refresh(
        self,
        nodes: Mapping[ResourceKey, Node],
        addresses: Mapping[str, AbstractSet[str]],
        masters: Mapping[str, str],
        settings: Settings,
    ) -> None:
        """Decide anew which endpoints concern this host and which interfaces they police."""
        local = local_endpoints(self._endpoints, host_labels(nodes, settings), settings)
        for key in self._local.all.keys() - local.all.keys():
            self._applicable.remove_endpoint(key)
            self._forget((key,))
        for key, endpoint in local.all.items():
            changed = self._applicable.set_endpoint(key, self._endpoints.labels(endpoint))
            if changed or endpoint != self._local.all.get(key):
                self._forget((key,))
        self._local = local
        self.endpoints = frozenset(local.all)
        self._interfaces = Interfaces(local.hosts, addresses, settings.workload_prefixes, masters)
        self._workloads = resolve_workloads(local.workloads, addresses, settings.workload_prefixes)
        self.notices = (*self._interfaces.notices(), *self._workloads.notices)
        self._enforced = None

    def set_policy(self, key: ResourceKey, policy: Policy | None) -> None:
        """Add, replace or (None) remove a policy."""
        if self.policies.get(key) != policy:
            self._resolved.pop(key, None)
            self._forget(self._applicable.set_policy(key, policy))

    def tiers_changed(self) -> None:
        """Any tier may stand elsewhere now."""
        self._forget(tuple(self._local.all))

    def profile_rules_changed(self, key: ResourceKey) -> None:
        """The rules of a profile are others, or have come or gone."""
        self._resolved.pop(key, None)
        self._forget([user for user, endpoint in self._local.all.items() if key.name in endpoint.profiles])

    def _forget(self, endpoints: Iterable[ResourceKey]) -> None:
        for key in endpoints:
            self._of_interface.pop(key, None)
            self._of_workload.pop(key, None)
            self._enforced = None

    def enforced(self) -> Enforced:
        """What is enforced now; the same object as before where nothing has changed."""
        if self._enforced is None:
            self._enforced = self._assemble()
        return self._enforced

    def _assemble(self) -> Enforced:
        interfaces = tuple(self._interface(name, key) for name, key in self._interfaces.entries())
        workloads = tuple(map(self._workload, self._workloads.policed))
        policed: tuple[InterfacePolicy | WorkloadPolicy, ...] = (*interfaces, *workloads)
        policies = {key: self._resolve(key) for key in sorted(policy_keys(policed))}
        profiles = {key: self._resolve(key) for key in sorted(profile_keys(policed))}
        criteria = (item.criteria for table in (policies, profiles) for item in table.values())
        return Enforced(
            interfaces,
            workloads,
            {key: item.lists for key, item in policies.items()},
            {key: item.lists for key, item in profiles.items()},
            frozenset().union(*criteria),
        )

    def _interface(self, name: str, key: ResourceKey) -> InterfacePolicy:
        known = self._of_interface.setdefault(key, {})
        if name not in known:
            profiles = self._profiles.steps(self._local.hosts[key].profiles)
            known[name] = interface_policy(name, key, self._groups(key), profiles)
        return known[name]

    def _workload(self, key: ResourceKey) -> WorkloadPolicy:
        if key not in self._of_workload:
            endpoint = self._local.workloads[key]
            profiles = self._profiles.steps(endpoint.profiles)
            self._of_workload[key] = workload_policy(endpoint, key, self._groups(key), profiles)
        return self._of_workload[key]

    def _groups(self, key: ResourceKey) -> tuple[TierGroup, ...]:
        return self._tiers.group(self._applicable.to(key))

    def _resolve(self, key: ResourceKey) -> ResolvedRules:
        known = self._resolved.get(key)
        if known is None:
            if key.kind is Kind.POLICY:
                policy = self.policies[key]
                known = resolve_rules(key, policy_title(key, policy), policy)
            else:
                known = resolve_rules(key, f"profile {key.name}", self._profiles.rules(key))
            self._resolved[key] = known
        return known
