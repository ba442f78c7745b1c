"""Resources as ``projectcalico.org/v3`` documents, to be shown and edited: the opposite of `v3_documents`.

Whatever they were stored as, they are shown in this one form. The guide's encoding says some things that documents
cannot: these are refused by the names that they have there, never left out silently. They are tags, the log prefix of a
rule, a tier without an order, and workload endpoints that are inactive or in no namespace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from catflap.model.encoded_values import Gaps, stated
from catflap.model.names import is_identifier
from catflap.model.resources import (
    ConfigurationValues,
    HostEndpoint,
    NetworkSet,
    Node,
    Policy,
    ProfileLabels,
    ProfileRules,
    ProfileTags,
    ReadyFlag,
    Resource,
    ResourceKey,
    StagedPolicy,
    Tier,
    WorkloadEndpoint,
)
from catflap.model.v3_documents import API_VERSION, MAX_NAME, NAME_ANNOTATION, NAMESPACED_KINDS
from catflap.model.v3_encode_endpoints import (
    encode_host_endpoint,
    encode_network_set,
    encode_workload_endpoint,
    labels_of_namespaced,
)
from catflap.model.v3_encode_names import authors_name, document_kind, namespace_of, v3_name
from catflap.model.v3_encode_policies import (
    encode_policy,
    encode_profile_rules,
    encode_staged_policy,
    encode_tier,
)
from catflap.model.v3_selectors import NAMESPACE_LABEL
from catflap.model.validation import show

_STORED_IN_PARTS: Final = ("Profile", "FelixConfiguration")
_NAME_REMEDY: Final = f"use up to {MAX_NAME} letters, digits, '.', '-' and '_'"
_READY: Final[Mapping[str, bool | None]] = {"true": True, "false": False, "": None}


def encode_v3(key: ResourceKey, resource: Resource) -> dict[str, Any]:
    """The document: what it means is what the resource means, and its name is `v3_name`.

    ``key`` may be of either encoding. The documents of a profile's parts, and of parameters that are stored one by one,
    each hold that part alone: see `merged_documents`.

    Raises:
        NotRepresentableError: no document says it; with the reason for every field.
    """
    gaps = Gaps()
    kind, namespace = document_kind(key), namespace_of(key, resource)
    _check_name(v3_name(key), gaps)
    if kind in NAMESPACED_KINDS:
        _check_namespace(namespace, gaps)
    metadata = {
        "name": v3_name(key),
        "namespace": namespace,
        "labels": _labels(resource, namespace, gaps),
        "annotations": _annotations(key, resource),
    }
    spec = _spec(resource, namespace, gaps)
    gaps.raise_if_any()
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": stated(metadata), "spec": spec}


def merged_documents(documents: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The documents, with one for all parts of a profile, and one for all parameters of a host or of all hosts.

    A profile of the guide's that has labels and no rules denies, as one that does not exist; a document without rules
    leaves it to the next profile. Only who knows which parts are stored can tell.
    """
    merged: list[dict[str, Any]] = []
    parts: dict[tuple[str, str], dict[str, Any]] = {}
    for document in documents:
        kind, name = document["kind"], document["metadata"]["name"]
        whole = parts.get((kind, name))
        if whole is None:
            whole = dict(document)
            merged.append(whole)
            if kind in _STORED_IN_PARTS:
                parts[kind, name] = whole
        else:
            whole["spec"] = {**whole["spec"], **document["spec"]}
    return merged


def _check_name(name: str, gaps: Gaps) -> None:
    if not _is_name(name):
        gaps.add("metadata.name", f"{show(name)} is not a name of v3 documents", _NAME_REMEDY)


def _check_namespace(namespace: str, gaps: Gaps) -> None:
    """That of a v1 workload endpoint can be missing, or anything."""
    if not _is_name(namespace):
        why = f"a v3 document for this is in a namespace, and {show(namespace)} is not the name of one"
        gaps.add(f"labels.{NAMESPACE_LABEL}", why, _NAME_REMEDY)


def _is_name(text: str) -> bool:
    return is_identifier(text) and len(text) <= MAX_NAME


def _labels(resource: Resource, namespace: str, gaps: Gaps) -> Mapping[str, str]:
    match resource:
        case WorkloadEndpoint(labels=labels):
            return labels_of_namespaced(labels, gaps)
        case NetworkSet(labels=labels) if namespace:
            return labels_of_namespaced(labels, gaps)
        case HostEndpoint(labels=labels) | NetworkSet(labels=labels) | Node(labels=labels):
            return dict(labels)
        case _:
            return {}


def _annotations(key: ResourceKey, resource: Resource) -> dict[str, str]:
    """The author's name where the document's is another: other tools note it in the same way."""
    name = authors_name(key, resource)
    return {} if name == v3_name(key) else {NAME_ANNOTATION: msgspec.json.encode({"name": name}).decode()}


def _spec(resource: Resource, namespace: str, gaps: Gaps) -> dict[str, Any]:
    match resource:
        case HostEndpoint():
            return encode_host_endpoint(resource)
        case WorkloadEndpoint():
            return encode_workload_endpoint(resource, gaps)
        case NetworkSet():
            return encode_network_set(resource, namespace, gaps)
        case Node(interfaces=interfaces):
            items = [{"name": name, "addresses": list(each)} for name, each in interfaces.items()]
            return stated({"interfaces": items})
        case Policy():
            return encode_policy(resource, namespace, gaps)
        case StagedPolicy():
            return encode_staged_policy(resource, gaps)
        case Tier():
            return encode_tier(resource, gaps)
        case ProfileRules():
            return encode_profile_rules(resource, gaps)
        case _:
            return _plain_spec(resource, gaps)


def _plain_spec(
    resource: ProfileLabels | ProfileTags | ConfigurationValues | ReadyFlag, gaps: Gaps
) -> dict[str, Any]:
    match resource:
        case ProfileLabels(labels=labels):
            return stated({"labelsToApply": dict(labels)})
        case ProfileTags():
            gaps.add("tags", "v3 documents have none", "give the profile a label for each, and select that")
            return {}
        case ConfigurationValues(values=values):
            return dict(values)
        case ReadyFlag(text=text):
            if text not in _READY:
                gaps.add("Ready", f"{text!r} is neither true nor false", "write one of them")
            ready = _READY.get(text)
            return {} if ready is None else {"datastoreReady": ready}
