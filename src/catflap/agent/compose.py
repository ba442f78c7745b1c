"""Puts the status document together from what the parts of the agent know. It computes nothing that takes long."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import catflap
from catflap.agent.document import (
    MAX_LISTED,
    ForeignReport,
    HostDocument,
    InvalidReport,
    KeptReport,
    StoreReport,
    cut,
)
from catflap.agent.in_force import InForce
from catflap.agent.status import AgentStatus


def compose(
    status: AgentStatus, in_force: InForce, interfaces: Iterable[str], foreign: ForeignReport
) -> HostDocument:
    """How this host stands; whoever reports it adds who says so, and when.

    Args:
        status: of the agent.
        in_force: what is enforced.
        interfaces: the names of the interfaces that there are.
        foreign: what others have in the kernel.
    """
    existing = list(interfaces)
    store = status.store
    return HostDocument(
        version=catflap.__version__,
        store=StoreReport(
            state=store.state,
            seconds_since_alive=round(store.seconds_since_alive, 1),
            revision_seen=store.revision_seen,
            reason=cut(store.reason) if store.reason else None,
        ),
        revision_enforced=status.revision_enforced,
        enforced_since=in_force.since,
        entries=in_force.entries,
        interfaces=tuple(in_force.reports(existing)),
        interfaces_total=in_force.total,
        endpoints=len(in_force.endpoints),
        without_interface=tuple(itertools.islice(in_force.without_interface(existing), MAX_LISTED)),
        not_enforced=tuple(map(cut, status.not_enforced[:MAX_LISTED])),
        not_enforced_total=len(status.not_enforced),
        invalid_objects=status.invalid_objects,
        invalid=tuple(
            InvalidReport(path=each.path, subject=each.subject, reasons=each.reasons)
            for each in status.invalid
        ),
        notices=tuple(map(cut, in_force.notices[:MAX_LISTED])),
        notices_total=len(in_force.notices),
        foreign=foreign,
        kept_for_boot=KeptReport(
            revision=status.kept.revision, problem=cut(status.kept.problem) if status.kept.problem else None
        ),
    )
