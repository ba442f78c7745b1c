"""What every ``projectcalico.org/v3`` document has in common: version, kind, metadata, and its place in the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from catflap.model.fields import Document, Fields
from catflap.model.names import is_identifier, suggestion
from catflap.model.resources import Resource
from catflap.model.v3_endpoints import host_endpoint, workload_endpoint
from catflap.model.v3_policies import network_policy, policy, staged_policy
from catflap.model.v3_resources import configuration, network_set, node, profile, ready_flag, tier
from catflap.model.v3_usual_endpoint import usual_host_endpoint
from catflap.model.validation import InvalidObjectError, Reasons, read_json, show

V3_ROOT: Final = "/calico/resources/v3/projectcalico.org/"
API_VERSION: Final = "projectcalico.org/v3"
NAME_ANNOTATION: Final = "projectcalico.org/metadata"  # holds JSON with the name that the author gave
MAX_NAME: Final = 253  # characters

Interpreter: TypeAlias = Callable[[Document], tuple[Resource, ...]]

INTERPRETERS: Mapping[str, Interpreter] = {
    "HostEndpoint": host_endpoint,
    "WorkloadEndpoint": workload_endpoint,
    "GlobalNetworkSet": network_set,
    "NetworkSet": network_set,
    "Node": node,
    "GlobalNetworkPolicy": policy,
    "NetworkPolicy": network_policy,
    "StagedGlobalNetworkPolicy": staged_policy,
    "Tier": tier,
    "Profile": profile,
    "FelixConfiguration": configuration,
    "ClusterInformation": ready_flag,
}

_IRREGULAR_PLURALS = {
    "GlobalNetworkPolicy": "globalnetworkpolicies",
    "StagedGlobalNetworkPolicy": "stagedglobalnetworkpolicies",
    "NetworkPolicy": "networkpolicies",
    "StagedNetworkPolicy": "stagednetworkpolicies",
    "StagedKubernetesNetworkPolicy": "stagedkubernetesnetworkpolicies",
    "CalicoNodeStatus": "caliconodestatuses",
    "BlockAffinity": "blockaffinities",
}
_OTHER_KINDS = (
    "KubeControllersConfiguration",
    "IPPool",
    "IPReservation",
    "IPAMConfiguration",
    "BGPConfiguration",
    "BGPPeer",
    "BGPFilter",
)
NAMESPACED_KINDS: Final = frozenset(
    {
        "NetworkPolicy",
        "NetworkSet",
        "StagedNetworkPolicy",
        "StagedKubernetesNetworkPolicy",
        "WorkloadEndpoint",
    }
)
PLURALS: Mapping[str, str] = {
    kind: _IRREGULAR_PLURALS.get(kind, f"{kind.lower()}s")
    for kind in (*INTERPRETERS, *_IRREGULAR_PLURALS, *_OTHER_KINDS)
}
KINDS: Mapping[str, str] = {plural: kind for kind, plural in PLURALS.items()}

# Fields of Kubernetes' object metadata that say nothing about policy.
BOOKKEEPING: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "generateName",
    "finalizers",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
)


class DocumentError(Exception):
    """A document has no place in the store, for all these reasons."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


def document_path(document: object) -> str:
    """The path at which a document (as decoded from YAML or JSON) is stored. Its ``spec`` is not looked at.

    Raises:
        DocumentError: version, kind or name is missing or wrong.
    """
    reasons = Reasons()
    fields = Fields(document, "", reasons)
    metadata = fields.object("metadata")
    kind = _known_kind(fields)
    _check_version(fields, required=True)
    segments = [_required_name(metadata, "name", None)]
    if kind in NAMESPACED_KINDS:
        segments.insert(0, _required_name(metadata, "namespace", "default"))
    try:
        reasons.raise_if_any()
    except InvalidObjectError as error:
        raise DocumentError(error.reasons) from None
    return f"{V3_ROOT}{PLURALS[kind]}/{'/'.join(segments)}"


def _known_kind(fields: Fields) -> str:
    kind = fields.value("kind")
    if isinstance(kind, str) and kind in PLURALS:
        return kind
    found = "is missing." if kind is None else f"{show(kind)} is not known.{suggestion(kind, PLURALS)}"
    fields.refuse("kind", found)
    return ""


