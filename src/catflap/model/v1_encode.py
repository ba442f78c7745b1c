"""Resources as the guide's encoding stores them, for stores that hold nothing else: the opposite of `v1_keys`.

The encoding says less than ``projectcalico.org/v3`` does. Nothing may be left out silently: what cannot be said is
refused, in the words of the document that it comes from. It cannot say

=========================================== ==================================================================
whole kinds                                 GlobalNetworkSet, NetworkSet, NetworkPolicy, Node,
                                            StagedGlobalNetworkPolicy
``HostEndpoint`` ``spec.nodeSelector``      an endpoint is of one host
``HostEndpoint`` ``spec.interfaceName``     more than one of them
``WorkloadEndpoint`` ``spec``               ``allowSpoofedSourcePrefixes``
``Tier`` ``spec.defaultAction: Pass``       every tier ends with Deny
rules ``metadata.annotations``              rules have none
rules ``nets``, ``notNets``                 networks of an IP version that the rule is not for
``FelixConfiguration``                      parameters that are lists or objects
names                                       that begin with ``_``, which etcd's v2 API hides, and ``.``, ``..``
=========================================== ==================================================================

The order of addresses is not kept (IPv4 comes first), nor that of port numbers and port names: neither has a meaning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import msgspec

from catflap.model.encoded_values import USE_ETCD3, Gaps, NotRepresentableError
from catflap.model.resources import (
    ConfigurationValues,
    Encoding,
    HostEndpoint,
    Policy,
    ProfileLabels,
    ProfileRules,
    ProfileTags,
    ReadyFlag,
    Resource,
    ResourceKey,
    Tier,
    WorkloadEndpoint,
)
from catflap.model.v1_encode_endpoints import encode_host_endpoint, encode_workload_endpoint
from catflap.model.v1_encode_policies import encode_policy, encode_profile_rules, encode_tier
from catflap.model.v1_keys import V1_ROOT
from catflap.model.v3_encode_names import document_kind, v1_workload
from catflap.model.validation import show

_Segments: TypeAlias = tuple[str, ...]

_NO_SEGMENTS: Final = frozenset({"", ".", ".."})


def encode_v1(key: ResourceKey, resource: Resource) -> list[tuple[str, bytes]]:
    """The paths below `V1_ROOT` that say what the resource does, each with its value.

    It is one path, but for a configuration, which has one for each parameter. ``key`` may be of either encoding.

    Raises:
        NotRepresentableError: the encoding cannot say it; with the reason for every field.
    """
    gaps = Gaps()
    if isinstance(resource, ConfigurationValues):
        entries = list(_parameters(key, resource, gaps))
    else:
        entries = [_entry(key, resource, gaps)]
    for segments, _ in entries:
        _check_path(segments, resource, gaps)
    gaps.raise_if_any()
    return [(V1_ROOT + "/".join(segments), value) for segments, value in entries]


def _entry(key: ResourceKey, resource: Resource, gaps: Gaps) -> tuple[_Segments, bytes]:
    if isinstance(resource, ReadyFlag):
        return ("Ready",), resource.text.encode()
    path, value = _json(key, resource, gaps)
    return path, msgspec.json.encode(value)


def _json(key: ResourceKey, resource: Resource, gaps: Gaps) -> tuple[_Segments, Any]:
    """The path, and the value as it is before it becomes JSON."""
    match resource:
        case HostEndpoint(name=name, node=node):
            host = "*" if node is None else node  # that of several hosts is refused
            return ("host", host, "endpoint", name), encode_host_endpoint(resource, gaps)
        case WorkloadEndpoint(name=name, node=node):
            path = ("host", node, "workload", *v1_workload(key, resource), "endpoint", name)
            return path, encode_workload_endpoint(resource, gaps)
        case Policy(name=name, tier=tier) if not key.namespace:
            return ("policy", "tier", tier, "policy", name), encode_policy(resource, gaps)
        case Tier(name=name):
            return ("policy", "tier", name, "metadata"), encode_tier(resource, gaps)
        case ProfileRules(name=name):
            return ("policy", "profile", name, "rules"), encode_profile_rules(resource, gaps)
        case ProfileTags(name=name, tags=tags):
            return ("policy", "profile", name, "tags"), sorted(tags)
        case ProfileLabels(name=name, labels=labels):
            return ("policy", "profile", name, "labels"), labels
        case _:
            raise NotRepresentableError((f"kind: /calico/v1 has no {document_kind(key)}; {USE_ETCD3}.",))


def _parameters(
    key: ResourceKey, configuration: ConfigurationValues, gaps: Gaps
) -> Iterator[tuple[_Segments, bytes]]:
    """Each parameter by itself. A v3 name gets the capital letter of the guide's names; the agent reads any case."""
    host = configuration.host
    path: _Segments = ("config",) if host is None else ("host", host, "config")
    for name, value in configuration.values.items():
        if isinstance(value, list | dict):
            gaps.add(f"spec.{name}", "a parameter in /calico/v1 is text", f"write it as text, or {USE_ETCD3}")
        else:
            v1_name = name if key.encoding is Encoding.V1 else name[:1].upper() + name[1:]
            yield (*path, v1_name), _text(value).encode()


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _check_path(segments: _Segments, resource: Resource, gaps: Gaps) -> None:
    """The v2 API of etcd hides whatever begins with an underscore, and walks up and down with dots."""
    for segment in segments:
        if segment in _NO_SEGMENTS or segment.startswith("_") or "/" in segment:
            why = f"{show(segment)} cannot be a part of a path in etcd's v2 API"
            gaps.add(_field_of(segment, resource), why, "choose another name")


def _field_of(segment: str, resource: Resource) -> str:
    """The field of the document that a part of the path comes from."""
    if isinstance(resource, ConfigurationValues):
        return "spec"
    fields = (name for name in ("node", "tier") if getattr(resource, name, None) == segment)
    return next((f"spec.{name}" for name in fields), "metadata.name")
