"""Base chains of others: which can stop what Catflap allows, where they stand, whose they are, and what helps.

No table can open what another closes: ``accept`` ends one base chain only, and any drop is final. So a foreign chain
is a problem where it drops by default, and worth a warning where it has rules that drop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from catflap.doctor.finding import Finding, Level
from catflap.doctor.order import Order, order
from catflap.doctor.owners import Owner, owners
from catflap.doctor.tables import STOPPING, Hooked, Table
from catflap.nft.stages import FORWARD_EGRESS, FORWARD_INGRESS, PRE_DNAT


class ChainView(msgspec.Struct, frozen=True):
    """A base chain as it is shown.

    Attributes:
        family: of its table.
        table: its name.
        chain: the name of the chain.
        legacy: whether it belongs to iptables-legacy.
        hook: where it meets the packets.
        priority: lower ones go first.
        policy: what becomes of packets that no rule decides.
        rules: how many it has itself; None where they could not be read.
        effects: what its rules, and those they lead to, can do: ``drop``, ``reject``, ``queue``, ``notrack``,
            ``dnat``, ``map`` (a verdict that stands in a map), or ``unknown``.
        owner: whose it probably is.
        order: where it stands compared with ours.
        closed: whether it stops all that none of its rules accepts: by its policy, or by a rule for everything.
    """

    family: str
    table: str
    chain: str
    legacy: bool
    hook: str
    priority: int
    policy: str
    rules: int | None
    effects: tuple[str, ...]
    owner: str
    order: str
    closed: bool

    @property
    def title(self) -> str:
        """As people call it."""
        return f"{self.family} {self.table} {self.chain}{' (legacy)' if self.legacy else ''}"

    @property
    def can_stop(self) -> bool:
        """Whether it can keep a packet from arriving."""
        return self.closed or not {*STOPPING, "unknown"}.isdisjoint(self.effects)


def views(
    table: Table, ours: Iterable[Hooked], names: Iterable[str], configured: Mapping[tuple[str, str], str]
) -> Iterator[tuple[ChainView, tuple[Owner, ...]]]:
    """The base chains of a foreign table, and whose they probably are."""
    found = owners(table.family, table.name, names, configured)
    hooks = list(ours)
    for name, hooked in table.hooks.items():
        place = order(hooked, table.family, hooks)
        yield view(table, name, "+".join(each.name for each in found), place), found


def view(table: Table, chain: str, owner: str, place: Order | None) -> ChainView:
    """A base chain of a table, as it is shown; ``place`` is None for our own."""
    hooked = table.hooks[chain]
    rules = None if table.chains is None else table.chains.get(chain, ())
    reached = {effect for rule in table.reached(chain) for effect in rule.effects}
    return ChainView(
        family=table.family,
        table=table.name,
        chain=chain,
        legacy=table.legacy,
        hook=hooked.hook,
        priority=hooked.priority,
        policy=hooked.policy,
        rules=None if rules is None else len(rules),
        effects=("unknown",) if rules is None else tuple(sorted(reached)),
        owner=owner,
        order="" if place is None else place,
        closed=hooked.policy == "drop" or any(rule.stops_all for rule in rules or ()),
    )


def findings(chain: ChainView, found: tuple[Owner, ...], own_chains: Iterable[str]) -> Iterator[Finding]:
    """What is the matter with a foreign base chain."""
    own = set(own_chains)
    polices_forwarded = not own.isdisjoint((FORWARD_INGRESS.base, FORWARD_EGRESS.base))
    if chain.can_stop:
        severe = chain.closed and (chain.hook != "forward" or polices_forwarded)
        yield Finding(
            Level.PROBLEM if severe else Level.WARNING,
            "foreign-chain",
            chain.title,
            f"{_what(chain)}; {chain.hook} at priority {chain.priority}, {_where(chain)}; probably of {chain.owner}",
            _remedy(chain, found),
        )
    if "notrack" in chain.effects:
        yield Finding(
            Level.WARNING,
            "foreign-chain",
            chain.title,
            "has rules with notrack: connections of these packets are not tracked, so replies are not known as such "
            f"and need a rule of their own; probably of {chain.owner}",
            "remove those rules, or use doNotTrack policy for this traffic",
        )
    if (
        "dnat" in chain.effects
        and chain.hook == "prerouting"
        and not polices_forwarded
        and PRE_DNAT.base not in own
    ):
        yield Finding(
            Level.WARNING,
            "foreign-chain",
            chain.title,
            "sends packets on to other addresses (DNAT), as for published ports: these are forwarded, and normal "
            f"policy of host endpoints does not govern them; probably of {chain.owner}",
            "use policy with preDNAT, or with applyOnForward, for such ports",
        )


def _what(chain: ChainView) -> str:
    if chain.closed:
        return "stops what none of its rules accepts, so also what Catflap allows"
    if "unknown" in chain.effects:
        return "has rules that could not be read, and may drop what Catflap allows"
    words = {"map": "may drop (by a map)", "queue": "queue"}
    verbs = [words.get(each, each) for each in chain.effects if each in STOPPING]
    return f"has rules that {' or '.join(verbs)}, maybe what Catflap allows"


def _where(chain: ChainView) -> str:
    match chain.order:
        case Order.BEFORE:
            return "before Catflap, whose log does not see these packets"
        case Order.BETWEEN:
            return "between chains of Catflap"
        case Order.AFTER:
            return "after Catflap"
        case _:
            return "where Catflap has no chain"


def _remedy(chain: ChainView, found: tuple[Owner, ...]) -> str:
    program = "ip6tables" if chain.family == "ip6" else "iptables"
    if chain.legacy:
        program += "-legacy"
    remedies = (each.remedy.replace("{program}", program).replace("{chain}", chain.chain) for each in found)
    return "; ".join(remedies)
