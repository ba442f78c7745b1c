"""One look at the whole host: everything that is found, the worst first, and every base chain on the packets' ways."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from catflap.doctor.agents import agent_findings, catflap_agents
from catflap.doctor.finding import Finding, Level, sorted_by_level
from catflap.doctor.foreign import ChainView, findings, view, views
from catflap.doctor.iptables_listing import LEGACY, Saved, legacy_tables, save_all
from catflap.doctor.kernel import kernel_findings
from catflap.doctor.leftovers import Leftovers, configuration_findings, find_leftovers, leftover_findings
from catflap.doctor.nft_listing import NftListing, list_nft
from catflap.doctor.order import sort_key
from catflap.doctor.own_table import own_findings
from catflap.doctor.port import Host, ProgramError
from catflap.doctor.services import configured_tables, service_findings
from catflap.doctor.tables import Hooked

OWN_OWNER = "Catflap"


class Diagnosis(msgspec.Struct, frozen=True):
    """What was found.

    Attributes:
        findings: problems first.
        chains: all base chains, in the order in which packets meet their hooks.
        leftovers: of an earlier agent of Calico.
        kernel_read: whether the kernel's tables could be read at all.
    """

    findings: tuple[Finding, ...]
    chains: tuple[ChainView, ...]
    leftovers: Leftovers
    kernel_read: bool

    def count(self, level: Level) -> int:
        """How many findings are of a level."""
        return sum(each.level is level for each in self.findings)


def examine(host: Host) -> Diagnosis:
    """Look at everything. Nothing is changed, and whatever cannot be looked at is a finding."""
    processes = host.processes()
    found = [*agent_findings(processes), *service_findings(host)]
    try:
        listing = list_nft(host)
    except ProgramError as error:
        found.append(_unread("nf_tables", str(error), Level.PROBLEM))
        return Diagnosis(tuple(sorted_by_level(found)), (), Leftovers(), kernel_read=False)
    saved = save_all(host)
    unread = {**listing.unread, **saved.unread}
    leftovers = find_leftovers(host, saved, listing.names, unread)
    chains, foreign = _chains(host, listing, saved)
    found += own_findings(listing.own, len(catflap_agents(processes)))
    found += foreign
    found += leftover_findings(leftovers)
    found += (_unread(title, reason) for title, reason in unread.items())
    found += kernel_findings(host)
    found += configuration_findings(host, is_left=bool(leftovers))
    return Diagnosis(tuple(sorted_by_level(found)), tuple(chains), leftovers, kernel_read=True)


def _chains(host: Host, listing: NftListing, saved: Saved) -> tuple[list[ChainView], list[Finding]]:
    own = listing.own
    ours = own.hooks if own else {}
    configured = configured_tables(host)
    chains = [view(own, name, OWN_OWNER, None) for name in ours] if own else []
    found: list[Finding] = []
    for table in (*listing.foreign, *legacy_tables(saved)):
        names = (
            listing.names.get((table.family, table.name), frozenset()) if not table.legacy else frozenset()
        )
        for shown, owners in views(table, ours.values(), names or table.chains or (), configured):
            chains.append(shown)
            found += findings(shown, owners, ours)
    chains.sort(key=lambda each: sort_key(Hooked(each.hook, each.priority)))
    return chains, found


def foreign_chains(host: Host) -> Iterator[ChainView]:
    """The base chains of others that can stop or change a packet.

    Raises:
        ProgramError: nf_tables cannot be listed.
    """
    shown, _ = _chains(host, list_nft(host), save_all(host, LEGACY))
    return (each for each in shown if each.owner != OWN_OWNER)


def _unread(title: str, reason: str, level: Level = Level.WARNING) -> Finding:
    remedy = "run this as root, with nft installed" if level is Level.PROBLEM else "look at it by hand"
    return Finding(level, "not-looked-at", title, f"could not be looked at: {reason}", remedy)
