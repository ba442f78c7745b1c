"""Why a change was not made, or not wholly. The texts say what is so now; the commands add the remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from catflap.model.changes import CHANGE_PATH, ChangeHeader
from catflap.objects.stored import Subject


class ChangeInProgressError(Exception):
    """Somebody is in the middle of another change, or was interrupted in it. Nothing was written."""

    def __init__(self, header: ChangeHeader) -> None:
        super().__init__(described(header))
        self.header = header


class UnreadableHeaderError(Exception):
    """Where a change in progress has its header there is something else. Nothing was written."""

    def __init__(self) -> None:
        super().__init__(f"{CHANGE_PATH} holds something that describes no change")


class AmbiguousNameError(Exception):
    """A short name means several objects."""

    def __init__(self, name: Subject, meant: Iterable[Subject]) -> None:
        super().__init__(f"{name} may be {', '.join(map(str, meant))}: name it in full")


class ChangedMeanwhileError(Exception):
    """Somebody else changed objects after they were read. Nothing was written.

    ``versions`` are those that the objects have now, None for one that is gone.
    """

    def __init__(self, versions: Mapping[Subject, str | None]) -> None:
        super().__init__("; ".join(f"{subject}: {_now(version)}" for subject, version in versions.items()))
        self.versions = versions


class InterruptedChangeError(Exception):
    """The store was lost in the middle, or refused to go either on or back: header and journal are still there."""

    def __init__(self, header: ChangeHeader, reason: str) -> None:
        super().__init__(f"{reason}; {described(header)}")
        self.header = header


class LostJournalError(Exception):
    """An interrupted change can be neither finished nor undone. Nothing was written."""

    def __init__(self, header: ChangeHeader) -> None:
        super().__init__(f"{described(header)}, and its journal is gone or damaged")
        self.header = header


class TakenOverError(Exception):
    """Somebody else has begun to finish or undo this change, and goes on with it."""

    def __init__(self, header: ChangeHeader) -> None:
        super().__init__(f"somebody else has taken over: {described(header)}")
        self.header = header


def described(header: ChangeHeader) -> str:
    """A change in progress in words: who, when, and how far."""
    return (
        f"a change of {header.objects} objects by {header.author}, begun at {header.started},"
        f" is written to {header.done} of {header.steps} steps"
    )


def _now(version: str | None) -> str:
    return (
        "it was deleted meanwhile" if version is None else f"it was changed meanwhile, to version {version}"
    )