def _check_version(fields: Fields, *, required: bool) -> None:
    version = fields.value("apiVersion")
    if version != API_VERSION and (required or version is not None):
        found = "is missing" if version is None else f"is {show(version)}"
        fields.refuse("apiVersion", f"{found}; write {API_VERSION!r}.")


def _required_name(metadata: Fields, field: str, default: str | None) -> str:
    name = metadata.text(field)
    if name is None:
        name = default
    if name is None:
        metadata.refuse(field, "is missing.")
        return ""
    _check_name(metadata, field, name)
    return name


def _is_name(text: str) -> bool:
    return is_identifier(text) and len(text) <= MAX_NAME


def _check_name(metadata: Fields, field: str, name: str) -> None:
    if not _is_name(name):
        metadata.refuse(
            field, f"{show(name)} is not a name; use up to {MAX_NAME} letters, digits, '.', '-' and '_'."
        )


def read_document(kind: str, key_name: str, namespace: str, raw: bytes) -> tuple[Resource, ...]:
    """The resources in the document of a ``kind`` that Catflap acts upon, stored under ``key_name``.

    ``namespace`` is the one in its key, empty for a kind that has none.

    Raises:
        InvalidObjectError: with every reason.
    """
    if kind == "HostEndpoint" and _is_name(key_name):
        usual = usual_host_endpoint(key_name, raw)
        if usual is not None:
            return (usual,)
    reasons = Reasons()
    fields = Fields(_json_object(raw), "", reasons)
    _check_version(fields, required=False)
    if fields.value("kind") not in (None, kind):
        fields.refuse("kind", f"is {show(fields.value('kind'))}, but its key is that of a {kind}.")
    metadata = fields.object("metadata")
    _check_name(metadata, "name", key_name)
    _check_namespace(metadata, namespace)
    document = Document(
        key_name=key_name,
        name=_authors_name(metadata, key_name),
        labels=metadata.labels("labels"),
        spec=fields.object("spec"),
        namespace=namespace,
    )
    resources = INTERPRETERS[kind](document)
    fields.skip("status")
    metadata.skip(*BOOKKEEPING)
    for part in (document.spec, metadata, fields):
        part.close()
    reasons.raise_if_any()
    return resources


def _check_namespace(metadata: Fields, namespace: str) -> None:
    """The namespace of the key must be a name, and that in the metadata the same, in kinds that have one.

    Raises:
        InvalidObjectError: it is no name; nothing can be compared with it then.
    """
    if not namespace:
        metadata.skip("namespace")
        return
    _check_name(metadata, "namespace", namespace)
    metadata.reasons.raise_if_any()
    if metadata.text("namespace") not in (None, namespace):
        metadata.refuse(
            "namespace", f"is {show(metadata.value('namespace'))}, but the key says {namespace!r}."
        )


def _json_object(raw: bytes) -> dict[str, Any]:
    value = read_json(raw)
    if not isinstance(value, dict):
        raise InvalidObjectError((f"document: expected an object, got {show(value)}.",))
    return value


def _authors_name(metadata: Fields, key_name: str) -> str:
    """The name in the annotation, else that of the key, which in older policies starts with the tier."""
    name = metadata.text("name")
    if name is not None and key_name != name and not key_name.endswith(f".{name}"):
        metadata.refuse("name", f"is {show(name)}, but the key says {show(key_name)}.")
    annotation = metadata.strings("annotations").get(NAME_ANNOTATION)
    annotated = _annotated_name(annotation) if isinstance(annotation, str) else ""
    # An annotation that contradicts the key would give two objects one name.
    return annotated if annotated and key_name.endswith(f".{annotated}") else key_name


class _AnnotatedMetadata(msgspec.Struct):
    name: str = ""


def _annotated_name(annotation: str) -> str:
    """The name in the annotation; empty where it has none or is not what other tools write."""
    try:
        name = msgspec.json.decode(annotation, type=_AnnotatedMetadata).name
    except (msgspec.DecodeError, ValueError, RecursionError):
        return ""
    return name if is_identifier(name) else ""
