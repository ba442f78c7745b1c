"""The model: what can be stored, in one vocabulary, and how both wire encodings are read into it.

The *guide* is "Using Calico to Secure Host Interfaces", and the *old system* the one that it belongs to, with its agent
Felix 1.4. Pure: nothing here opens a file or a connection, and nothing here knows what a kernel is.
"""

from __future__ import annotations

from catflap.model.decode import decode
from catflap.model.decoded import Decoded, Problem, ResourceChange
from catflap.model.encoded_values import NotRepresentableError
from catflap.model.resources import (
    Action,
    ConfigurationValues,
    Direction,
    Encoding,
    EndpointPort,
    HostEndpoint,
    IcmpMatch,
    Kind,
    NetworkSet,
    Node,
    Peer,
    Policy,
    PolicyKind,
    PortRange,
    ProfileLabels,
    ProfileRules,
    ProfileTags,
    ReadyFlag,
    Resource,
    ResourceKey,
    Rule,
    StagedPolicy,
    Tier,
    WorkloadEndpoint,
)
from catflap.model.selector import Selector, SelectorError, parse_selector
from catflap.model.v1_encode import encode_v1
from catflap.model.v1_keys import V1_ROOT
from catflap.model.v3_defaults import filled, with_bookkeeping
from catflap.model.v3_documents import V3_ROOT, DocumentError, document_path
from catflap.model.v3_encode import encode_v3, merged_documents
from catflap.model.v3_encode_names import v3_name

__all__ = [
    "V1_ROOT",
    "V3_ROOT",
    "Action",
    "ConfigurationValues",
    "Decoded",
    "Direction",
    "DocumentError",
    "Encoding",
    "EndpointPort",
    "HostEndpoint",
    "IcmpMatch",
    "Kind",
    "NetworkSet",
    "Node",
    "NotRepresentableError",
    "Peer",
    "Policy",
    "PolicyKind",
    "PortRange",
    "Problem",
    "ProfileLabels",
    "ProfileRules",
    "ProfileTags",
    "ReadyFlag",
    "Resource",
    "ResourceChange",
    "ResourceKey",
    "Rule",
    "Selector",
    "SelectorError",
    "StagedPolicy",
    "Tier",
    "WorkloadEndpoint",
    "decode",
    "document_path",
    "encode_v1",
    "encode_v3",
    "filled",
    "merged_documents",
    "parse_selector",
    "v3_name",
    "with_bookkeeping",
]
