"""The way in: one packet and the policy of one host, to a verdict, with the reasons in full where somebody asks."""

from __future__ import annotations

import msgspec

from catflap.policy.host_policy import HostPolicy
from catflap.verdict.packet import Packet, Path
from catflap.verdict.prepared import Host
from catflap.verdict.result import Outcome, Reason, Stage, Verdict
from catflap.verdict.stages import Passage, way
from catflap.verdict.trace import Owners, Recorder, TraceRecorder, nobody

_SILENT = Recorder()
_LAST_STAGE = {
    Path.IN: Stage.INPUT,
    Path.OUT: Stage.OUTPUT,
    Path.FORWARD: Stage.FORWARDED_TO_INTERFACE,
}


class Context(msgspec.Struct, frozen=True):
    """What an explanation may use beside the policy.

    ``owners`` names the objects that put an address into an IP set: set id and address to titles, the most exact first.
    """

    owners: Owners = nobody


_NOTHING_MORE = Context()


class Evaluator:
    """The policy of one host, prepared for many packets.

    Attributes:
        host: the prepared policy; it knows which endpoint polices an interface.
    """

    def __init__(self, policy: HostPolicy) -> None:
        self.host = Host(policy)

    def evaluate(self, packet: Packet) -> Verdict:
        """What becomes of a packet, without a trace.

        Raises:
            ValueError: an address of the packet is not one, or it is forwarded and lacks ``out_interface``.
        """
        return self._walk(Passage(packet, _SILENT))

    def explain(self, packet: Packet, context: Context = _NOTHING_MORE) -> Verdict:
        """The same verdict, with the trace of how it came to be.

        Raises:
            ValueError: as `evaluate`.
        """
        recorder = TraceRecorder(context.owners)
        verdict = self._walk(Passage(packet, recorder))
        return msgspec.structs.replace(verdict, trace=recorder.trace())

    def _walk(self, passage: Passage) -> Verdict:
        last = None
        for stage, interface in way(passage.packet):
            verdict = stage(self.host, passage, interface)
            last = verdict or last  # [stage-last]
            if verdict is not None and verdict.outcome is Outcome.DENY:
                break  # [stage-deny]
        return last or self._undecided(passage.packet)

    def _undecided(self, packet: Packet) -> Verdict:
        """No stage had anything to say, so Catflap does not drop the packet.

        The reason tells interfaces without policy for it [forward-none] from such without an endpoint [interface-none].
        """
        interfaces = (packet.interface, packet.out_interface or packet.interface)
        policed = packet.path is Path.FORWARD and any(map(self.host.forwarding_interface, interfaces))
        reason = Reason.NO_FORWARD_POLICY if policed else Reason.NO_ENDPOINT
        return Verdict(Outcome.ALLOW, reason, _LAST_STAGE[packet.path])


def evaluate(policy: HostPolicy, packet: Packet) -> Verdict:
    """What becomes of one packet. For many packets an `Evaluator` prepares the policy only once.

    Raises:
        ValueError: as `Evaluator.evaluate`.
    """
    return Evaluator(policy).evaluate(packet)


def explain(policy: HostPolicy, packet: Packet, context: Context = _NOTHING_MORE) -> Verdict:
    """What becomes of one packet, with the trace of how it came to be.

    Raises:
        ValueError: as `Evaluator.evaluate`.
    """
    return Evaluator(policy).explain(packet, context)
