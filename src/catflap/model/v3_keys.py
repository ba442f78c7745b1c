"""What each path below ``/calico/resources/v3/projectcalico.org/`` stands for."""

from __future__ import annotations

import functools

from catflap.model.names import suggestion
from catflap.model.resources import Encoding, Kind, ResourceKey
from catflap.model.target import Target
from catflap.model.v3_documents import INTERPRETERS, KINDS, NAMESPACED_KINDS, V3_ROOT, read_document
from catflap.model.v3_resources import configured_host

_KEY_KINDS = {
    "HostEndpoint": (Kind.HOST_ENDPOINT,),
    "WorkloadEndpoint": (Kind.WORKLOAD_ENDPOINT,),
    "GlobalNetworkSet": (Kind.NETWORK_SET,),
    "NetworkSet": (Kind.NETWORK_SET,),
    "Node": (Kind.NODE,),
    "GlobalNetworkPolicy": (Kind.POLICY,),
    "NetworkPolicy": (Kind.POLICY,),
    "StagedGlobalNetworkPolicy": (Kind.STAGED_POLICY,),
    "Tier": (Kind.TIER,),
    "Profile": (Kind.PROFILE_RULES, Kind.PROFILE_LABELS),
    "ClusterInformation": (Kind.READY,),
}


def v3_target(path: str) -> Target | str:
    """What a path below `V3_ROOT` stands for, or why it is not ours."""
    plural, *names = path.removeprefix(V3_ROOT).split("/")
    kind = KINDS.get(plural)
    if kind is None:
        return _unknown(plural)
    if kind not in INTERPRETERS:
        return f"{kind} is not supported"
    if len(names) != (2 if kind in NAMESPACED_KINDS else 1) or not all(names):
        return "unknown key"
    *scope, name = names
    namespace = "".join(scope)
    read = functools.partial(read_document, kind, name, namespace)
    return Target(f"{kind} {'/'.join(names)}", _keys(kind, name, namespace), read)


@functools.lru_cache(maxsize=64)  # a kind of somebody else's may have many objects
def _unknown(plural: str) -> str:
    return f"kind {plural!r} is not known.{suggestion(plural, KINDS)}"


def _keys(kind: str, name: str, namespace: str) -> tuple[ResourceKey, ...]:
    """No key stands for a document whose name alone makes it unsupported."""
    if kind == "FelixConfiguration":
        host = configured_host(name)
        return () if host is None else (ResourceKey(Kind.CONFIGURATION, name, host, Encoding.V3),)
    if kind == "ClusterInformation" and name != "default":
        return ()
    return tuple(ResourceKey(part, name, namespace, Encoding.V3) for part in _KEY_KINDS[kind])
