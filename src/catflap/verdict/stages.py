"""The stages that a packet passes on its way, each as the list of questions that it asks, in order.

A stage takes the host, the packet's passage and the interface in question. It returns its verdict: Deny is final,
Allow holds for this stage, None means that it has nothing to say. In either of the latter cases the packet goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from catflap.model.resources import Action, Direction, ResourceKey
from catflap.verdict.fixed import is_essential_icmpv6, is_workload_service, may_send_from
from catflap.verdict.header import is_translated, original, translated
from catflap.verdict.packet import ConnectionState, Packet, Path
from catflap.verdict.prepared import Host, Side, Tier, Workload
from catflap.verdict.result import Outcome, Reason, Stage, Verdict
from catflap.verdict.trace import TOPIC, Recorder
from catflap.verdict.walk import Visit, walk_side, walk_tiers


class Passage:
    """One packet on its way, and what the stages have done to it.

    ``untracked`` and ``accepted`` are set by policy before tracking, ``accepted`` by policy before translation, too.
    """

    def __init__(self, packet: Packet, recorder: Recorder) -> None:
        self.packet = packet
        self.header = translated(packet)
        self.original = original(packet) if is_translated(packet) else self.header  # [stage-original]
        self.recorder = recorder
        self.accepted = False
        self.untracked = False

    def visit(
        self, stage: Stage, interface: str, direction: Direction, endpoint: ResourceKey | None
    ) -> Visit:
        """Enter a stage. The endpoint is the one that polices the interface."""
        self.recorder.stage(stage, interface, endpoint)
        return Visit(
            stage=stage,
            direction=direction,
            header=self.original if stage in _SEES_ORIGINAL else self.header,
            state=None if self.untracked else self.packet.state,  # [state-untracked]
            accepted=self.accepted,
            recorder=self.recorder,
        )

    def skip(self, stage: Stage, interface: str) -> Verdict | None:
        """Note that there is no such stage on an interface, and give no verdict."""
        self.recorder.no_stage(stage, interface)
        return None


_SEES_ORIGINAL = frozenset({Stage.BEFORE_TRACKING_IN, Stage.BEFORE_TRANSLATION, Stage.BEFORE_TRACKING_OUT})
_TRACKED = frozenset({ConnectionState.ESTABLISHED, ConnectionState.RELATED})

StageFunction: TypeAlias = Callable[[Host, Passage, str], Verdict | None]


def way(packet: Packet) -> Sequence[tuple[StageFunction, str]]:
    """The stages on a packet's way, in order, each with its interface.

    Raises:
        ValueError: it is forwarded, but does not say where it goes out.
    """
    interface, out = packet.interface, packet.out_interface
    if packet.path is Path.OUT:  # [stage-order]
        return (before_tracking_out, interface), (output, interface)
    arrival = (before_tracking_in, interface), (before_translation, interface)
    if packet.path is Path.IN:
        return (*arrival, (input_, interface))
    if out is None:
        raise ValueError("A forwarded packet lacks out_interface: name the interface by which it leaves.")
    return (
        *arrival,
        (forwarded_from_interface, interface),
        (forwarded_from_workload, interface),
        (forwarded_to_workload, out),
        (forwarded_to_interface, out),
    )


def before_tracking_in(host: Host, passage: Passage, interface: str) -> Verdict | None:
    """Anti-spoofing of workloads; untracked policy of host endpoints."""
    stage = Stage.BEFORE_TRACKING_IN
    if host.is_workload(interface):
        return _check_source(host, passage, interface)
    endpoint = host.interface(interface)
    if endpoint is None or not endpoint.untracked_ingress:
        return passage.skip(stage, interface)
    visit = passage.visit(stage, interface, Direction.INGRESS, endpoint.endpoint)
    return _untracked(host, passage, visit, endpoint.untracked_ingress)


def before_tracking_out(host: Host, passage: Passage, interface: str) -> Verdict | None:
    """Untracked policy of host endpoints."""
    stage = Stage.BEFORE_TRACKING_OUT
    endpoint = None if host.is_workload(interface) else host.interface(interface)
    if endpoint is None or not endpoint.untracked_egress:
        return passage.skip(stage, interface)
    visit = passage.visit(stage, interface, Direction.EGRESS, endpoint.endpoint)
    return _untracked(host, passage, visit, endpoint.untracked_egress)


def _untracked(host: Host, passage: Passage, visit: Visit, tiers: Sequence[Tier]) -> Verdict | None:
    fixed = _failsafe(host, visit) or _failsafe_reply(host, visit) or _essential(visit)
    if fixed is not None:
        return fixed
    verdict = walk_tiers(visit, tiers, with_default=False)
    if verdict is not None and verdict.outcome is Outcome.ALLOW:
        passage.accepted = passage.untracked = True  # [untracked-allow]
    return verdict


def before_translation(host: Host, passage: Passage, interface: str) -> Verdict | None:
    """Policy that sees the destination that the sender wrote."""
    stage = Stage.BEFORE_TRANSLATION
    endpoint = host.forwarding_interface(interface)
    if endpoint is None or not endpoint.pre_dnat:
        return passage.skip(stage, interface)
    visit = passage.visit(stage, interface, Direction.INGRESS, endpoint.endpoint)
    if _accepted(visit):
        return None
    fixed = _established(visit) or _failsafe(host, visit) or _essential(visit)
    if fixed is not None:
        return fixed
    verdict = walk_tiers(visit, endpoint.pre_dnat, with_default=False)
    if verdict is not None and verdict.outcome is Outcome.ALLOW:
        passage.accepted = True  # [prednat-allow]
    return verdict


def forwarded_from_interface(host: Host, passage: Passage, interface: str) -> Verdict | None:
    """Policy that applies on forward, of the interface by which a packet came."""
    stage = Stage.FORWARDED_FROM_INTERFACE
    endpoint = host.forwarding_interface(interface)
    if endpoint is None or not endpoint.forward_ingress:
        return passage.skip(stage, interface)
    visit = passage.visit(stage, interface, Direction.INGRESS, endpoint.endpoint)
    if _accepted(visit):
        return None
    return _forwarded(visit, endpoint.forward_ingress)


def forwarded_to_interface(host: Host, passage: Passage, interface: str) -> Verdict | None:
    """Policy that applies on forward, of the interface by which a packet leaves."""
    stage = Stage.FORWARDED_TO_INTERFACE
    endpoint = host.forwarding_interface(interface)
    if endpoint is None or not endpoint.forward_egress:
        return passage.skip(stage, interface)
    visit = passage.visit(stage, interface, Direction.EGRESS, endpoint.endpoint)
    return _forwarded(visit, endpoint.forward_egress)


def _forwarded(visit: Visit, tiers: Sequence[Tier]) -> Verdict:
    return (
        _established(visit)
        or _invalid(visit)
        or walk_tiers(visit, tiers, with_default=True)
        or _all_tiers_passed(visit)
    )


def _all_tiers_passed(visit: Visit) -> Verdict:
    visit.recorder.step(TOPIC, "every tier passes the packet on: it goes on", "forward-end")
    return visit.allow(Reason.ALL_TIERS_PASSED)


def forwarded_from_workload(host: Host, passage: Passage, interface: str) -> Verdict | None:
    """Egress policy of the workload that sends."""
    stage = Stage.FORWARDED_FROM_WORKLOAD
    workload = host.workload(interface)
    if workload is None:
        return passage.skip(stage, interface)
    visit = passage.visit(stage, interface, Direction.EGRESS, workload.endpoint)
    return _established(visit) or _invalid(visit) or walk_side(visit, workload.egress)


def forwarded_to_workload(host: Host, passage: Passage, interface: str) -> Verdict | None:
    """Ingress policy of the workload that receives."""
    stage = Stage.FORWARDED_TO_WORKLOAD
    if not host.is_workload(interface):
        return passage.skip(stage, interface)
    workload = host.workload(interface)
    if workload is None:
        return _unknown_workload(passage.visit(stage, interface, Direction.INGRESS, None))
    visit = passage.visit(stage, interface, Direction.INGRESS, workload.endpoint)
    return _established(visit) or _invalid(visit) or walk_side(visit, workload.ingress)


def input_(host: Host, passage: Passage, interface: str) -> Verdict | None:
    """What reaches the host itself: from a workload, or by an interface of the host."""
    stage = Stage.INPUT
    workload = host.workload(interface)
    if workload is not None:
        visit = passage.visit(stage, interface, Direction.EGRESS, workload.endpoint)
        return _workload_to_host(host, visit, workload)
    endpoint = host.interface(interface)
    if endpoint is None:
        return passage.skip(stage, interface)
    visit = passage.visit(stage, interface, Direction.INGRESS, endpoint.endpoint)
    return None if _accepted(visit) else _local(host, visit, endpoint.ingress)


def output(host: Host, passage: Passage, interface: str) -> Verdict | None:
    """What the host itself sends: to a workload, or by an interface of the host."""
    stage = Stage.OUTPUT
    if host.is_workload(interface):
        return _host_to_workload(host, passage, interface)
    endpoint = host.interface(interface)
    if endpoint is None:
        return passage.skip(stage, interface)
    visit = passage.visit(stage, interface, Direction.EGRESS, endpoint.endpoint)
    return None if _accepted(visit) else _local(host, visit, endpoint.egress)


def _local(host: Host, visit: Visit, side: Side) -> Verdict:
    """The host's own traffic: the questions of input and output."""
    return (
        _established(visit)
        or _failsafe(host, visit)
        or _essential(visit)
        or _invalid(visit)
        or walk_side(visit, side)
    )


