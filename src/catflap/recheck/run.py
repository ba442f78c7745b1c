"""One run over all tracked connections: judge, close the local socket, delete the entry, and look again.

The order matters. While its entry exists, the reset of a socket that is closed reaches the peer; and a socket that
still lives when the entry is gone would make a new one with its next packet, in the other direction. Where the sockets
are on other hosts (forwarded connections) their next packet may do that at any time, so what was ended is looked for
twice more.

A newer policy counts from the next few entries on. The list is then read to its end and begun anew, so that changes
that follow each other quickly cannot keep its last entries from being judged.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from catflap.host.conntrack import Entry, FlowTuple
from catflap.policy.host_policy import HostPolicy
from catflap.recheck.judge import Decision, Judge, Judgement, local_flow, may_be_picked_up
from catflap.recheck.surroundings import Surroundings
from catflap.recheck.wire import Outcome

EXAMPLES: Final = 10  # connections that are named
LOOKS: Final = (0.3, 1.7)  # seconds before each further look


class Tracking(Protocol):
    """The kernel's table of connections: `host.conntrack.Conntrack`, or a fake."""

    def entries(self) -> Iterator[list[Entry]]:
        """All entries, in parts."""

    def holds(self, meant: Entry) -> bool:
        """Whether there still is an entry."""

    def begun_by_the_other_side(self, ended: Entry) -> Entry | None:
        """The entry that the other side has made anew."""

    def delete(self, meant: Entry) -> bool:
        """Delete an entry; whether it was there."""


class Closing(Protocol):
    """The host's sockets: `host.sockets.Sockets`, or a fake."""

    def close(self, flow: FlowTuple, interface: int) -> int:
        """Close those that send this flow; how many there were."""


class Policies(Protocol):
    """Where newer policies come from."""

    def newer(self, wait: float) -> HostPolicy | None:
        """A newer policy, waited for that many seconds; None where there is none."""


class Run:
    """One run.

    Args:
        tracking: the table of connections.
        sockets: of this host.
        surroundings: reads what is known of this host, for each policy anew.
        policies: tells of newer policies.
    """

    def __init__(
        self,
        tracking: Tracking,
        sockets: Closing,
        surroundings: Callable[[], Surroundings],
        policies: Policies,
    ) -> None:
        self._tracking = tracking
        self._sockets = sockets
        self._read_surroundings = surroundings
        self._policies = policies
        self._outcome = Outcome()
        self._counts: Counter[Decision] = Counter()
        self._to_look_for: list[Entry] = []

    def run(self, policy: HostPolicy) -> Outcome:
        """Judge every connection by this policy or a newer one.

        Raises:
            OSError: the kernel does not tell of its connections.
        """
        started = time.monotonic()
        self._take(policy)
        while self._lap() or self._look_again():
            pass
        outcome = self._outcome
        outcome.checked = self._counts.total()
        outcome.kept, outcome.unsure = self._counts[Decision.KEEP], self._counts[Decision.UNSURE]
        outcome.seconds = time.monotonic() - started
        return outcome

    def _take(self, policy: HostPolicy) -> None:
        self._surroundings = self._read_surroundings()
        self._judge = Judge(policy, self._surroundings)

    def _lap(self) -> bool:
        """Once through the list; returns whether there was a newer policy meanwhile."""
        self._counts.clear()
        superseded = False
        for part in self._tracking.entries():
            if self._superseded():
                superseded = True
            for entry in part:
                self._act(entry)
        return self._superseded() or superseded

    def _superseded(self, wait: float = 0.0) -> bool:
        newer = self._policies.newer(wait)
        if newer is None:
            return False
        self._outcome.policies += 1
        self._take(newer)
        return True

    def _act(self, entry: Entry) -> None:
        judgement = self._judge.judge(entry)
        self._counts[judgement.decision] += 1
        if judgement.decision is Decision.END and self._end(entry, judgement):
            self._outcome.ended += 1
            if len(self._outcome.examples) < EXAMPLES:
                self._outcome.examples.append(_described(judgement))
            if may_be_picked_up(entry):
                self._to_look_for.append(entry)

    def _end(self, entry: Entry, judgement: Judgement) -> bool:
        """End a connection; returns whether it was still there."""
        try:
            if not self._tracking.holds(entry):
                return False
            flow = local_flow(entry, self._surroundings)
            if flow is not None and judgement.packet is not None:
                self._close(flow, self._surroundings.index(judgement.packet.interface))
            return self._tracking.delete(entry)
        except OSError as error:
            self._complain(error)
            return False

    def _close(self, flow: FlowTuple, interface: int) -> None:
        """Close its socket. Where that is refused the entry is deleted all the same: better than nothing."""
        try:
            self._outcome.sockets += self._sockets.close(flow, interface)
        except OSError as error:
            self._complain(error)

    def _look_again(self) -> bool:
        """Delete what came back in the other direction; returns whether there was a newer policy meanwhile."""
        for wait in LOOKS if self._to_look_for else ():
            if self._superseded(wait):
                return True
            for ended in self._to_look_for:
                self._outcome.returned += self._delete_returned(ended)
        self._to_look_for.clear()
        return False

    def _delete_returned(self, ended: Entry) -> bool:
        try:
            found = self._tracking.begun_by_the_other_side(ended)
            return found is not None and found.picked_up and self._tracking.delete(found)
        except OSError as error:
            self._complain(error)
            return False

    def _complain(self, error: OSError) -> None:
        if str(error) not in self._outcome.problems:
            self._outcome.problems.append(str(error))


def _described(judgement: Judgement) -> str:
    packet, verdict = judgement.packet, judgement.verdict
    assert packet is not None and verdict is not None  # noqa: S101, PT018  # so it is with every end
    interfaces = " to ".join(filter(None, (packet.interface, packet.out_interface)))
    by = f" by {verdict.policy or f'tier {verdict.tier}'}" if verdict.policy or verdict.tier else ""
    return f"{packet} ({packet.path} {interfaces}: {verdict.reason}{by})"
