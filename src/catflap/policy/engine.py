"""The incremental heart: takes changes, remembers what they mean, and gives the `HostPolicy` when asked.

Taking a change only notes it down. `host_policy` settles what has been noted: sets of addresses endpoint by endpoint,
whichever host they are of, and of this host only what the changes concern. So an endpoint elsewhere costs the sets that
it enters or leaves, a policy that applies nowhere here costs nothing, and what did not change is given out again as the
same objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from catflap.model.decoded import ResourceChange
from catflap.model.resources import (
    ConfigurationValues,
    HostEndpoint,
    Kind,
    NetworkSet,
    Node,
    Policy,
    ProfileLabels,
    ProfileRules,
    ProfileTags,
    ReadyFlag,
    ResourceKey,
    StagedPolicy,
    Tier,
    WorkloadEndpoint,
)
from catflap.policy.criteria import without_markers
from catflap.policy.endpoints import (
    Endpoint,
    EndpointTable,
    Labelled,
    addresses_of,
    describe,
    ports_of,
)
from catflap.policy.host_policy import HostPolicy
from catflap.policy.interfaces import Candidates
from catflap.policy.member_sets import CurrentSets, MemberSets
from catflap.policy.notices import policy_notices
from catflap.policy.profiles import ProfileTable
from catflap.policy.settings import Settings
from catflap.policy.tables import put
from catflap.policy.this_host import Enforced, ThisHost
from catflap.policy.tiers import TierTable


class PolicyEngine:
    """All resources of the store on one side, the policy of one host on the other.

    After every change of any kind `host_policy` gives the same as a new engine would from the same data.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._addresses: Mapping[str, AbstractSet[str]] = {}
        self._masters: Mapping[str, str] = {}
        self._nodes: dict[ResourceKey, Node] = {}
        self._staged: dict[ResourceKey, StagedPolicy] = {}
        self._tiers = TierTable()
        self._profiles = ProfileTable()
        self._endpoints = EndpointTable(self._profiles)
        self._sets = MemberSets()
        self._here = ThisHost(self._endpoints, self._profiles, self._tiers)
        self._unsettled: dict[ResourceKey, None] = {}  # what the sets do not know yet
        self._here_is_stale = True
        self._policy_notices: tuple[str, ...] | None = None
        self._notices: tuple[str, ...] = ()
        self._enforced: Enforced | None = None
        self._current_sets: CurrentSets | None = None
        self._host_policy = HostPolicy()  # made of these two

    @property
    def settings(self) -> Settings:
        """What configuration says; it may be replaced at any time."""
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._settings = settings
        self._here_is_stale = True

    @property
    def notices(self) -> tuple[str, ...]:
        """What users should know about the last `host_policy`: conflicts, and what is not enforced."""
        return self._notices

    @property
    def local_endpoints(self) -> frozenset[ResourceKey]:
        """The endpoints of this host, as of the last `host_policy`."""
        return self._here.endpoints

    def set_interfaces(
        self, addresses: Mapping[str, AbstractSet[str]], masters: Mapping[str, str] | None = None
    ) -> None:
        """Replace what is known of the host's interfaces.

        Args:
            addresses: of each interface, by its name.
            masters: the bridge or bond of each interface that is a port of one.
        """
        self._addresses = addresses
        self._masters = masters or {}
        self._here_is_stale = True

    def apply(self, changes: Iterable[ResourceChange]) -> None:
        """Take over changes of resources. Kinds that are not policy (configuration, Ready) are left alone.

        Raises:
            TypeError: a resource is not of the kind that its key says.
        """
        for change in changes:
            self._apply_one(change.key, change.resource)

    def _apply_one(self, key: ResourceKey, resource: object) -> None:
        match key.kind, resource:
            case Kind.HOST_ENDPOINT, HostEndpoint() | None:
                self._set_labelled(key, resource)
            case Kind.WORKLOAD_ENDPOINT, WorkloadEndpoint() | None:
                self._set_labelled(key, resource)
            case Kind.NETWORK_SET, NetworkSet() | None:
                self._set_labelled(key, resource)
            case Kind.NODE, Node() | None:
                self._set_node(key, resource)
            case _:
                self._apply_policy(key, resource)

    def _apply_policy(self, key: ResourceKey, resource: object) -> None:
        match key.kind, resource:
            case Kind.POLICY, Policy() | None:
                self._here.set_policy(key, resource)
                self._policy_notices = None
            case Kind.STAGED_POLICY, StagedPolicy() | None:
                self._set_staged_policy(key, resource)
            case Kind.TIER, Tier() | None:
                self._set_tier(key, resource)
            case Kind.PROFILE_RULES, ProfileRules() | None:
                self._profiles.set_rules(key, resource)
                self._here.profile_rules_changed(key)
            case Kind.PROFILE_LABELS, ProfileLabels() | None:
                self._profiles.set_labels(key, resource)
                self._inheritance_changed(key.name)
            case Kind.PROFILE_TAGS, ProfileTags() | None:
                self._profiles.set_tags(key, resource)
                self._inheritance_changed(key.name)
            case Kind.CONFIGURATION | Kind.READY, ConfigurationValues() | ReadyFlag() | None:
                pass
            case _:
                raise TypeError(f"{key} cannot be {type(resource).__name__}")

    def _set_labelled(self, key: ResourceKey, labelled: Labelled | None) -> None:
        old = self._endpoints.set(key, labelled)
        self._unsettled[key] = None
        if self._may_concern_here(old) or self._may_concern_here(labelled):
            self._here_is_stale = True

    def _may_concern_here(self, labelled: Labelled | None) -> bool:
        return isinstance(labelled, Endpoint) and labelled.node in {None, self._settings.hostname}

    def _inheritance_changed(self, profile: str) -> None:
        self._unsettled.update(dict.fromkeys(self._endpoints.with_profile(profile)))
        self._here_is_stale = True

    def _set_node(self, key: ResourceKey, node: Node | None) -> None:
        put(self._nodes, key, node)
        if key.name == self._settings.hostname:
            self._here_is_stale = True

    def _set_staged_policy(self, key: ResourceKey, policy: StagedPolicy | None) -> None:
        put(self._staged, key, policy)
        self._policy_notices = None

    def _set_tier(self, key: ResourceKey, tier: Tier | None) -> None:
        self._tiers.set_tier(key, tier)
        self._here.tiers_changed()
        self._policy_notices = None

    def _settle(self) -> None:
        """Make the sets and this host know all changes."""
        for key in self._unsettled:
            labelled = self._endpoints.get(key)
            if labelled is None:
                self._sets.remove_object(key)
            else:
                labels = self._endpoints.labels(labelled)
                self._sets.set_object(key, labels, addresses_of(labelled), ports_of(labelled))
        self._unsettled.clear()
        if self._here_is_stale:
            self._here.refresh(self._nodes, self._addresses, self._masters, self._settings)
            self._here_is_stale = False

    def host_policy(self) -> HostPolicy:
        """What this host enforces now; the same object as before where nothing has changed."""
        self._settle()
        if self._policy_notices is None:
            self._policy_notices = policy_notices(self._here.policies, self._staged, self._tiers)
        self._notices = (*self._here.notices, *self._policy_notices)
        enforced = self._here.enforced()
        if enforced is not self._enforced:
            self._sets.want(enforced.criteria)
        sets = self._sets.current()
        if enforced is not self._enforced or sets is not self._current_sets:
            self._host_policy = self._assemble(enforced, sets)
        self._enforced, self._current_sets = enforced, sets
        return self._host_policy

    def _assemble(self, enforced: Enforced, sets: CurrentSets) -> HostPolicy:
        return HostPolicy(
            interfaces=enforced.interfaces,
            policies=enforced.policies,
            profiles=enforced.profiles,
            ip_sets=sets.ip_sets,
            failsafe=self._settings.failsafe,
            port_sets=sets.port_sets,
            workloads=enforced.workloads,
            workload_prefixes=self._settings.workload_prefixes,
            workload_to_host=self._settings.workload_to_host,
            accept_mark=self._settings.accept_mark,
        )

    def endpoint(self, key: ResourceKey) -> Endpoint | None:
        """An endpoint of any host, or the one that is made for this host (see `Settings.auto_host_endpoints`)."""
        self._settle()
        found = self._endpoints.get(key)
        return found if isinstance(found, Endpoint) else self._here.endpoint(key)

    def effective_labels(self, key: ResourceKey) -> Mapping[str, str]:
        """What selectors see of an endpoint or network set: its own labels over those of its profiles.

        Raises:
            KeyError: there is none of that key.
        """
        labelled = self._endpoints.get(key) or self.endpoint(key)
        if labelled is None:
            raise KeyError(key)
        return without_markers(self._endpoints.labels(labelled))

    def interface_candidates(self, interface: str) -> Candidates:
        """The host endpoint that polices an interface of this host, and those that lose it to that one."""
        self._settle()
        return self._here.candidates(interface)

    def owners(self, set_id: str, address: str) -> tuple[str, ...]:
        """Who brings an address into an IP set or port set of the last `host_policy`: ``network set partners``.

        They carry the address (in a port set, with the named port), or a network that holds it: the most exact first.

        Raises:
            KeyError: no rule uses such a set.
            ValueError: this is no address.
        """
        self._settle()
        return tuple(map(describe, self._sets.owners(set_id, address)))
