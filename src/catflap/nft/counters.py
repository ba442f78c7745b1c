"""Counters of packets: which there are, what they are called, and the statements that make rules count.

A counter outlives the rules that refer to it: these are written anew with every change, what it has counted stays. Its
name says nothing that anybody has to read back, since whoever needs to know is given a `Counted`. Nothing here may
change what becomes of a packet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from catflap.model.resources import Action, Direction, Kind
from catflap.nft.names import hashed_name
from catflap.nft.ruleset import Chain
from catflap.nft.style import Counting
from catflap.policy.host_policy import MatchRule, RuleLists

_REFERENCE: Final = re.compile(r"\bcounter name (\S+)")
_WORDS: Final = {
    Action.ALLOW: "ALLOW",
    Action.DENY: "DENY",
    Action.REJECT: "DENY",
    Action.PASS: "PASS",
}


class Counted(msgspec.Struct, frozen=True):
    """Whose packets a counter counts: new connections that one thing has decided about, on all interfaces together.

    ``reason`` is the code that ``catflap explain`` gives for such a packet, or ``POLICY_PASS`` for one that went on.
    ``name`` is the title of the policy or profile or the name of the tier, empty where none decided. ``rule`` counts
    from 0; it is None where all rules are counted together, and where no rule decided.
    """

    reason: str
    direction: Direction
    name: str = ""
    rule: int | None = None

    def counter(self, identity: str) -> str:
        """The name of the counter; ``identity`` tells apart what has the same name."""
        number = "" if self.rule is None else f"-{self.rule}"
        words = f"{self.reason.lower().replace('_', '-')}-{self.direction.lower()}"
        return f"{words}-{hashed_name(self.name, identity)}{number}" if self.name else words


def of_rule(counting: Counting, lists: RuleLists, direction: Direction, rule: MatchRule) -> Counted | None:
    """What counts the packets that a rule of policy decides about, if anything."""
    word = _WORDS.get(rule.action)
    if counting is Counting.NONE or word is None:
        return None
    owner = "PROFILE" if lists.key.kind is Kind.PROFILE_RULES else "POLICY"
    number = rule.number if counting is Counting.RULE else None
    return Counted(f"{owner}_{word}", direction, lists.title, number)


def of_tier(counting: Counting, name: str, direction: Direction) -> Counted | None:
    """What counts the packets that no policy of a tier decides about, and that are dropped for it."""
    return None if counting is Counting.NONE else Counted("TIER_DEFAULT_DENY", direction, name)


def of_no_match(counting: Counting, direction: Direction) -> Counted | None:
    """What counts the packets that no policy or profile allows."""
    return None if counting is Counting.NONE else Counted("NO_MATCH_DENY", direction)


class Counters:
    """Collects the counters that rules refer to.

    Attributes:
        counted: by name of the counter, whose packets each counts.
    """

    def __init__(self) -> None:
        self.counted: dict[str, Counted] = {}

    def verdict(self, counted: Counted | None, identity: str, verdict: str) -> str:
        """The verdict, counted. Without a verdict the packet goes on to be counted elsewhere."""
        if counted is None or not verdict:
            return verdict
        name = counted.counter(identity)
        self.counted[name] = counted
        return f"counter name {name} {verdict}"


def counters_in(chains: Iterable[Chain]) -> Iterator[str]:
    """The names after ``counter name`` in rules, also where these words stand in a comment."""
    for chain in chains:
        for rule in chain.rules:
            yield from _REFERENCE.findall(rule)


def referred_to(chains: Iterable[Chain], counted: Mapping[str, Counted]) -> dict[str, Counted]:
    """Those that rules refer to, by name."""
    if not counted:
        return {}
    return {name: counted[name] for name in sorted(set(counters_in(chains)) & counted.keys())}
