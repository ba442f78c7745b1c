"""From a rule set as text, written by this or another version, to what can be put in force.

Text that this version understands to the last word is as good as a rule set that it has compiled itself. Any other is
loaded as it is, in one transaction, since a rule set of another version is better than none.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain

from catflap.nft.fixed import TRACKING_CHAIN
from catflap.nft.parse import AddBlock, parse
from catflap.nft.plan import Phase, Transaction
from catflap.nft.port import NftError
from catflap.nft.ruleset import TABLE, TRACKING, RuleSet, block


def understood(text: str) -> RuleSet | None:
    """The rule set that a text describes; None where this version would write another text for it."""
    try:
        blocks = [command for command in parse(text) if isinstance(command, AddBlock)]
    except (NftError, LookupError, StopIteration):
        return None
    rule_set = RuleSet(
        {item.name: item for item in chain.from_iterable(each.sets for each in blocks)},
        {item.name: item for item in chain.from_iterable(each.maps for each in blocks)},
        {item.name: item for item in chain.from_iterable(each.chains for each in blocks)},
        frozenset(chain.from_iterable(each.counters for each in blocks)),
    )
    return rule_set if _words(rule_set.text()) == _words(text) else None


def as_it_is(text: str) -> tuple[Transaction, ...]:
    """The transactions that put a text in force in place of a table that packets do not meet, or of none."""
    track = Transaction(Phase.TRACK, block((), (), [TRACKING_CHAIN]))
    return (
        *([track] if f"chain {TRACKING} " in text else []),
        Transaction(Phase.SWITCH, f"add table {TABLE}\ndelete table {TABLE}\n{text}"),
    )


def _words(text: str) -> Counter[str]:
    """Elements of large sets stand in any order."""
    return Counter(text.replace(",", " ").split())
