"""From a rule set as text, written by this or another version, to the transactions that put it in force.

Only where no rule set is in force: what else the kernel holds is left over from one who was interrupted. Text that this
version understands to the last word is loaded in the usual phases, without a gap for packets that are on their way
already; any other text in one transaction, since a rule set of another version is better than none.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain

from catflap.nft.fixed import TRACKING_CHAIN
from catflap.nft.parse import AddBlock, parse
from catflap.nft.place import place
from catflap.nft.plan import Existing, Phase, Transaction, plan
from catflap.nft.port import NftError
from catflap.nft.ruleset import TABLE, TRACKING, RuleSet, block


def loading(existing: Existing, text: str) -> tuple[Transaction, ...]:
    """The transactions that lead from what an interrupted program left to the rule set that a text describes."""
    rule_set = understood(text)
    if rule_set is not None:
        return plan(existing, place(existing, rule_set))
    track = block((), (), [TRACKING_CHAIN])
    switch = f"add table {TABLE}\ndelete table {TABLE}\n{text}"
    return (
        *([Transaction(Phase.TRACK, track)] if f"chain {TRACKING} " in text else []),
        Transaction(Phase.SWITCH, switch),
    )


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
    )
    return rule_set if _words(rule_set.text()) == _words(text) else None


def _words(text: str) -> Counter[str]:
    """Elements of large sets stand in any order."""
    return Counter(text.replace(",", " ").split())
