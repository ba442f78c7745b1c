"""From the rules of one policy or profile to lines of nft text: conditions, log, verdict, and who says so.

What Allow is in nft depends on the kind of the policy. Before connection tracking and before destination translation it
also sets the accept mark, by which later hooks know; `accept` alone ends just the base chain. This module must never
know which hook a line stands in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from msgspec.structs import replace

from catflap.model.resources import TCP, Action, Direction, PolicyKind
from catflap.nft.counters import Counted, Counters, of_rule
from catflap.nft.match import conditions
from catflap.nft.names import comment, log_prefix
from catflap.nft.ruleset import quoted
from catflap.nft.sets import Needs, SetTable, SplitSets
from catflap.nft.style import Counting
from catflap.policy.host_policy import MatchRule, RuleLists

_REJECT_TCP = "reject with tcp reset"
_REJECT = "reject with icmpx admin-prohibited"
# Before routing the kernel would reset what was sent to everybody, too: one forged packet, many answers. TCP has to
# discard it silently (RFC 1122, section 4.2.3.10); the kernel sends no ICMP error about it, nor resets it elsewhere.
_TO_EVERYBODY = "meta pkttype != host"


class RuleText(msgspec.Struct, frozen=True):
    """The rules of one direction in order, as nft text, and what they need.

    ``passes``: Pass is among them. ``ip_sets`` are those whose shape (`sets.FamilySets`) the text depends on.
    ``counted`` are the counters that it refers to.
    """

    lines: tuple[str, ...]
    needs: Needs
    passes: bool
    ip_sets: frozenset[str] = frozenset()
    counted: Mapping[str, Counted] = {}


def rule_text(
    lists: RuleLists,
    direction: Direction,
    sets: SplitSets,
    mark: int,
    counting: Counting = Counting.NONE,
) -> RuleText:
    """Write the rules of one direction. The comment of each is ``<title> <direction> <number>`` and its annotations.

    Pass is ``return``: the caller puts the lines into a chain whose end is where Pass leads to.

    Args:
        lists: the policy or profile.
        direction: which of its lists.
        sets: those that the rules refer to.
        mark: the bit of the packet mark that means that policy has accepted the packet.
        counting: for what packets are counted.
    """
    table, counters = SetTable(sets), Counters()
    rules = lists.rules(direction)
    lines = tuple(
        line(condition, extra, log_statement(rule), verdict, about=about_rule(lists, direction, rule))
        for rule in rules
        for matched, extra, verdict in counted_decisions(lists, direction, rule, mark, counting, counters)
        for condition in conditions(matched, table)
    )
    passes = any(rule.action is Action.PASS for rule in rules)
    return RuleText(lines, table.needs, passes, frozenset(table.asked), counters.counted)


def counted_decisions(
    lists: RuleLists,
    direction: Direction,
    rule: MatchRule,
    mark: int,
    counting: Counting,
    counters: Counters,
) -> Iterator[tuple[MatchRule, str, str]]:
    """`decisions` of a rule, whose verdicts count packets; ``counters`` takes up what they refer to."""
    counted = of_rule(counting, lists, direction, rule)
    identity = repr(lists.key) if counted else ""
    for matched, extra, verdict in decisions(rule, lists.kind, mark):
        yield matched, extra, counters.verdict(counted, identity, verdict)


def allow_verdict(kind: PolicyKind, mark: int) -> str:
    """The statements that let a packet pass the hook of a kind of policy."""
    marked = f"meta mark set meta mark or {mark_text(mark)} accept"
    match kind:
        case PolicyKind.NORMAL:
            return "accept"
        case PolicyKind.UNTRACKED:
            return f"notrack {marked}"
        case PolicyKind.PRE_DNAT:
            return marked


def mark_text(bits: int) -> str:
    """Bits of the packet mark."""
    return f"{bits:#010x}"


def line(*parts: str, about: str) -> str:
    """One rule of the parts that are not empty, with a comment."""
    return " ".join([*filter(None, parts), "comment", quoted(comment(about))])


def about_rule(lists: RuleLists, direction: Direction, rule: MatchRule) -> str:
    """Whose rule it is, for its comment."""
    annotations = (f"{key}={value}" for key, value in sorted(rule.annotations.items()))
    return " ".join([lists.title, direction.lower(), str(rule.number), *annotations])


def decisions(rule: MatchRule, kind: PolicyKind, mark: int) -> Iterator[tuple[MatchRule, str, str]]:
    """What to match, what else to ask, and the verdict, in order; without a verdict the packet goes on."""
    match rule.action:
        case Action.REJECT:
            yield from _rejections(rule, kind)
        case Action.ALLOW:
            yield rule, "", allow_verdict(kind, mark)
        case Action.DENY:
            yield rule, "", "drop"
        case Action.PASS:
            yield rule, "", "return"
        case Action.LOG:
            yield rule, "", ""


def _rejections(rule: MatchRule, kind: PolicyKind) -> Iterator[tuple[MatchRule, str, str]]:
    """TCP is answered with a reset, which needs a rule of TCP alone; what it leaves is answered by ICMP."""
    if rule.protocol in (None, TCP):
        tcp = replace(rule, protocol=TCP)
        if kind is PolicyKind.PRE_DNAT:
            yield tcp, _TO_EVERYBODY, "drop"
        yield tcp, "", _REJECT_TCP
    if rule.protocol != TCP:
        yield rule, "", _REJECT


def log_statement(rule: MatchRule) -> str:
    """A LOG rule logs always, any other where it has a prefix."""
    if rule.action is not Action.LOG and not rule.log_prefix:
        return ""
    return f"log prefix {quoted(log_prefix(rule.log_prefix))} level notice"
