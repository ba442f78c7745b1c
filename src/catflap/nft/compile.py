"""From a host policy to the rule set that enforces it.

The order within an interface's chain is the order of safety: what is established, failsafe ports and the ICMPv6
messages that IPv6 cannot do without come before anything that can drop. Accept ends our base chain only, drop is
final. Interfaces without an endpoint meet one look-up in a verdict map and nothing else.

Tiers are left by ``return``, so no packet marks are used. A policy without Pass has one chain, which tiers jump to; in
such a chain ``return`` could only mean "next policy", so a policy with Pass stands in the chains of its tiers itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from catflap.model.resources import Action, Direction, ResourceKey
from catflap.nft.fixed import ICMPV6_CHAIN, ICMPV6_JUMP, failsafe_text
from catflap.nft.memo import Memo
from catflap.nft.names import UnsupportedInterface, hashed_name, plain_name, unique_names, unsupported
from catflap.nft.rules import RuleText, line
from catflap.nft.ruleset import Chain, Hook, RuleSet, VerdictMap
from catflap.nft.sets import Needs, needed_sets
from catflap.policy.host_policy import HostPolicy, InterfacePolicy, ProfileStep, RuleLists, TierStep

# Just before the usual filter priority 0: our log rules see a packet before others drop it.
_PRIORITY = -5


class Compiled(msgspec.Struct, frozen=True):
    """A rule set, and the interfaces that it cannot police."""

    rule_set: RuleSet
    unsupported: tuple[UnsupportedInterface, ...] = ()


class _Side(msgspec.Struct, frozen=True):
    """The words of one direction."""

    direction: Direction
    word: str
    hook: str
    key: str
    map: str


_SIDES = (
    _Side(Direction.INGRESS, "in", "input", "iifname", "ingress_interfaces"),
    _Side(Direction.EGRESS, "out", "output", "oifname", "egress_interfaces"),
)


class Compiler:
    """Compiles one host policy after the other, and writes anew only what differs from the last one.

    The result depends on the policy alone, and is the same for the same policy down to the last character.
    """

    def __init__(self) -> None:
        self._memo = Memo()

    def compile(self, policy: HostPolicy) -> Compiled:
        """The rule set of a host. Interfaces whose name cannot be written in nft text are left out, and reported."""
        problems = {item.interface: unsupported(item.interface) for item in policy.interfaces}
        interfaces = [item for item in policy.interfaces if not problems[item.interface]]
        rule_set = self._rule_set(policy, interfaces) if interfaces else RuleSet()
        return Compiled(rule_set, tuple(problem for problem in problems.values() if problem))

    def _rule_set(self, policy: HostPolicy, interfaces: Sequence[InterfacePolicy]) -> RuleSet:
        self._memo.begin(policy.ip_sets)
        names = {
            **unique_names({key: lists.title for key, lists in policy.policies.items()}),
            **unique_names({key: key.name for key in policy.profiles}),
        }
        needs = Needs()
        maps: dict[str, VerdictMap] = {}
        chains: dict[str, Chain] = {}
        for side in _SIDES:
            compiler = _SideCompiler(policy, side, self._memo, names, needs)
            maps[side.map], side_chains = compiler.compile(interfaces)
            chains.update((chain.name, chain) for chain in side_chains)
        chains[ICMPV6_CHAIN.name] = ICMPV6_CHAIN
        return RuleSet(needed_sets(needs, self._memo.families), maps, chains)


def compile_policy(policy: HostPolicy) -> Compiled:
    """Compile a single host policy, see `Compiler.compile`."""
    return Compiler().compile(policy)


class _SideCompiler:
    """Writes the chains of one direction; those of tiers, policies and profiles once, on first use."""

    def __init__(
        self, policy: HostPolicy, side: _Side, memo: Memo, names: Mapping[ResourceKey, str], needs: Needs
    ) -> None:
        self._policy = policy
        self._side = side
        self._memo = memo
        self._names = names
        self._needs = needs
        self._failsafe = f"failsafe-{side.word}"
        self._tiers: dict[TierStep, Chain] = {}
        self._policies: dict[ResourceKey, Chain] = {}
        self._profiles: dict[ResourceKey, Chain] = {}

    def compile(self, interfaces: Sequence[InterfacePolicy]) -> tuple[VerdictMap, list[Chain]]:
        """The dispatch map, and all chains from the base chain to the profiles."""
        side = self._side
        per_interface = {item.interface: self._interface(item) for item in interfaces}
        verdicts = {interface: f"jump {chain.name}" for interface, chain in per_interface.items()}
        dispatch = line(f"{side.key} vmap @{side.map}", about="interfaces with an endpoint")
        return VerdictMap(side.map, "ifname", verdicts), [
            Chain(side.hook, (dispatch,), Hook(side.hook, _PRIORITY)),
            *per_interface.values(),
            self._failsafe_chain(),
            *(chain for chain in self._tiers.values() if chain.rules),
            *self._policies.values(),
            *self._profiles.values(),
        ]

    def _interface(self, item: InterfacePolicy) -> Chain:
        steps = item.direction(self._side.direction)
        rules = [
            line("ct state established,related accept", about="established"),
            line(f"jump {self._failsafe}", about="failsafe ports"),
            line(ICMPV6_JUMP, about="ICMPv6 that must not be dropped"),
            line("ct state invalid drop", about="invalid"),
            *(rule for tier in steps.tiers for rule in self._tier_step(tier)),
            *(self._profile_step(step) for step in steps.profiles),
            line("drop", about=f"no policy or profile allows it: {item.endpoint}"),
        ]
        return Chain(f"{self._side.word}-{plain_name(item.interface)}", tuple(rules))

    def _tier_step(self, tier: TierStep) -> list[str]:
        """The jump to the tier's chain, or nothing where the tier decides nothing."""
        if tier not in self._tiers:
            self._tiers[tier] = self._tier(tier)
        chain = self._tiers[tier]
        return [line(f"jump {chain.name}", about=f"tier {tier.name}")] if chain.rules else []

    def _tier(self, tier: TierStep) -> Chain:
        rules = [rule for key in tier.policies for rule in self._policy_step(key)]
        if tier.default_action is Action.DENY:
            rules.append(line("drop", about=f"tier {tier.name}: no policy decides"))
        name = hashed_name(tier.name, repr(tier))
        return Chain(f"tier-{self._side.word}-{name}", tuple(rules))

    def _policy_step(self, key: ResourceKey) -> Sequence[str]:
        """What a policy puts into the chain of its tier."""
        lists = self._policy.policies[key]
        text = self._text(lists)
        if text.passes or not text.lines:
            return text.lines
        name = f"policy-{self._side.word}-{self._names[key]}"
        self._policies[key] = Chain(name, text.lines)
        return [line(f"jump {name}", about=f"policy {lists.title}")]

    def _profile_step(self, step: ProfileStep) -> str:
        if step.key is None:
            return line("drop", about=f"profile {step.name} does not exist")
        name = f"profile-{self._side.word}-{self._names[step.key]}"
        if step.key not in self._profiles:
            self._profiles[step.key] = Chain(name, self._text(self._policy.profiles[step.key]).lines)
        return line(f"jump {name}", about=f"profile {step.name}")

    def _failsafe_chain(self) -> Chain:
        text = failsafe_text(self._policy.failsafe, self._side.direction)
        self._needs.add(text.needs)
        return Chain(self._failsafe, text.lines)

    def _text(self, lists: RuleLists) -> RuleText:
        text = self._memo.text(lists, self._side.direction)
        self._needs.add(text.needs)
        return text
