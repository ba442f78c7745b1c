"""Holds changes back while somebody writes a change that takes several transactions.

What a store holds between two of them is nobody's policy. An agent that enforces nothing yet does not wait, since then
any policy is better than none. A header that cannot be read is nobody's change, and holds nothing back. See
`catflap.model.changes` for what the writer leaves in the store.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from catflap.agent.staleness import Reminders
from catflap.model.changes import CHANGE_PATH, ChangeHeader, read_change_header

log = logging.getLogger(__name__)

REMEDY = (
    "if nobody is writing it any more, run 'catflap apply --recover finish' or 'catflap apply --recover undo'"
)


class Hold:
    """Decides about the header of a change, and tells people.

    Args:
        clock: seconds that only ever grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._header: ChangeHeader | None = None  # that changes are held back for
        self._since = 0.0
        self._reminders = Reminders()
        self._warned: bytes | None = None  # a header that nothing is held back for

    @property
    def reason(self) -> str | None:
        """Why changes are held back; None where they are not."""
        return None if self._header is None else f"{self._header.author} is writing a change of several steps"

    def take(self, raw: bytes | None, *, enforcing: bool) -> bool:
        """Whether to hold back what has changed.

        Args:
            raw: the header as the store holds it.
            enforcing: whether the agent enforces something already.
        """
        header = None if raw is None else read_change_header(raw)
        if header is not None and enforcing:
            self._begin_or_go_on(header)
            return True
        if self._header is not None:
            log.info("The change of %s has ended: taking it over", self._header.author)
            self._header = None
        if raw is not None and raw != self._warned:
            self._warn(raw, header)
        self._warned = raw
        return False

    def _begin_or_go_on(self, header: ChangeHeader) -> None:
        began, self._header = self._header is None, header
        if began:
            self._since, self._reminders = self._clock(), Reminders()
            log.info("Holding changes back, what is enforced stays: %s", _describe(header))

    def _warn(self, raw: bytes, header: ChangeHeader | None) -> None:
        if header is None:
            log.warning(
                "Ignoring %s, which describes no change; delete it, since nobody can apply any before: %.200r",
                CHANGE_PATH,
                raw,
            )
        else:
            log.warning(
                "Enforcing what the store holds, though %s: nothing is enforced yet; %s",
                _describe(header),
                REMEDY,
            )

    def remind(self) -> None:
        """Warn of what has not ended soon, as it does while its author lives; and again when that is due."""
        if self._header is not None and self._reminders.due(seconds := self._clock() - self._since):
            log.warning(
                "Holding changes back for %.0f s, what is enforced stays: %s; %s",
                seconds,
                _describe(self._header),
                REMEDY,
            )


def _describe(header: ChangeHeader) -> str:
    return (
        f"{header.author} has made {header.done} of {header.steps} steps of a change of {header.objects} objects"
        f" that began{_age(header.started)}"
    )


def _age(started: str) -> str:
    """How long ago that was by this host's clock, which need not agree with the author's."""
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds()
    except (ValueError, TypeError):
        return f" at {started!r}"
    return f" {max(seconds, 0):.0f} s ago"