def _check_source(host: Host, passage: Passage, interface: str) -> Verdict | None:
    stage, direction = Stage.BEFORE_TRACKING_IN, Direction.EGRESS
    workload = host.workload(interface)
    if workload is None:
        return _unknown_workload(passage.visit(stage, interface, direction, None))
    visit = passage.visit(stage, interface, direction, workload.endpoint)
    mac = passage.packet.source_mac
    wrong_mac = workload.mac is not None and mac is not None and mac != workload.mac
    if visit.finds("the frame comes from another MAC address than the workload's", wrong_mac, "workload-mac"):
        return visit.deny(Reason.SPOOFED_SOURCE)
    legitimate = may_send_from(workload.sources, visit.header)
    if visit.finds("the workload may send from this address", legitimate, "workload-source"):
        return None
    return visit.deny(Reason.SPOOFED_SOURCE)


def _workload_to_host(host: Host, visit: Visit, workload: Workload) -> Verdict:
    return (
        _established(visit)
        or _workload_service(visit)
        or _invalid(visit)
        or _workload_barred(host, visit)
        or walk_side(visit, workload.egress)
    )


def _workload_service(visit: Visit) -> Verdict | None:
    matched = is_workload_service(visit.header)
    if visit.finds("it is DHCP, DNS or essential ICMPv6 of a workload", matched, "workload-service"):
        return visit.allow(Reason.WORKLOAD_SERVICE)
    return None


