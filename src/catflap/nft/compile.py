"""From a host policy to the rule set that enforces it: the stages, and what each does with packets of which interface.

Chains stand in the order in which packets meet them. Interfaces without policy for a stage meet its dispatch and
nothing else. What policy means is written down in `catflap.verdict`; the tests hold this against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from catflap.nft import stages
from catflap.nft.counters import Counted, referred_to
from catflap.nft.endpoints import EndpointRules
from catflap.nft.fixed import TRACKING_CHAIN
from catflap.nft.memo import Memo
from catflap.nft.names import UnsupportedInterface, unsupported
from catflap.nft.ruleset import Chain, RuleSet, VerdictMap
from catflap.nft.sets import Needs, needed_sets, with_other_members
from catflap.nft.shared import SharedChains
from catflap.nft.stages import Prefix, Stage, dispatch
from catflap.nft.style import DEFAULT_STYLE, RuleStyle
from catflap.nft.workloads import WorkloadRules
from catflap.policy.host_policy import HostPolicy, InterfacePolicy, WorkloadPolicy

_Policed = TypeVar("_Policed", InterfacePolicy, WorkloadPolicy)


class Compiled(msgspec.Struct, frozen=True):
    """A rule set, the interfaces that it cannot police, and whose packets its counters count, by their names."""

    rule_set: RuleSet
    unsupported: tuple[UnsupportedInterface, ...] = ()
    counted: Mapping[str, Counted] = {}


class _Last(msgspec.Struct, frozen=True):
    """What was compiled last, what came of it, and what its rules refer to."""

    policy: HostPolicy
    compiled: Compiled
    needs: Needs


class Compiler:
    """Compiles one host policy after the other, and writes anew only what differs from the last one.

    The result depends on the policy alone, and is the same for the same policy down to the last character.

    Args:
        style: how rules are written.
    """

    def __init__(self, style: RuleStyle = DEFAULT_STYLE) -> None:
        self.style = style
        self._memo = Memo(style)
        self._last: _Last | None = None

    def compile(self, policy: HostPolicy) -> Compiled:
        """The rule set of a host. Interfaces whose name cannot be written in nft text are left out, and reported."""
        last, self._last = self._last, None
        self._memo.begin(policy)
        if last is not None and not self._memo.reshaped and _differ_in_members_only(last.policy, policy):
            sets = with_other_members(last.compiled.rule_set.sets, last.needs, self._memo.sets)
            compiled = replace(last.compiled, rule_set=replace(last.compiled.rule_set, sets=sets))
            needs = last.needs
        else:
            compiled, needs = self._write(policy)
        self._last = _Last(policy, compiled, needs)
        return compiled

    def _write(self, policy: HostPolicy) -> tuple[Compiled, Needs]:
        self._memo.begin_writing()
        problems = {name: problem for name in _names(policy) if (problem := unsupported(name))}
        writer = _Writer(_enforceable(policy, problems), self._memo)
        rule_set = writer.write()
        return Compiled(rule_set, tuple(problems.values()), writer.counted), writer.needs


def compile_policy(policy: HostPolicy, style: RuleStyle = DEFAULT_STYLE) -> Compiled:
    """Compile a single host policy, see `Compiler.compile`."""
    return Compiler(style).compile(policy)


def _differ_in_members_only(old: HostPolicy, new: HostPolicy) -> bool:
    return old.port_sets.keys() == new.port_sets.keys() and old == replace(
        new, ip_sets=old.ip_sets, port_sets=old.port_sets
    )


def _names(policy: HostPolicy) -> Iterator[str]:
    """The interfaces and patterns that a rule set has to name."""
    yield from (item.interface for item in policy.interfaces)
    yield from (item.interface for item in policy.workloads)
    yield from (f"{prefix}*" for prefix in policy.workload_prefixes)


def _enforceable(policy: HostPolicy, problems: Mapping[str, UnsupportedInterface]) -> HostPolicy:
    """Without what cannot be written, and without host endpoints for single workload interfaces: they police none."""
    prefixes = tuple(prefix for prefix in policy.workload_prefixes if f"{prefix}*" not in problems)
    interfaces = (
        item for item in policy.interfaces if item.is_pattern or not item.interface.startswith(prefixes)
    )
    return replace(
        policy,
        interfaces=tuple(item for item in interfaces if item.interface not in problems),
        workloads=tuple(item for item in policy.workloads if item.interface not in problems),
        workload_prefixes=prefixes,
    )


def _no_rules(_: InterfacePolicy | WorkloadPolicy) -> list[str]:
    return []


class _Writer:
    """Writes the rule set of one host policy, stage by stage."""

    def __init__(self, policy: HostPolicy, memo: Memo) -> None:
        self._policy = policy
        self._memo = memo
        self._shared = SharedChains(policy, memo)
        self._maps: dict[str, VerdictMap] = {}
        self._chains: dict[str, Chain] = {}
        self.counted: dict[str, Counted] = {}  # that rules refer to, once they are written

    @property
    def needs(self) -> Needs:
        """The sets that the rules refer to, once they are written."""
        return self._shared.needs

    def write(self) -> RuleSet:
        """All of it. Without endpoints there is just the block of unknown workloads, and nothing where none can be."""
        policy = self._policy
        endpoints = EndpointRules(self._shared, policy.accept_mark)
        workloads = WorkloadRules(self._shared, policy.workload_to_host, self._first_of_workloads(endpoints))
        self._stage(stages.SOURCES, workload_rules=workloads.source, unknown="drop")
        self._stage(stages.RAW_INGRESS, endpoints.untracked_ingress)
        self._stage(stages.PRE_DNAT, endpoints.pre_dnat, workloads_as_any=True)
        self._stage(stages.FORWARD_INGRESS, endpoints.forward_ingress, workloads_as_any=True)
        self._stage(stages.FROM_WORKLOAD, workload_rules=workloads.egress)
        self._stage(stages.TO_WORKLOAD, workload_rules=workloads.ingress, unknown="drop")
        self._stage(stages.FORWARD_EGRESS, endpoints.forward_egress, workloads_as_any=True)
        self._stage(
            stages.INGRESS, endpoints.ingress, unknown=workloads.to_host() if policy.workloads else None
        )
        self._stage(stages.RAW_EGRESS, endpoints.untracked_egress)
        self._stage(stages.EGRESS, endpoints.egress, known="accept", unknown="drop")
        if policy.interfaces or policy.workloads:
            self._chains[TRACKING_CHAIN.name] = TRACKING_CHAIN
        self._maps.update(self._shared.maps)
        self.counted = referred_to(self._chains.values(), self._shared.counters.counted)
        sets = needed_sets(self._shared.needs, self._memo.sets)
        return RuleSet(sets, self._maps, self._chains, frozenset(self.counted))

    def _first_of_workloads(self, endpoints: EndpointRules) -> list[str]:
        """What a workload's packets meet first of all.

        They pass untracked policy by, but ``*`` covers them later and then believes the mark: they must not bring it.
        """
        believed = any(item.interface == "*" and item.untracked_ingress for item in self._policy.interfaces)
        return [endpoints.clear_mark] if believed else []

    def _stage(
        self,
        stage: Stage,
        interface_rules: Callable[[InterfacePolicy], list[str]] = _no_rules,
        workload_rules: Callable[[WorkloadPolicy], list[str]] = _no_rules,
        *,
        known: str | None = None,
        unknown: str | None = None,
        workloads_as_any: bool = False,
    ) -> None:
        """Write the chains of a stage.

        Args:
            stage: which one.
            interface_rules: writes the rules of an interface or pattern.
            workload_rules: writes the rules of a workload.
            known: the verdict on workloads that have no rules here.
            unknown: the verdict on workload interfaces that are not known by name.
            workloads_as_any: workload interfaces are treated as the pattern ``*`` says, instead.
        """
        policy = self._policy
        interfaces = _chains(stage, policy.interfaces, interface_rules)
        workloads = _chains(stage, policy.workloads, workload_rules)
        gotos = {name: f"goto {chain.name}" for name, chain in (interfaces | workloads).items()}
        exact = {
            item.interface: gotos.get(item.interface) for item in policy.interfaces if not item.is_pattern
        }
        for item in policy.workloads:
            if verdict := gotos.get(item.interface, known):
                exact[item.interface] = verdict
        others = gotos.get("*") if workloads_as_any else unknown
        base, interface_map = dispatch(stage, exact, [*self._guards(others), *self._patterns(gotos)])
        if interface_map:
            self._maps[interface_map.name] = interface_map
        new = [*filter(None, [base]), *interfaces.values(), *workloads.values(), *self._shared.take_new()]
        self._chains.update((chain.name, chain) for chain in new)

    def _guards(self, verdict: str | None) -> Iterator[Prefix]:
        """What becomes of workload interfaces that are not known by name."""
        about = "unknown workload" if verdict == "drop" else "workloads"
        yield from (Prefix(prefix, verdict, about) for prefix in self._policy.workload_prefixes)

    def _patterns(self, verdicts: Mapping[str, str]) -> Iterator[Prefix]:
        """What becomes of other interfaces that are not known by name."""
        for item in self._policy.interfaces:
            if item.is_pattern:
                yield Prefix(item.interface[:-1], verdicts.get(item.interface), str(item.endpoint))


def _chains(
    stage: Stage, items: Iterable[_Policed], rules_of: Callable[[_Policed], list[str]]
) -> dict[str, Chain]:
    """The chains of interfaces, by interface, where there are rules for them."""
    return {
        item.interface: Chain(stage.chain_name(item.interface), tuple(rules))
        for item in items
        if (rules := rules_of(item))
    }
