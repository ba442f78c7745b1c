"""The chains that interfaces share: those of tiers, policies and profiles, and those that hold whatever policy says.

Each is written once, on first use, whatever hooks and interfaces lead to it. Tiers are left by ``return``, which needs
no packet mark. The rules of a tier with many are put into look-ups together (`catflap.nft.decision`). In a tier with
few, a policy without Pass has one chain, which tiers jump to; in such a chain ``return`` could only mean "next policy",
so a policy with Pass stands in the chains of its tiers itself. Nothing here may know interfaces.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from catflap.model.resources import Action, Direction, ResourceKey
from catflap.nft.clauses import Clause, Clauses, final, joined
from catflap.nft.counters import Counters, of_no_match, of_tier
from catflap.nft.fixed import ICMPV6_CHAIN, IS_ICMPV6, failsafe_replies_text, failsafe_text
from catflap.nft.memo import Memo
from catflap.nft.names import hashed_name, unique_names
from catflap.nft.rules import RuleText, line
from catflap.nft.ruleset import Chain, VerdictMap
from catflap.nft.sets import Needs
from catflap.policy.host_policy import DirectionPolicy, Failsafe, HostPolicy, ProfileStep, RuleLists, TierStep

_WORDS = {Direction.INGRESS: "in", Direction.EGRESS: "out"}


_MOST_JOINED: Final = 50_000  # rules in tiers whose policies are put together
_ALWAYS_WORTH: Final = 32  # rules that a packet may meet in a tree, however few policies there are


class _Group(enum.IntEnum):
    """How shared chains are ordered among each other."""

    ENTRY = 1
    FIXED = 2
    TIER = 3
    POLICY = 4
    PROFILE = 5
    MATCH = 6


class SharedChains:
    """Writes rules that lead to shared chains, and the chains.

    Args:
        policy: the host policy.
        memo: has begun with this policy.

    Attributes:
        needs: the sets that the chains refer to.
        maps: those that the chains refer to.
        counters: those that the chains may refer to.
    """

    def __init__(self, policy: HostPolicy, memo: Memo) -> None:
        self.needs = Needs()
        self.maps: dict[str, VerdictMap] = {}
        self.counters = Counters()
        self._policy = policy
        self._memo = memo
        self._names = {
            **unique_names({key: lists.title for key, lists in policy.policies.items()}),
            **unique_names({key: key.name for key in policy.profiles}),
        }
        self._tiers: dict[tuple[TierStep, Direction], Chain] = {}
        self._joined_rules = 0
        self._written: set[str] = set()
        self._new: list[tuple[_Group, Chain]] = []

    def take_new(self) -> list[Chain]:
        """The chains that were written since the last call, in the order in which rules lead to them."""
        new, self._new = self._new, []
        return [chain for _, chain in sorted(new, key=lambda item: item[0])]

    def jump(self, chain: Chain, about: str, condition: str = "") -> str:
        """A rule that leads to a chain that holds whatever policy says, and back."""
        self._write(_Group.FIXED, chain)
        return line(condition, f"jump {chain.name}", about=about)

    def goto(self, chain: Chain) -> str:
        """The verdict that leads from a base chain to a chain that several interfaces share whole."""
        self._write(_Group.ENTRY, chain)
        return f"goto {chain.name}"

    def failsafe(self, direction: Direction) -> str:
        """Accept the failsafe ports of a direction."""
        return self._failsafe("failsafe", failsafe_text, direction, "failsafe ports")

    def failsafe_replies(self, direction: Direction) -> str:
        """Accept what the failsafe ports of the other direction answer."""
        return self._failsafe(
            "failsafe-replies", failsafe_replies_text, direction, "replies of failsafe ports"
        )

    def icmpv6(self) -> str:
        """Accept the ICMPv6 messages without which IPv6 does not work."""
        return self.jump(ICMPV6_CHAIN, "ICMPv6 that must not be dropped", IS_ICMPV6)

    def tiers(
        self, tiers: Iterable[TierStep], direction: Direction, *, default_actions: bool = True
    ) -> list[str]:
        """Go through tiers; without ``default_actions`` a packet that no policy decides about leaves them all."""
        steps = tiers if default_actions else (replace(tier, default_action=Action.PASS) for tier in tiers)
        chains = [(step.name, self._tier(step, direction)) for step in steps]
        return [line(f"jump {chain.name}", about=f"tier {name}") for name, chain in chains if chain.rules]

    def decision(self, steps: DirectionPolicy, direction: Direction, endpoint: ResourceKey) -> list[str]:
        """Go through tiers and profiles, and drop what none of them allows."""
        return [
            *self.tiers(steps.tiers, direction),
            *(self._profile(step, direction) for step in steps.profiles),
            line(self._no_match(direction), about=f"no policy or profile allows it: {endpoint}"),
        ]

    def _write(self, group: _Group, chain: Chain) -> None:
        if chain.name not in self._written:
            self._written.add(chain.name)
            self._new.append((group, chain))

    def _failsafe(
        self, word: str, text_of: Callable[[Failsafe, Direction], RuleText], direction: Direction, about: str
    ) -> str:
        name = f"{word}-{_WORDS[direction]}"
        if name not in self._written:
            text = text_of(self._policy.failsafe, direction)
            self.needs.add(text.needs)
            self._write(_Group.FIXED, Chain(name, text.lines))
        return line(f"jump {name}", about=about)

    def _tier(self, tier: TierStep, direction: Direction) -> Chain:
        """The chain of a tier; one without rules decides nothing and is not among the chains."""
        if (tier, direction) not in self._tiers:
            name = f"tier-{_WORDS[direction]}-{hashed_name(tier.name, repr(tier))}"
            rules = self._tier_tree(name, tier, direction) or self._tier_steps(tier, direction)
            chain = self._tiers[tier, direction] = Chain(name, tuple(rules))
            if rules:
                self._write(_Group.TIER, chain)
        return self._tiers[tier, direction]

    def _tier_steps(self, tier: TierStep, direction: Direction) -> list[str]:
        """One policy after the other."""
        rules = [rule for key in tier.policies for rule in self._policy_step(key, direction)]
        if tier.default_action is Action.DENY:
            rules.append(line(self._tier_default(tier, direction), about=_no_policy_decides(tier)))
        return rules

    def _tier_tree(self, name: str, tier: TierStep, direction: Direction) -> Sequence[str]:
        """The rules of all policies in few look-ups; nothing where they are few."""
        lists = [self._policy.policies[key] for key in tier.policies]
        if not self._is_long(lists, direction) or not self._may_join(lists, direction):
            return ()
        clauses = joined(self._memo.clauses(item, direction) for item in lists)
        denies = tier.default_action is Action.DENY
        end = final(self._tier_default(tier, direction), _no_policy_decides(tier)) if denies else None
        most = max(_ALWAYS_WORTH, len(lists) // 2)
        return self._tree(name, clauses, end, most)

    def _may_join(self, lists: Iterable[RuleLists], direction: Direction) -> bool:
        """Whether the policies of one more tier may be put together.

        Where many interfaces have each a choice of policies of its own, these have chains that all share.
        """
        joined_rules = self._joined_rules + sum(len(item.rules(direction)) for item in lists)
        if joined_rules > _MOST_JOINED:
            return False
        self._joined_rules = joined_rules
        return True

    def _is_long(self, lists: Iterable[RuleLists], direction: Direction) -> bool:
        return sum(len(item.rules(direction)) for item in lists) > self._memo.decisions.style.rules

    def _tree(
        self, name: str, clauses: Clauses, end: Clause | None = None, most: int = sys.maxsize
    ) -> Sequence[str]:
        """The rules of a tree; nothing where a packet may meet more than ``most`` of them in one chain."""
        tree = self._memo.decisions.tree(name, clauses, end)
        if tree.longest > most:
            return ()
        self.needs.add(tree.needs)
        self.maps.update(tree.maps)
        self.counters.counted.update(clauses.counted)
        for chain in tree.chains.values():
            self._write(_Group.MATCH, chain)
        return tree.lines

    def _policy_step(self, key: ResourceKey, direction: Direction) -> Sequence[str]:
        """What a policy puts into the chain of its tier."""
        lists = self._policy.policies[key]
        text = self._text(lists, direction)
        if text.passes or not text.lines:
            return text.lines
        name = f"policy-{_WORDS[direction]}-{self._names[key]}"
        self._write(_Group.POLICY, Chain(name, self._rules(name, lists, direction)))
        return [line(f"jump {name}", about=f"policy {lists.title}")]

    def _profile(self, step: ProfileStep, direction: Direction) -> str:
        if step.key is None:
            return line("drop", about=f"profile {step.name} does not exist")
        name = f"profile-{_WORDS[direction]}-{self._names[step.key]}"
        if name not in self._written:
            self._write(
                _Group.PROFILE, Chain(name, self._rules(name, self._policy.profiles[step.key], direction))
            )
        return line(f"jump {name}", about=f"profile {step.name}")

    def _rules(self, name: str, lists: RuleLists, direction: Direction) -> tuple[str, ...]:
        """The rules of a policy or profile in a chain of its own."""
        if not self._is_long([lists], direction):
            return self._text(lists, direction).lines
        return tuple(self._tree(name, self._memo.clauses(lists, direction)))

    def _text(self, lists: RuleLists, direction: Direction) -> RuleText:
        text = self._memo.text(lists, direction)
        self.needs.add(text.needs)
        self.counters.counted.update(text.counted)
        return text

    def _tier_default(self, tier: TierStep, direction: Direction) -> str:
        return self.counters.verdict(of_tier(self._memo.counting, tier.name, direction), tier.name, "drop")

    def _no_match(self, direction: Direction) -> str:
        return self.counters.verdict(of_no_match(self._memo.counting, direction), "", "drop")


def _no_policy_decides(tier: TierStep) -> str:
    return f"tier {tier.name}: no policy decides"