def _workload_barred(host: Host, visit: Visit) -> Verdict | None:
    matched = host.workload_to_host is Action.DENY
    if visit.finds("workloads may not reach their host", matched, "workload-to-host"):
        return visit.deny(Reason.WORKLOAD_TO_HOST_DENY)
    return None


def _host_to_workload(host: Host, passage: Passage, interface: str) -> Verdict:
    stage, direction = Stage.OUTPUT, Direction.INGRESS
    workload = host.workload(interface)
    if workload is None:
        return _unknown_workload(passage.visit(stage, interface, direction, None))
    visit = passage.visit(stage, interface, direction, workload.endpoint)
    visit.recorder.step(TOPIC, "a host may always reach its own workloads", "workload-from-host")
    return visit.allow(Reason.HOST_TO_WORKLOAD)


def _unknown_workload(visit: Visit) -> Verdict:
    visit.recorder.step(TOPIC, "no workload endpoint is known for this interface: Deny", "workload-unknown")
    return visit.deny(Reason.UNKNOWN_WORKLOAD)


def _accepted(visit: Visit) -> bool:
    return visit.finds("an earlier stage has accepted it", visit.accepted, "stage-accepted")


def _established(visit: Visit) -> Verdict | None:
    matched = visit.state in _TRACKED
    if visit.finds("its connection is established or related", matched, "state-established"):
        return visit.allow(Reason.ESTABLISHED)
    return None


def _invalid(visit: Visit) -> Verdict | None:
    matched = visit.state is ConnectionState.INVALID
    if visit.finds("connection tracking calls it invalid", matched, "state-invalid"):
        return visit.deny(Reason.INVALID)
    return None


def _failsafe(host: Host, visit: Visit) -> Verdict | None:
    matched = host.failsafe.let(visit.header, visit.direction)
    if visit.finds("it goes to a failsafe port", matched, "failsafe-allow"):
        return visit.allow(Reason.FAILSAFE_ALLOW)
    return None


def _failsafe_reply(host: Host, visit: Visit) -> Verdict | None:
    matched = host.failsafe.let_reply(visit.header, visit.direction)
    if visit.finds("it comes from a failsafe port, as replies do", matched, "failsafe-reply"):
        return visit.allow(Reason.FAILSAFE_ALLOW)
    return None


def _essential(visit: Visit) -> Verdict | None:
    if visit.finds("it is essential ICMPv6", is_essential_icmpv6(visit.header), "icmpv6-allow"):
        return visit.allow(Reason.ESSENTIAL_ICMPV6)
    return None
