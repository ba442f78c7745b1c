"""From the rules of one policy or profile to lines of nft text: conditions, log, verdict, and who says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from catflap.model.resources import Action, Direction
from catflap.nft.match import conditions
from catflap.nft.names import comment, log_prefix
from catflap.nft.ruleset import quoted
from catflap.nft.sets import Families, Needs, SetTable
from catflap.policy.host_policy import MatchRule, RuleLists

_VERDICT: Mapping[Action, str] = {
    Action.ALLOW: "accept",
    Action.DENY: "drop",
    Action.PASS: "return",
    Action.LOG: "",  # the packet goes on to the next rule
}


class RuleText(msgspec.Struct, frozen=True):
    """The rules of one direction in order, as nft text, and what they need. ``passes``: Pass is among them."""

    lines: tuple[str, ...]
    needs: Needs
    passes: bool


def rule_text(lists: RuleLists, direction: Direction, families: Mapping[str, Families]) -> RuleText:
    """Write the rules of one direction. The comment of each is ``<title> <direction> <number>``.

    Pass is ``return``: the caller puts the lines into a chain whose end is where Pass leads to.
    """
    sets = SetTable(families)
    title = f"{lists.title} {direction.lower()}"
    rules = lists.rules(direction)
    lines = tuple(line for rule in rules for line in _lines(rule, title, sets))
    return RuleText(lines, sets.needs, any(rule.action is Action.PASS for rule in rules))


def line(*parts: str, about: str) -> str:
    """One rule of the parts that are not empty, with a comment."""
    return " ".join([*filter(None, parts), "comment", quoted(comment(about))])


def _lines(rule: MatchRule, title: str, sets: SetTable) -> Iterator[str]:
    for condition in conditions(rule, sets):
        yield line(condition, _log(rule), _VERDICT[rule.action], about=f"{title} {rule.number}")


def _log(rule: MatchRule) -> str:
    """A LOG rule logs always, any other where it has a prefix."""
    if rule.action is not Action.LOG and not rule.log_prefix:
        return ""
    return f"log prefix {quoted(log_prefix(rule.log_prefix))} level notice"
