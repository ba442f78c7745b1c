"""Objects as they are stored, in either tree, in the one form that people handle: ``projectcalico.org/v3`` documents.

Nothing that is stored may be hidden because it is invalid or cannot be said in that form: it is there, with the
reasons.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from catflap.model import V1_ROOT, V3_ROOT, ResourceKey, decode
from catflap.model.encoded_values import NotRepresentableError
from catflap.model.v3_documents import KINDS, NAMESPACED_KINDS
from catflap.model.v3_encode import encode_v3, merged_documents
from catflap.model.v3_encode_names import document_kind, v3_name
from catflap.model.validation import InvalidObjectError, read_json
from catflap.store import Entry

DEFAULT_NAMESPACE = "default"


class Tree(enum.StrEnum):
    """Which of the two trees of a store an object stands in."""

    V1 = "/calico/v1"
    V3 = "/calico/resources/v3"


class Subject(msgspec.Struct, frozen=True, order=True):
    """What an object is called. ``namespace`` is empty for kinds that have none."""

    kind: str
    namespace: str
    name: str

    @property
    def title(self) -> str:
        """Such as ``hostendpoint/web1-eth0``."""
        return f"{self.kind.lower()}/{self.name}"

    def __str__(self) -> str:
        elsewhere = self.namespace not in ("", DEFAULT_NAMESPACE)
        return f"{self.title} in namespace {self.namespace}" if elsewhere else self.title


class StoredObject(msgspec.Struct, frozen=True):
    """One object and all keys that it is stored in: one, but for profiles and configurations of the v1 tree.

    ``document`` is None if there is none that says the same, and ``reasons`` tell why; an invalid object has reasons,
    and a document if the stored value is one. ``short_name`` is the one that an object of the v1 tree has on its host
    or in its tier (``eth0`` of ``web1.eth0``).
    """

    subject: Subject
    tree: Tree
    entries: Mapping[str, Entry]
    document: Mapping[str, Any] | None
    reasons: tuple[str, ...] = ()
    valid: bool = True
    short_name: str = ""

    @property
    def resource_version(self) -> str:
        """A text that is another one after every change."""
        return "-".join(str(entry.version) for _, entry in sorted(self.entries.items()))

    @property
    def labels(self) -> Mapping[str, str]:
        """The object's own labels, as far as they are any."""
        metadata = (self.document or {}).get("metadata")
        labels = metadata.get("labels") if isinstance(metadata, dict) else None
        if not isinstance(labels, dict):
            return {}
        return {name: value for name, value in labels.items() if isinstance(value, str)}

    def shown(self) -> dict[str, Any] | None:
        """The document with its ``resourceVersion``, as it can be edited and applied again."""
        if self.document is None:
            return None
        metadata = self.document.get("metadata")
        known = dict(metadata) if isinstance(metadata, dict) else {}
        if self.subject.namespace:
            known.setdefault("namespace", self.subject.namespace)
        known = {"name": self.subject.name, **known, "resourceVersion": self.resource_version}
        return {**self.document, "metadata": known}


def stored_objects(entries: Mapping[str, Entry]) -> list[StoredObject]:
    """The objects that entries of a store are; what is no object is left out."""
    groups: dict[tuple[str, str, str], dict[str, Entry]] = defaultdict(dict)
    found = []
    for path, entry in entries.items():
        if path.startswith(V3_ROOT):
            subject = v3_subject(path)
            found += [] if subject is None else [_v3_object(subject, path, entry)]
        elif path.startswith(V1_ROOT) and (group := v1_group(path)) is not None:
            groups[group][path] = entry
    return [*found, *(_v1_object(group) for group in groups.values())]


def v3_subject(path: str) -> Subject | None:
    """What a path below `V3_ROOT` is called, None if it is no object's."""
    plural, *names = path.removeprefix(V3_ROOT).split("/")
    kind = KINDS.get(plural)
    if kind is None or len(names) != (2 if kind in NAMESPACED_KINDS else 1):
        return None
    return Subject(kind, names[0] if len(names) > 1 else "", names[-1])


def v1_group(path: str) -> tuple[str, str, str] | None:
    """Kind, scope and name: the same for all keys below `V1_ROOT` that make up one object; None for what is none."""
    changes = decode(path, None).changes
    return _group(changes[0].key) if changes else None


def _group(key: ResourceKey) -> tuple[str, str, str]:
    kind = document_kind(key)
    return kind, key.scope, "" if kind == "FelixConfiguration" else key.name


def _v3_object(subject: Subject, path: str, entry: Entry) -> StoredObject:
    reasons = tuple(reason for problem in decode(path, entry.value).problems for reason in problem.reasons)
    return StoredObject(subject, Tree.V3, {path: entry}, json_object(entry.value), reasons, valid=not reasons)


def json_object(value: bytes) -> dict[str, Any] | None:
    """The JSON object in a value, None if there is none."""
    try:
        found = read_json(value)
    except InvalidObjectError:
        return None
    return found if isinstance(found, dict) else None


def _v1_object(entries: Mapping[str, Entry]) -> StoredObject:
    """One object of several keys; of parts that cannot be shown the others are not shown either."""
    documents: list[dict[str, Any]] = []
    reasons: list[str] = []
    valid = True
    for path, entry in entries.items():
        decoded = decode(path, entry.value)
        reasons += [reason for problem in decoded.problems for reason in problem.reasons]
        valid = valid and not decoded.problems
        for change in decoded.changes:
            subject = Subject(document_kind(change.key), "", v3_name(change.key))
            _, _, short_name = _group(change.key)
            if change.resource is not None:
                try:
                    documents.append(encode_v3(change.key, change.resource))
                except NotRepresentableError as error:
                    reasons += error.reasons
    merged = _merged(documents) if not reasons else None
    if merged is not None:
        subject = Subject(subject.kind, merged["metadata"].get("namespace", ""), subject.name)
    return StoredObject(subject, Tree.V1, entries, merged, tuple(reasons), valid, short_name)


def _merged(documents: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    [document] = merged_documents(documents)
    return document
