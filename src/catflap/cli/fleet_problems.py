"""What is the matter on a host, as its own agent tells it, in words for people: the worst first.

Objects that are invalid are none of it: they are the store's, and every host tells of the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator

from catflap.agent.document import HostDocument, InterfaceReport
from catflap.agent.in_force import CLOSED, KEPT

_FATES = {
    KEPT: "the policy before it stays in force",
    CLOSED: "closed but for failsafe ports",
}


def problems(document: HostDocument) -> Iterator[str]:
    """All that an operator should do something about."""
    for each in document.interfaces:
        if each.reason is not None:
            yield _not_enforced(each)
    told = {each.interface for each in document.interfaces if each.reason is not None}
    rest = max(document.not_enforced_total, len(document.not_enforced)) - len(told)
    if rest > 0 and told:
        yield f"{rest} more interfaces are not enforced"
    elif rest > 0:
        yield f"not enforced on {', '.join(document.not_enforced)}"
    polices_forwarded = any(each.forward.listed for each in document.interfaces)
    for chain in document.foreign.chains:
        if chain.drops_by_default and (chain.hook != "forward" or polices_forwarded):
            yield f"{chain.title} ({chain.owner or 'unknown owner'}) drops what it does not accept itself"
    if document.kept_for_boot.problem:
        yield f"not kept for the next boot: {document.kept_for_boot.problem}"
    if document.without_interface:
        yield f"{_count(len(document.without_interface), 'endpoint')} without an interface"


def _not_enforced(report: InterfaceReport) -> str:
    fate = _FATES.get(report.state)
    return f"{report.interface} {report.state}: {report.reason}{f' ({fate})' if fate else ''}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
