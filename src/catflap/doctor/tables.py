"""Tables of rules as values, whichever program listed them: who hooks into the packets' way, and what rules can do.

Only what matters for living beside each other is kept of a rule: can it drop, and where does it lead?
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

Effect = str  # "drop", "reject", "queue", "notrack", "dnat", or "map": a verdict that stands in a map
# Effects that can keep a packet from arriving.
STOPPING: Final = frozenset({"drop", "reject", "queue", "map"})

_WORDS: Final = {
    "drop": "drop",
    "reject": "reject",
    "queue": "queue",
    "notrack": "notrack",
    "dnat": "dnat",
    "DNAT": "dnat",
    "DROP": "drop",
    "REJECT": "reject",
    "NFQUEUE": "queue",
    "NOTRACK": "notrack",
    "--notrack": "notrack",
}
_NFT_XT_TARGET: Final = re.compile(r'xt target "?(\w+)"?')  # what nft cannot translate of iptables-nft
_QUOTED: Final = re.compile(r'"[^"]*"')
_NFT_TARGET: Final = re.compile(r"\b(?:jump|goto) ([^\s,}]+)")
_NFT_NO_VERDICT: Final = re.compile(r"\bct status \S+")  # which may be dnat
_NFT_MAP: Final = re.compile(r"\bvmap @")
_IPTABLES_TARGET: Final = re.compile(r" (?:-j|-g) (\S+)")
_NFT_FOR_ALL: Final = re.compile(r"(?:counter packets \d+ bytes \d+ )?(?:drop|reject)\b")
_IPTABLES_FOR_ALL: Final = re.compile(r"-A \S+ -j (?:DROP|REJECT)\b")


class Rule(msgspec.Struct, frozen=True):
    """What a rule can do to a packet, and the chains to which it leads; whether it stops each that comes to it."""

    effects: frozenset[Effect] = frozenset()
    targets: tuple[str, ...] = ()
    stops_all: bool = False


class Hooked(msgspec.Struct, frozen=True):
    """Where a base chain meets the packets."""

    hook: str
    priority: int
    type: str = "filter"
    policy: str = "accept"


class Table(msgspec.Struct, frozen=True):
    """A table with its rules by chain, and the hooks of its base chains.

    Attributes:
        family: of nft; of iptables-legacy ``ip`` or ``ip6``.
        name: of the table.
        legacy: whether it belongs to iptables-legacy, and not to nf_tables.
        flags: such as ``dormant``.
        chains: the rules of each chain; None for a table whose rules could not be read.
        hooks: those of base chains, by name of the chain.
    """

    family: str
    name: str
    legacy: bool = False
    flags: frozenset[str] = frozenset()
    chains: Mapping[str, tuple[Rule, ...]] | None = None
    hooks: Mapping[str, Hooked] = {}

    @property
    def title(self) -> str:
        """As people call it."""
        return f"{self.family} {self.name}{' (legacy)' if self.legacy else ''}"

    def reached(self, base: str) -> Iterator[Rule]:
        """The rules that a packet may meet which enters at a chain."""
        seen, left = set[str](), [base]
        while left:
            chain = left.pop()
            if chain in seen:
                continue
            seen.add(chain)
            for rule in (self.chains or {}).get(chain, ()):
                yield rule
                left.extend(rule.targets)


def nft_rule(text: str) -> Rule:
    """A rule as ``nft list`` prints it."""
    target = _NFT_XT_TARGET.search(text)
    plain = _NFT_NO_VERDICT.sub("", _QUOTED.sub('""', text))
    words = [*re.findall(r"[\w-]+", plain), *(target.groups() if target else ())]
    effects = {_WORDS[word] for word in words if word in _WORDS}
    if _NFT_MAP.search(plain):
        effects.add("map")
    return Rule(
        frozenset(effects),
        tuple(_NFT_TARGET.findall(plain)),
        stops_all=bool(_NFT_FOR_ALL.match(plain.strip())),
    )


def iptables_rule(text: str) -> Rule:
    """A rule as ``iptables-save`` prints it."""
    plain = _QUOTED.sub('""', text)
    targets = tuple(_IPTABLES_TARGET.findall(plain))
    words = [*targets, *(word for word in plain.split() if word == "--notrack")]
    effects = frozenset(_WORDS[word] for word in words if word in _WORDS)
    return Rule(effects, targets, stops_all=bool(_IPTABLES_FOR_ALL.match(plain)))
