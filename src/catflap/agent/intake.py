"""Takes over what the store says: from raw entries to resources in the engine, a few at a time.

No content may end the agent or affect anything else than the object that it is of, and however much there is, the event
loop is never held up. Only the task that follows the store may use it.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Final

from catflap.agent.document import MAX_LISTED, cut
from catflap.agent.garbage import collector_paused
from catflap.agent.mirror import Change, Mirror
from catflap.agent.shared_engine import SharedEngine
from catflap.agent.slices import in_slices
from catflap.agent.status import InvalidObject
from catflap.agent.store_configuration import StoreConfiguration
from catflap.model import ConfigurationValues, Decoded, Kind, Problem, ResourceChange, decode
from catflap.policy import PolicyEngine
from catflap.store.api import Delta, Snapshot

log = logging.getLogger(__name__)

MAX_REASONS: Final = 3  # of one invalid object that are remembered
MANY: Final = 10_000  # entries at once, for which the garbage collector is kept away
UNREADABLE: Final = "unreadable"  # takes the place of the kind of what cannot be read at all


class Intake:
    """Between the events of a store and the engine.

    Args:
        engine: gets the resources.
        configuration: gets the configuration.
    """

    def __init__(self, engine: SharedEngine, configuration: StoreConfiguration) -> None:
        self._engine = engine
        self._configuration = configuration
        self._mirror = Mirror()
        self._revision = 0
        self._unreadable: tuple[Problem, ...] = ()  # of the store, which may name them with every event
        self._invalid: dict[str, InvalidObject] = {}  # what was read and is invalid, by its path
        self._kind_of_invalid: dict[str, str] = {}
        self._invalid_kinds: dict[str, int] = {**dict.fromkeys(Kind, 0), UNREADABLE: 0}

    @property
    def invalid_objects(self) -> int:
        """How many stored objects are invalid or cannot be read."""
        return len(self._invalid) + len(self._unreadable)

    def some_invalid(self) -> tuple[InvalidObject, ...]:
        """Some of them, by path."""
        found = [
            *map(_invalid, self._unreadable[:MAX_LISTED]),
            *itertools.islice(self._invalid.values(), MAX_LISTED),
        ]
        return tuple(sorted(found[:MAX_LISTED]))

    @property
    def invalid_kinds(self) -> Mapping[str, int]:
        """How many they are of each kind; for any thread."""
        read = self._invalid_kinds
        return {**read, UNREADABLE: read[UNREADABLE] + len(self._unreadable)}

    @property
    def pending(self) -> int:
        """How many entries have changed since they were applied."""
        return self._mirror.pending

    @property
    def empty(self) -> bool:
        """Whether the store holds nothing at all."""
        return self._mirror.empty

    @property
    def change_header(self) -> bytes | None:
        """See `Mirror.change_header`."""
        return self._mirror.change_header

    def not_ready_reason(self) -> str | None:
        """See `Mirror.not_ready_reason`."""
        return self._mirror.not_ready_reason()

    async def note(self, event: Snapshot | Delta) -> None:
        """Remember what the store holds; nothing of it counts before `apply`."""
        log.debug("Store revision %s: %s", event.revision, type(event).__name__)
        _report([problem for problem in event.problems if problem not in self._unreadable])
        self._unreadable = event.problems
        changes = event.changes if isinstance(event, Delta) else self._mirror.changes_to(event)
        async for part in in_slices(changes):
            self._mirror.note(part)
        self._revision = event.revision

    async def apply(self, configure: Callable[[PolicyEngine, bool], None]) -> None:
        """Let everything count that was noted, all at once for whoever asks the engine.

        Args:
            configure: called at the end with whether configuration of this host has changed.
        """
        many = self.pending >= MANY
        with collector_paused() if many else nullcontext():
            async with self._engine.changing() as engine:
                configure(engine, await self._apply_all(engine))
                self._engine.revision, self._engine.entries = self._revision, self._mirror.entries
                self._engine.grown |= many

    async def _apply_all(self, engine: PolicyEngine) -> bool:
        ignored: dict[str, list[str]] = {}
        configuration_changed = False
        async for part in in_slices(self._mirror.drain()):
            for change in self._decode(part, ignored):
                configuration_changed |= self._take_configuration(change)
                _apply_one(engine, change)
        for reason, paths in ignored.items():
            log.info("Ignoring %d entries such as %r: %s", len(paths), paths[0], reason)
        return configuration_changed

    def _decode(self, entries: Iterable[Change], ignored: dict[str, list[str]]) -> list[ResourceChange]:
        changes: list[ResourceChange] = []
        for path, value in entries:
            decoded = decode(path, value)
            if decoded.ignored is not None and value is not None:
                ignored.setdefault(decoded.ignored, []).append(path)
            _report(decoded.problems)
            self._note_validity(path, decoded)
            changes.extend(decoded.changes)
        return changes

    def _note_validity(self, path: str, decoded: Decoded) -> None:
        if self._invalid.pop(path, None) is not None:
            self._invalid_kinds[self._kind_of_invalid.pop(path)] -= 1
        if decoded.problems:
            kind = next((change.key.kind for change in decoded.changes), UNREADABLE)
            self._invalid[path] = _invalid(*decoded.problems, path=path)
            self._kind_of_invalid[path] = kind
            self._invalid_kinds[kind] += 1

    def _take_configuration(self, change: ResourceChange) -> bool:
        if change.resource is None or isinstance(change.resource, ConfigurationValues):
            return self._configuration.take(change.key, change.resource)
        return False


def _apply_one(engine: PolicyEngine, change: ResourceChange) -> None:
    try:
        engine.apply((change,))
    except Exception:  # a fault of ours with one object must not stop enforcing all others
        log.exception("Internal error while taking over %s; it is left as it was", change.key)


def _invalid(*problems: Problem, path: str = "") -> InvalidObject:
    reasons = [cut(reason) for problem in problems for reason in problem.reasons]
    return InvalidObject(
        cut(path or problems[0].path), cut(problems[0].subject), tuple(reasons[:MAX_REASONS])
    )


def _report(problems: Sequence[Problem]) -> None:
    for problem in problems:
        log.warning("%s", problem.message)
