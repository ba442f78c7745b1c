"""Applying documents to the v1 tree, for stores that have no other: each becomes the keys that say the same."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence

import msgspec

from catflap.model import (
    V1_ROOT,
    HostEndpoint,
    Policy,
    ProfileLabels,
    ProfileRules,
    ProfileTags,
    Resource,
    ResourceChange,
    Tier,
    decode,
)
from catflap.model.encoded_values import NotRepresentableError
from catflap.model.v1_encode import encode_v1
from catflap.model.v3_defaults import filled
from catflap.model.v3_encode_names import v3_name
from catflap.objects.changes import KeyChange
from catflap.objects.planning import Outcome, Planned, Refusal, RefusedError, Wanted, outdated, set_key
from catflap.objects.stored import StoredObject, Subject, v1_group
from catflap.objects.trees import read_objects
from catflap.store import Store


async def plan_v1(store: Store, items: Sequence[Wanted]) -> list[Planned]:
    """What applying documents changes.

    Raises:
        RefusedError: for all documents that cannot be applied.
        StoreError: the store is unavailable or refuses.
    """
    found = await read_objects(store, {item.subject.kind for item in items})
    stored = {group_of(each.entries): each for each in found}
    seen: dict[Hashable, Wanted] = {}
    plans: list[Planned] = []
    refusals: list[Refusal] = []
    for number, item in enumerate(items):
        try:
            entries = v1_entries(item)
        except NotRepresentableError as error:
            refusals += [_refusal(number, reason) for reason in error.reasons]
            continue
        group = group_of(entries)
        first = seen.setdefault(group, item)
        current = stored.get(group)
        if first is not item:
            message = f"{first.subject} is the same object in etcd's v2 API: leave one of them out."
            refusals.append(Refusal(number, "metadata.name", message))
        elif refusal := outdated(number, item, current):
            refusals.append(refusal)
        else:
            plans.append(_planned(item, entries, current))
    if refusals:
        raise RefusedError(refusals)
    return plans


def v1_entries(item: Wanted) -> dict[str, bytes]:
    """The keys and values that say what a document does.

    Raises:
        NotRepresentableError: the v1 tree cannot say it.
    """
    entries: dict[str, bytes] = {}
    reasons: list[str] = []
    for change in _resources(item):
        if change.resource is not None:
            try:
                entries.update(encode_v1(change.key, change.resource))
            except NotRepresentableError as error:
                reasons += error.reasons
    if not entries and not reasons:
        reasons.append(_why_nothing(item.subject.kind))
    if reasons:
        raise NotRepresentableError(tuple(reasons))
    return entries


def _why_nothing(kind: str) -> str:
    if kind == "FelixConfiguration":
        return (
            "spec: names no parameter, of which /calico/v1 keeps each by itself; delete the object instead."
        )
    return f"kind: /calico/v1 has no {kind}; use etcd:// for it."


def _resources(item: Wanted) -> tuple[ResourceChange, ...]:
    return decode(item.path, msgspec.json.encode(filled(item.document))).changes


def group_of(entries: Mapping[str, object]) -> Hashable:
    """The object that these keys make up."""
    return v1_group(next(iter(entries)))


def is_said(path: str, value: bytes, stored: bytes | None) -> bool:
    """Whether what is stored (None: nothing) at a path below `V1_ROOT` means the same, however it is written.

    A part of a profile that says nothing need not be there.
    """
    if stored is None:
        return _says_nothing(path, value)
    new, old = decode(path, value), decode(path, stored)
    return not old.problems and new.changes == old.changes


def _planned(item: Wanted, entries: Mapping[str, bytes], stored: StoredObject | None) -> Planned:
    if stored is None:
        changes = [
            set_key(path, value, None) for path, value in entries.items() if not _empty_labels(path, value)
        ]
        return Planned(_shown_as(item, entries), Outcome.CREATED, tuple(changes), item.document)
    changes = [*_set(entries, stored), *_removed(entries, stored)]
    outcome = Outcome.CONFIGURED if changes else Outcome.UNCHANGED
    return Planned(stored.subject, outcome, tuple(changes), item.document)


def _shown_as(item: Wanted, entries: Mapping[str, bytes]) -> Subject:
    """The name under which the object will be shown: its own may be unique on its host only."""
    [change, *_] = decode(next(iter(entries)), None).changes
    return Subject(item.subject.kind, item.subject.namespace, v3_name(change.key))


def _set(entries: Mapping[str, bytes], stored: StoredObject) -> Iterator[KeyChange]:
    for path, value in entries.items():
        entry = stored.entries.get(path)
        if not is_said(path, value, None if entry is None else entry.value):
            yield set_key(path, value, stored)


def _removed(entries: Mapping[str, bytes], stored: StoredObject) -> Iterator[KeyChange]:
    """Tags stay: no document can say them, so leaving them out cannot mean that they shall go."""
    for path, entry in stored.entries.items():
        if path not in entries and not isinstance(_resource(path, entry.value), ProfileTags):
            yield KeyChange(path, entry.value, None, entry.version)


def _empty_labels(path: str, value: bytes) -> bool:
    resource = _resource(path, value)
    return isinstance(resource, ProfileLabels) and not resource.labels


def _says_nothing(path: str, value: bytes) -> bool:
    match _resource(path, value):
        case ProfileRules(ingress=(), egress=()):
            return True
        case _:
            return _empty_labels(path, value)


def _resource(path: str, value: bytes) -> Resource | None:
    return decode(path, value).changes[0].resource


def _refusal(number: int, reason: str) -> Refusal:
    field, _, message = reason.partition(": ")
    return Refusal(number, field, message)


def v1_paths(item: Wanted) -> list[str]:
    """Where the v1 tree would hold a document that it can or cannot say."""
    paths = []
    for change in _resources(item):
        match change.resource:
            case HostEndpoint(name=name, node=str(node)):
                paths.append(f"{V1_ROOT}host/{node}/endpoint/{name}")
            case Policy(name=name, tier=tier) if not change.key.namespace:
                paths.append(f"{V1_ROOT}policy/tier/{tier}/policy/{name}")
            case Tier(name=name):
                paths.append(f"{V1_ROOT}policy/tier/{name}/metadata")
            case ProfileRules(name=name):
                paths.append(f"{V1_ROOT}policy/profile/{name}/rules")
            case _:
                pass
    return paths
