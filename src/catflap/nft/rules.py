"""From the rules of one policy or profile to lines of nft text: conditions, log, verdict, and who says so.

What Allow is in nft depends on the kind of the policy. Before connection tracking and before destination translation it
also sets the accept mark, by which later hooks know; `accept` alone ends just the base chain. This module must never
know which hook a line stands in.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from catflap.model.resources import TCP, Action, Direction, PolicyKind
from catflap.nft.match import conditions
from catflap.nft.names import comment, log_prefix
from catflap.nft.ruleset import quoted
from catflap.nft.sets import Needs, SetTable, SplitSets
from catflap.policy.host_policy import MatchRule, RuleLists

_REJECT_TCP = "reject with tcp reset"
_REJECT = "reject with icmpx admin-prohibited"
# Before routing the kernel would reset what was sent to everybody, too: one forged packet, many answers. TCP has to
# discard it silently (RFC 1122, section 4.2.3.10); the kernel sends no ICMP error about it, nor resets it elsewhere.
_TO_EVERYBODY = "meta pkttype != host"


class RuleText(msgspec.Struct, frozen=True):
    """The rules of one direction in order, as nft text, and what they need.

    ``passes``: Pass is among them. ``ip_sets`` are those whose shape (`sets.FamilySets`) the text depends on.
    """

    lines: tuple[str, ...]
    needs: Needs
    passes: bool
    ip_sets: frozenset[str] = frozenset()


def rule_text(lists: RuleLists, direction: Direction, sets: SplitSets, mark: int) -> RuleText:
    """Write the rules of one direction. The comment of each is ``<title> <direction> <number>`` and its annotations.

    Pass is ``return``: the caller puts the lines into a chain whose end is where Pass leads to.

    Args:
        lists: the policy or profile.
        direction: which of its lists.
        sets: those that the rules refer to.
        mark: the bit of the packet mark that means that policy has accepted the packet.
    """
    table = SetTable(sets)
    title = f"{lists.title} {direction.lower()}"
    rules = lists.rules(direction)
    decided = ((rule, decision) for rule in rules for decision in _decisions(rule, lists.kind, mark, table))
    lines = tuple(_line(rule, title, *decision) for rule, decision in decided)
    passes = any(rule.action is Action.PASS for rule in rules)
    return RuleText(lines, table.needs, passes, frozenset(table.asked))


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


def _line(rule: MatchRule, title: str, condition: str, verdict: str) -> str:
    annotations = (f"{key}={value}" for key, value in sorted(rule.annotations.items()))
    return line(condition, _log(rule), verdict, about=" ".join([title, str(rule.number), *annotations]))


def _decisions(rule: MatchRule, kind: PolicyKind, mark: int, sets: SetTable) -> Iterator[tuple[str, str]]:
    """Conditions and what follows when one matches."""
    match rule.action:
        case Action.REJECT:
            yield from _rejections(rule, kind, sets)
            return
        case Action.ALLOW:
            verdict = allow_verdict(kind, mark)
        case Action.DENY:
            verdict = "drop"
        case Action.PASS:
            verdict = "return"
        case Action.LOG:
            verdict = ""  # the packet goes on to the next rule
    for condition in conditions(rule, sets):
        yield condition, verdict


def _rejections(rule: MatchRule, kind: PolicyKind, sets: SetTable) -> Iterator[tuple[str, str]]:
    """TCP is answered with a reset, which needs a rule of TCP alone; what it leaves is answered by ICMP."""
    if rule.protocol in (None, TCP):
        for condition in conditions(replace(rule, protocol=TCP), sets):
            if kind is PolicyKind.PRE_DNAT:
                yield f"{condition} {_TO_EVERYBODY}", "drop"
            yield condition, _REJECT_TCP
    if rule.protocol != TCP:
        for condition in conditions(rule, sets):
            yield condition, _REJECT


def _log(rule: MatchRule) -> str:
    """A LOG rule logs always, any other where it has a prefix."""
    if rule.action is not Action.LOG and not rule.log_prefix:
        return ""
    return f"log prefix {quoted(log_prefix(rule.log_prefix))} level notice"
