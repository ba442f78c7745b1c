"""What each path below ``/calico/resources/v3/projectcalico.org/`` stands for."""

from __future__ import annotations

import functools

from catflap.model.resources import Encoding, Kind, ResourceKey
from catflap.model.target import Target
from catflap.model.v3_documents import INTERPRETERS, KINDS, V3_ROOT, read_document
from catflap.model.v3_resources import configured_host

_KEY_KINDS = {
    "HostEndpoint": (Kind.HOST_ENDPOINT,),
    "GlobalNetworkPolicy": (Kind.POLICY,),
    "Tier": (Kind.TIER,),
    "Profile": (Kind.PROFILE_RULES, Kind.PROFILE_LABELS),
    "ClusterInformation": (Kind.READY,),
}


def v3_target(path: str) -> Target | str:
    """What a path below `V3_ROOT` stands for, or why it is not ours."""
    plural, *names = path.removeprefix(V3_ROOT).split("/")
    kind = KINDS.get(plural)
    if kind is None:
        return f"kind {plural!r} is not known"
    if kind not in INTERPRETERS:
        return f"{kind} is not supported"
    if len(names) != 1 or not names[0]:
        return "unknown key"
    name = names[0]
    return Target(f"{kind} {name}", _keys(kind, name), functools.partial(read_document, kind, name))


def _keys(kind: str, name: str) -> tuple[ResourceKey, ...]:
    """No key stands for a document whose name alone makes it unsupported."""
    if kind == "FelixConfiguration":
        host = configured_host(name)
        return () if host is None else (ResourceKey(Kind.CONFIGURATION, name, host, Encoding.V3),)
    if kind == "ClusterInformation" and name != "default":
        return ()
    return tuple(ResourceKey(part, name, "", Encoding.V3) for part in _KEY_KINDS[kind])
