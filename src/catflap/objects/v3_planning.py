"""Applying documents to the v3 tree, where each is one key that holds the document.

Agents take the two trees for one world, so an object that stands in the v1 tree must not get a twin here: of the two
either might win, and deleting one would leave the other. A twin is refused, but for one that says the same already.
Parameters and the Ready flag have rules of their own for when they stand in both trees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from catflap.model.encoded_values import NotRepresentableError
from catflap.model.v3_defaults import filled, with_bookkeeping
from catflap.objects.planning import Outcome, Planned, Refusal, RefusedError, Stamp, Wanted, outdated, set_key
from catflap.objects.reading import read_paths
from catflap.objects.stored import StoredObject, Tree, stored_objects
from catflap.objects.trees import trees_of
from catflap.objects.v1_planning import is_said, v1_entries, v1_paths
from catflap.store import Entry, Store

_BOOKKEEPING: Final = frozenset({"uid", "creationTimestamp", "resourceVersion"})
_IN_BOTH_TREES: Final = frozenset({"FelixConfiguration", "ClusterInformation"})


async def plan_v3(store: Store, items: Sequence[Wanted], stamp: Stamp | None) -> list[Planned]:
    """What applying documents changes; without a ``stamp`` they are stored as they are written.

    Raises:
        RefusedError: for all documents that cannot be applied.
        StoreError: the store is unavailable or refuses.
    """
    twins = [_twin_entries(item) if Tree.V1 in trees_of(store) else {} for item in items]
    paths = [*(item.path for item in items), *(path for twin in twins for path in twin)]
    entries = await read_paths(store, paths)
    plans: list[Planned] = []
    refusals: list[Refusal] = []
    for number, (item, twin) in enumerate(zip(items, twins, strict=True)):
        planned = _plan_one(number, item, twin, entries, stamp)
        if isinstance(planned, Refusal):
            refusals.append(planned)
        else:
            plans.append(planned)
    if refusals:
        raise RefusedError(refusals)
    return plans


def _plan_one(
    number: int, item: Wanted, twin: Mapping[str, bytes], entries: Mapping[str, Entry], stamp: Stamp | None
) -> Planned | Refusal:
    in_v1 = {path: entries[path] for path in twin if path in entries}
    if in_v1 and (item.subject.kind not in _IN_BOTH_TREES or _shown_from_v1(item, entries)):
        return _next_to_twin(number, item, twin, in_v1)
    [stored] = stored_objects({item.path: entries[item.path]}) if item.path in entries else [None]
    return outdated(number, item, stored) or _planned(item, stored, stamp)


def _twin_entries(item: Wanted) -> Mapping[str, bytes]:
    """What the v1 tree would hold of the object, or at least (with empty values) where."""
    try:
        return v1_entries(item)
    except NotRepresentableError:
        return dict.fromkeys(v1_paths(item), b"")


def _shown_from_v1(item: Wanted, entries: Mapping[str, Entry]) -> bool:
    """Whether a document's author has seen it in the v1 tree: it has a version, and the v3 tree has nothing."""
    return item.resource_version is not None and item.path not in entries


def _next_to_twin(
    number: int, item: Wanted, twin: Mapping[str, bytes], stored: Mapping[str, Entry]
) -> Planned | Refusal:
    values = {path: entry.value for path, entry in stored.items()}
    said = all(is_said(path, value, values.get(path)) for path, value in twin.items())
    if said and not (item.subject.kind in _IN_BOTH_TREES and _leaves_out(item, stored)):
        return Planned(item.subject, Outcome.UNCHANGED, document=item.document)
    message = (
        f"the store has this object at {', '.join(stored)} already, in the form of older tools:"
        " change it there, or delete it ('catflap delete') and apply this."
    )
    return Refusal(number, "metadata.name", message)


def _leaves_out(item: Wanted, stored: Mapping[str, Entry]) -> bool:
    """Whether there was more than what the document says: its version is that of all keys of the object."""
    [found] = stored_objects(stored)
    return item.resource_version != found.resource_version


def _planned(item: Wanted, stored: StoredObject | None, stamp: Stamp | None) -> Planned:
    previous = None if stored is None else stored.document
    document = _document(item.document, previous, stamp)
    if previous is not None and _content(previous) in (_content(item.document), _content(document)):
        return Planned(item.subject, Outcome.UNCHANGED, document=previous)
    outcome = Outcome.CREATED if stored is None else Outcome.CONFIGURED
    change = set_key(item.path, msgspec.json.encode(document), stored)
    return Planned(item.subject, outcome, (change,), document)


def _document(
    written: Mapping[str, Any], previous: Mapping[str, Any] | None, stamp: Stamp | None
) -> Mapping[str, Any]:
    """The document as it is stored."""
    if stamp is not None:
        return with_bookkeeping(filled(written), previous=previous, now=stamp.now, uid=stamp.new_uid())
    metadata = {name: value for name, value in written["metadata"].items() if name != "resourceVersion"}
    return {**filled(written), "metadata": metadata}


def _content(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """What its author has said."""
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        return document
    said = {name: value for name, value in metadata.items() if name not in _BOOKKEEPING}
    return {**document, "metadata": said}
