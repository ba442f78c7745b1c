"""What is the matter on a host, as its own agent tells it, in words for people: the worst first.

Invalid objects are none of it unless they are the host's own: they are the store's, and every host tells of the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from catflap.agent.document import HostDocument, InterfaceReport
from catflap.agent.in_force import CLOSED, KEPT
from catflap.model import V1_ROOT

_FATES = {
    KEPT: "the policy before it stays in force",
    CLOSED: "closed but for failsafe ports",
}


def problems(document: HostDocument) -> Iterator[str]:
    """All that an operator should do something about."""
    if document.failure:
        yield f"the kernel cannot be programmed, what it enforces stays: {document.failure}"
    yield from _interfaces(document)
    yield from _invalid(document)
    yield from _foreign(document)
    if document.kept_for_boot.problem:
        yield f"not kept for the next boot: {document.kept_for_boot.problem}"
    if document.without_interface:
        number = len(document.without_interface)
        yield f"{number} endpoint{'' if number == 1 else 's'} without an interface"


def _interfaces(document: HostDocument) -> Iterator[str]:
    told = [each for each in document.interfaces if each.reason is not None]
    yield from map(_not_enforced, told)
    refused = sum(each.state in _FATES for each in told)
    rest = max(document.not_enforced_total, len(document.not_enforced)) - refused
    if rest > 0 and refused:
        yield f"{rest} more interface{'' if rest == 1 else 's'} not enforced"
    elif rest > 0:
        yield f"not enforced on {', '.join(document.not_enforced)}"


def _invalid(document: HostDocument) -> Iterator[str]:
    own = f"{V1_ROOT}host/{document.hostname}/"
    for each in document.invalid:
        if each.path.startswith(own):
            yield f"{each.path} is invalid, treated as missing: {' '.join(each.reasons)}"


def _foreign(document: HostDocument) -> Iterator[str]:
    polices_forwarded = any(each.forward.listed for each in document.interfaces)
    for chain in document.foreign.chains:
        if chain.drops_by_default and (chain.hook != "forward" or polices_forwarded):
            yield f"{chain.title} ({chain.owner or 'unknown owner'}) drops what it does not accept itself"


def _not_enforced(report: InterfaceReport) -> str:
    fate = _FATES.get(report.state)
    return f"{report.interface} {report.state}: {report.reason}{f' ({fate})' if fate else ''}"
