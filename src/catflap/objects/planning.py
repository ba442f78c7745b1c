"""What applying or deleting objects changes: for each object its keys, and the word for it.

An object is what its document says: what the document leaves out is removed (as with ``calicoctl``; it is not merged
with what somebody else has added). One that is stored like that already is not written, so that no agent is woken.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from catflap.model import document_path
from catflap.model.v3_documents import NAMESPACED_KINDS
from catflap.objects.changes import KeyChange
from catflap.objects.stored import DEFAULT_NAMESPACE, StoredObject, Subject, v3_subject
from catflap.store import ABSENT


class Outcome(enum.StrEnum):
    """What becomes of an object."""

    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"
    DELETED = "deleted"


class Planned(msgspec.Struct, frozen=True):
    """One object: what becomes of it, by which changes of keys, and the document as it will be (or was)."""

    subject: Subject
    outcome: Outcome
    changes: tuple[KeyChange, ...] = ()
    document: Mapping[str, Any] | None = None


class Wanted(msgspec.Struct, frozen=True):
    """A valid document that shall be stored, and its path in the v3 tree."""

    subject: Subject
    path: str
    document: Mapping[str, Any]

    @property
    def resource_version(self) -> str | None:
        """The version that its author has seen, None if the document does not say."""
        version = self.document["metadata"].get("resourceVersion")
        return None if version is None else str(version)


class Refusal(msgspec.Struct, frozen=True):
    """Why the document with this number in the input cannot be applied; ``field`` is where."""

    number: int
    field: str
    message: str


class RefusedError(Exception):
    """Some documents cannot be applied, for all these reasons. Nothing was written."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__(" ".join(each.message for each in refusals))
        self.refusals = tuple(refusals)


class Stamp(msgspec.Struct, frozen=True):
    """What a new object is marked with: the time now, and an identifier that is made for it."""

    now: datetime
    new_uid: Callable[[], str]


def wanted(document: Mapping[str, Any]) -> Wanted:
    """A document that shall be stored. What is left out of its name is filled in.

    Raises:
        DocumentError: version, kind or name is missing or wrong.
    """
    path = document_path(document)
    subject = v3_subject(path)
    assert subject is not None  # noqa: S101  # `document_path` gives paths of objects
    if subject.kind in NAMESPACED_KINDS:
        metadata = {"namespace": DEFAULT_NAMESPACE, **document["metadata"]}
        document = {**document, "metadata": metadata}
    return Wanted(subject, path, document)


def outdated(number: int, item: Wanted, stored: StoredObject | None) -> Refusal | None:
    """The refusal of a document whose author has seen another version than the one that is stored."""
    seen = item.resource_version
    current = None if stored is None else stored.resource_version
    if seen is None or seen == current:
        return None
    message = (
        f"is {seen}, but there is no such object now: leave resourceVersion out to create it."
        if current is None
        else f"is {seen}, but its version is {current} now: get the object again, and repeat the change on that."
    )
    return Refusal(number, "metadata.resourceVersion", message)


def deletion(objects: Iterable[StoredObject]) -> list[Planned]:
    """What deletes objects with all of their keys."""
    return [
        Planned(
            each.subject,
            Outcome.DELETED,
            tuple(KeyChange(path, entry.value, None, entry.version) for path, entry in each.entries.items()),
            each.shown(),
        )
        for each in objects
    ]


def set_key(path: str, value: bytes, stored: StoredObject | None) -> KeyChange:
    """What sets one key of an object."""
    entry = None if stored is None else stored.entries.get(path)
    if entry is None:
        return KeyChange(path, None, value, ABSENT)
    return KeyChange(path, entry.value, value, entry.version)
