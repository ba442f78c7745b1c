"""The base chains: where policy meets the packets, and how a packet's interface finds the chain that is for it.

Every stage has a base chain of its own, so that ``accept`` in one leaves the later ones their say. An interface finds
its chain by one look-up of its name in a verdict map, or else in a few rules for prefixes of names. What nothing covers
meets just these. A base chain in which nothing would happen does not exist. Nothing here may know what chains contain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from catflap.nft.names import interface_chain
from catflap.nft.rules import line
from catflap.nft.ruleset import Chain, Hook, VerdictMap, quoted
from catflap.policy.host_policy import LOOPBACK


class Stage(msgspec.Struct, frozen=True):
    """A base chain, the key and map that it dispatches by, and the word before the names of its interfaces' chains."""

    base: str
    hook: Hook
    key: str
    map: str
    word: str

    def chain_name(self, interface: str) -> str:
        """The name of the chain of an interface or pattern."""
        return interface_chain(self.word, interface)


# Sources are checked before the kernel puts fragments together (-400): forged ones must not get among those of others.
SOURCES = Stage("prerouting-sources", Hook("prerouting", -450), "iifname", "source_interfaces", "source")
RAW_INGRESS = Stage("prerouting-raw", Hook("prerouting", -300), "iifname", "raw_ingress_interfaces", "raw-in")
PRE_DNAT = Stage("prerouting-mangle", Hook("prerouting", -150), "iifname", "pre_dnat_interfaces", "pre-dnat")
# Filter chains hang just before the usual priority 0: our log rules see a packet before others drop it.
FORWARD_INGRESS = Stage(
    "forward-from-interface", Hook("forward", -8), "iifname", "forward_ingress_interfaces", "forward-in"
)
FROM_WORKLOAD = Stage("forward-from-workload", Hook("forward", -7), "iifname", "workload_senders", "from")
TO_WORKLOAD = Stage("forward-to-workload", Hook("forward", -6), "oifname", "workload_receivers", "to")
FORWARD_EGRESS = Stage(
    "forward-to-interface", Hook("forward", -5), "oifname", "forward_egress_interfaces", "forward-out"
)
INGRESS = Stage("input", Hook("input", -5), "iifname", "ingress_interfaces", "in")
RAW_EGRESS = Stage("output-raw", Hook("output", -300), "oifname", "raw_egress_interfaces", "raw-out")
EGRESS = Stage("output", Hook("output", -5), "oifname", "egress_interfaces", "out")

STAGES = (
    *(SOURCES, RAW_INGRESS, PRE_DNAT, FORWARD_INGRESS, FROM_WORKLOAD),
    *(TO_WORKLOAD, FORWARD_EGRESS, INGRESS, RAW_EGRESS, EGRESS),
)


class Prefix(msgspec.Struct, frozen=True):
    """What becomes of the interfaces whose names begin with ``prefix``: a verdict, or None to leave them alone.

    The empty prefix is that of every interface but the loopback.
    """

    prefix: str
    verdict: str | None
    about: str

    def covers(self, name: str) -> bool:
        """Whether an interface is among them."""
        return name.startswith(self.prefix) and (self.prefix != "" or name != LOOPBACK)

    def meets(self, other: Prefix) -> bool:
        """Whether an interface can be among both."""
        return self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)


def dispatch(
    stage: Stage, exact: Mapping[str, str | None], prefixes: Sequence[Prefix]
) -> tuple[Chain | None, VerdictMap | None]:
    """The base chain of a stage and its map; None where it would be empty.

    Args:
        stage: which one.
        exact: the verdict for each interface that is known by name; None leaves it alone, whatever prefix it has.
        prefixes: what holds for all others, in the order in which they are tried.
    """
    needed = _needed(prefixes)
    names = {LOOPBACK: None, **exact}
    verdicts = {
        name: verdict or "accept"
        for name, verdict in sorted(names.items())
        if verdict or any(item.covers(name) for item in needed)
    }
    rules = [_prefix_rule(stage, item) for item in needed]
    if verdicts:
        rules.insert(0, line(f"{stage.key} vmap @{stage.map}", about="interfaces known by name"))
    chain = Chain(stage.base, tuple(rules), stage.hook) if rules else None
    return chain, VerdictMap(stage.map, "ifname", verdicts) if verdicts else None


def _needed(prefixes: Sequence[Prefix]) -> list[Prefix]:
    """Those with a verdict, and those that a later one with a verdict must not cover."""
    needed: list[Prefix] = []
    for item in reversed(prefixes):
        if item.verdict or any(item.meets(later) for later in needed):
            needed.insert(0, item)
    return needed


def _prefix_rule(stage: Stage, item: Prefix) -> str:
    names = quoted(f"{item.prefix}*") if item.prefix else f"!= {quoted(LOOPBACK)}"
    about = item.about if item.verdict else f"{item.about}: no policy at this stage"
    return line(f"{stage.key} {names}", item.verdict or "accept", about=about)
