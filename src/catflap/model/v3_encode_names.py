"""What resources are called in ``projectcalico.org/v3`` documents: kind, name, namespace.

Names of the guide's encoding are unique for one host, tier or workload only. In a document the name of that stands
before them, with a dot, and an annotation holds the author's name, as in the documents of other tools. So reading the
document gives the same resource, and writing that to the store that it came from gives the same path.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from catflap.model.resources import (
    DEFAULT_TIER,
    ConfigurationValues,
    Encoding,
    Kind,
    ReadyFlag,
    Resource,
    ResourceKey,
    WorkloadEndpoint,
)
from catflap.model.v3_resources import NODE_PREFIX
from catflap.model.v3_selectors import NAMESPACE_LABEL, ORCHESTRATOR_LABEL

_KINDS: Mapping[Kind, str] = {
    Kind.PROFILE_RULES: "Profile",
    Kind.PROFILE_LABELS: "Profile",
    Kind.PROFILE_TAGS: "Profile",
    Kind.READY: "ClusterInformation",
}
_NAMESPACED_KINDS: Mapping[Kind, str] = {
    Kind.POLICY: "NetworkPolicy",
    Kind.NETWORK_SET: "NetworkSet",
}
_NO_ORCHESTRATOR: Final = "none"  # where a path has the name of one, and a document need not


def document_kind(key: ResourceKey) -> str:
    """The kind of the document that the resource of this key is, or is a part of."""
    if key.namespace and key.kind in _NAMESPACED_KINDS:
        return _NAMESPACED_KINDS[key.kind]
    return _KINDS.get(key.kind, key.kind.value)


def v3_name(key: ResourceKey) -> str:
    """The name in the metadata of the document.

    ``eth0`` of the host ``web1`` is ``web1.eth0``, ``ssh`` in the tier ``admin`` is ``admin.ssh``. A name that begins
    with its host and a hyphen, or with its tier and a dot, stays as it is, since that is how people name what they
    write as documents; so do the names of policies in the default tier. Odd names may come out alike (``a.b`` in the
    tier ``c``, ``b`` in the tier ``c.a``): whoever puts the documents of a whole store into another must look.
    """
    if key.encoding is Encoding.V3:
        return key.name
    match key.kind:
        case Kind.HOST_ENDPOINT:
            return key.name if key.name.startswith(f"{key.scope}-") else f"{key.scope}.{key.name}"
        case Kind.POLICY:
            whole = key.scope == DEFAULT_TIER or key.name.startswith(f"{key.scope}.")
            return key.name if whole else f"{key.scope}.{key.name}"
        case Kind.WORKLOAD_ENDPOINT:
            return f"{key.scope.replace('/', '.')}.{key.name}"
        case Kind.CONFIGURATION:
            return f"{NODE_PREFIX}{key.scope}" if key.scope else "default"
        case Kind.READY:
            return "default"
        case _:
            return key.name


def authors_name(key: ResourceKey, resource: Resource) -> str:
    """The name that the resource itself bears; that of the document where it bears none."""
    return v3_name(key) if isinstance(resource, ConfigurationValues | ReadyFlag) else resource.name


def namespace_of(key: ResourceKey, resource: Resource) -> str:
    """The namespace of the document; that of a v1 workload endpoint stands in its labels."""
    if key.encoding is Encoding.V1 and isinstance(resource, WorkloadEndpoint):
        return resource.labels.get(NAMESPACE_LABEL, "")
    return key.namespace


def v1_workload(key: ResourceKey, endpoint: WorkloadEndpoint) -> tuple[str, str]:
    """The orchestrator and the workload in the v1 path of an endpoint.

    They are those that `v3_name` put into the document's name, else the orchestrator in the labels and the namespace.
    """
    if key.encoding is Encoding.V1:
        _, orchestrator, workload = key.scope.split("/")
        return orchestrator, workload
    before, after = f"{endpoint.node}.", f".{endpoint.name}"
    if key.name.startswith(before) and key.name.endswith(after):
        orchestrator, _, workload = key.name[len(before) : -len(after)].partition(".")
        if orchestrator and workload:
            return orchestrator, workload
    return endpoint.labels.get(ORCHESTRATOR_LABEL, _NO_ORCHESTRATOR), key.namespace
