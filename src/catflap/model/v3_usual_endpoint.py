"""The usual v3 host endpoint, read in one go: half the time, for the objects that a fleet has most of.

It has the fields that every tool writes, each with a valid value. Any other document, valid or not, is left to
`catflap.model.v3_documents`, which alone knows what is wrong with it. The result must be what that would give.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from catflap.model.addresses import canonical_address
from catflap.model.names import is_identifier, is_interface_name, is_label_name
from catflap.model.resources import HostEndpoint
from catflap.model.shared_labels import with_shared_values


class _Metadata(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    name: str
    labels: dict[str, str] = {}
    uid: Any = None
    creation_timestamp: Any = None
    generation: Any = None
    resource_version: Any = None


class _Spec(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    node: str
    interface_name: str
    expected_ips: list[str] = msgspec.field(name="expectedIPs", default_factory=list)
    profiles: list[str] = []


class _Document(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    kind: Literal["HostEndpoint"]
    api_version: Literal["projectcalico.org/v3"]
    metadata: _Metadata
    spec: _Spec


_DECODER = msgspec.json.Decoder(_Document)


def usual_host_endpoint(name: str, raw: bytes) -> HostEndpoint | None:
    """The endpoint in a document whose key has a valid ``name``; None if it is not the usual one."""
    try:
        document = _DECODER.decode(raw)
        expected_ips = tuple(dict.fromkeys(map(canonical_address, document.spec.expected_ips)))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if document.metadata.name != name or not _is_valid(document):
        return None
    return HostEndpoint(
        name=name,
        node=document.spec.node,
        interfaces=(document.spec.interface_name,),
        expected_ips=expected_ips,
        labels=with_shared_values(document.metadata.labels),
        profiles=tuple(document.spec.profiles),
    )


def _is_valid(document: _Document) -> bool:
    spec = document.spec
    return (
        spec.node != ""
        and is_interface_name(spec.interface_name)
        and all(map(is_label_name, document.metadata.labels))
        and all(map(is_identifier, spec.profiles))
    )
