"""Resources to ``/calico/v1``: what was written is read as what it was."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from tests.model.corpus import PAIRS, V1, V1_ENTRIES, V3, V3_ENTRIES
from tests.model.vocabulary import ANY, PLAIN, Stored, v4_first

from catflap.model import (
    ConfigurationValues,
    HostEndpoint,
    NotRepresentableError,
    Resource,
    WorkloadEndpoint,
    decode,
    document_path,
    encode_v1,
)
from catflap.prove import v3_documents
from catflap.prove.draw import Draw

ONLY_V3 = "use etcd:// for it."


def read(entries: Iterable[tuple[str, bytes]]) -> list[Stored]:
    found: list[Stored] = []
    for path, value in entries:
        decoded = decode(path, value)
        assert decoded.problems == ()
        found += [(each.key, each.resource) for each in decoded.changes if each.resource is not None]
    return found


def in_v1_order(resource: Resource) -> Resource:
    """The same, as the encoding has it: one list of addresses for each IP version."""
    match resource:
        case HostEndpoint(expected_ips=addresses):
            return msgspec.structs.replace(resource, expected_ips=v4_first(addresses))
        case WorkloadEndpoint(addresses=addresses):
            return msgspec.structs.replace(resource, addresses=v4_first(addresses))
        case _:
            return resource


def stored(path: str, value: Any) -> list[Stored]:
    return read(
        [
            (
                path,
                value.encode()
                if path.startswith(V1) and isinstance(value, str)
                else msgspec.json.encode(value),
            )
        ]
    )


def document(kind: str, spec: Any, name: str = "x", **metadata: str) -> list[Stored]:
    whole = {
        "apiVersion": "projectcalico.org/v3",
        "kind": kind,
        "metadata": {"name": name, **metadata},
        "spec": spec,
    }
    return stored(document_path(whole), whole)


def refusal(entries: list[Stored]) -> tuple[str, ...]:
    [entry] = entries
    with pytest.raises(NotRepresentableError) as caught:
        encode_v1(*entry)
    return caught.value.reasons


def read_again(entry: Stored) -> Resource | None:
    """What stands in the paths that the resource was written to; None if it was refused."""
    try:
        written = encode_v1(*entry)
    except NotRepresentableError:
        return None
    [(_, resource)] = read(written)
    return resource


@settings(max_examples=300)
@given(PLAIN)
def test_what_both_encodings_can_say_is_read_as_what_was_written(entry: Stored) -> None:
    [(_, again)] = read(encode_v1(*entry))

    assert again == in_v1_order(entry[1])


@settings(max_examples=300)
@given(ANY)
def test_whatever_is_not_refused_is_read_as_what_was_written(entry: Stored) -> None:
    assert read_again(entry) in (None, in_v1_order(entry[1]))


@pytest.mark.parametrize("path", V1_ENTRIES)
def test_what_is_stored_in_this_encoding_goes_back_to_its_path(path: str) -> None:
    [(key, resource)] = stored(path, V1_ENTRIES[path])

    [(again, value)] = encode_v1(key, resource)

    assert again == path
    assert read([(again, value)]) == [(key, resource)]


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_a_document_becomes_the_entries_that_mean_the_same(pair: Any) -> None:
    written = [entry for key, resource in stored(pair.v3_path, pair.v3) for entry in encode_v1(key, resource)]
    expected = [found for path, value in pair.v1.items() for found in stored(path, value)]

    assert [resource for _, resource in read(written)] == [resource for _, resource in expected]


@pytest.mark.parametrize("seed", range(40))
def test_drawn_documents_mean_the_same_in_this_encoding(seed: int) -> None:
    draw = Draw(f"encode/{seed}")
    makers = (v3_documents.host_endpoint, v3_documents.policy, v3_documents.tier, v3_documents.profile)
    for make in makers:
        drawn = make(draw, "x")
        for entry in stored(document_path(drawn), drawn):
            assert read_again(entry) in (None, in_v1_order(entry[1]))


def test_paths_and_values_are_those_of_the_guide() -> None:
    ports = [{"name": "http", "protocol": "TCP", "port": 80}]
    spec = {
        "node": "h",
        "interfaceName": "eth0",
        "expectedIPs": ["2001:db8::1", "192.0.2.1"],
        "profiles": ["p"],
    }

    [(path, value)] = encode_v1(*document("HostEndpoint", {**spec, "ports": ports})[0])

    assert path == f"{V1}host/h/endpoint/x"
    assert msgspec.json.decode(value) == {
        "name": "eth0",
        "expected_ipv4_addrs": ["192.0.2.1"],
        "expected_ipv6_addrs": ["2001:db8::1"],
        "profile_ids": ["p"],
        "ports": [{"name": "http", "protocol": "tcp", "port": 80}],
    }


@pytest.mark.parametrize(
    ("kind", "metadata", "spec", "has_none"),
    [
        ("GlobalNetworkSet", {}, {}, "GlobalNetworkSet"),
        ("NetworkSet", {"namespace": "ns"}, {}, "NetworkSet"),
        ("NetworkPolicy", {"namespace": "ns"}, {}, "NetworkPolicy"),
        ("Node", {}, {}, "Node"),
        ("StagedGlobalNetworkPolicy", {}, {}, "StagedGlobalNetworkPolicy"),
    ],
)
def test_kinds_that_do_not_exist_there_are_refused(
    kind: str, metadata: Any, spec: Any, has_none: str
) -> None:
    assert refusal(document(kind, spec, **metadata)) == (f"kind: /calico/v1 has no {has_none}; {ONLY_V3}",)


@pytest.mark.parametrize(
    ("kind", "name", "spec", "field", "part"),
    [
        ("GlobalNetworkPolicy", "_x", {}, "metadata.name", "_x"),
        ("GlobalNetworkPolicy", "..", {}, "metadata.name", ".."),
        ("GlobalNetworkPolicy", "x", {"tier": "."}, "spec.tier", "."),
        ("HostEndpoint", "x", {"node": "a/../b", "interfaceName": "eth0"}, "spec.node", "a/../b"),
        ("FelixConfiguration", "default", {"_x": "y"}, "spec", "_x"),
    ],
)
def test_names_that_the_old_api_hides_or_resolves_are_refused(
    kind: str, name: str, spec: Any, field: str, part: str
) -> None:
    reason = f"{field}: {part!r} cannot be a part of a path in etcd's v2 API; choose another name."

    assert refusal(document(kind, spec, name)) == (reason,)


def test_every_reason_is_given() -> None:
    spec = {"nodeSelector": "all()", "interfaceName": ["eth0", "eth1"]}

    assert [reason.split(":")[0] for reason in refusal(document("HostEndpoint", spec))] == [
        "spec.nodeSelector",
        "spec.interfaceName",
    ]


def test_each_parameter_of_a_configuration_is_an_entry_of_its_own() -> None:
    values = {"logSeverityFile": "Info", "endpointReportingEnabled": True, "reportingInterval": 30}

    assert [encode_v1(*entry) for entry in document("FelixConfiguration", values, "default")] == [
        [
            (f"{V1}config/LogSeverityFile", b"Info"),
            (f"{V1}config/EndpointReportingEnabled", b"true"),
            (f"{V1}config/ReportingInterval", b"30"),
        ]
    ]
    assert [path for path, _ in encode_v1(*document("FelixConfiguration", {"a": "b"}, "node.h")[0])] == [
        f"{V1}host/h/config/A"
    ]


def test_a_parameter_that_is_no_text_is_refused() -> None:
    assert refusal(document("FelixConfiguration", {"failsafeInboundHostPorts": []}, "default")) == (
        f"spec.failsafeInboundHostPorts: a parameter in /calico/v1 is text; write it as text, or {ONLY_V3}",
    )


def test_a_stored_parameter_keeps_the_case_of_its_name() -> None:
    key = stored(f"{V1}config/logSeverityFile", "Info")[0][0]

    assert encode_v1(key, ConfigurationValues(None, {"logSeverityFile": "Debug"})) == [
        (f"{V1}config/logSeverityFile", b"Debug")
    ]


def test_a_profile_is_its_rules_and_its_labels() -> None:
    entries = document("Profile", {"labelsToApply": {"a": "b"}, "ingress": [{"action": "Pass"}]})

    assert [entry for key, resource in entries for entry in encode_v1(key, resource)] == [
        (
            f"{V1}policy/profile/x/rules",
            b'{"inbound_rules":[{"action":"next-tier"}],"outbound_rules":[]}',
        ),
        (f"{V1}policy/profile/x/labels", b'{"a":"b"}'),
    ]


def test_only_these_documents_of_the_corpus_are_refused() -> None:
    refused = {}
    for path, value in V3_ENTRIES.items():
        for key, resource in stored(path, value):
            try:
                encode_v1(key, resource)
            except NotRepresentableError as error:
                refused[path.removeprefix(V3)] = [reason.split(":")[0] for reason in error.reasons]

    assert refused == {
        "hostendpoints/many": ["spec.nodeSelector", "spec.interfaceName"],
        "workloadendpoints/ns/x": ["spec.allowSpoofedSourcePrefixes"],
        "globalnetworksets/x": ["kind"],
        "networksets/ns/x": ["kind"],
        "nodes/x": ["kind"],
        "globalnetworkpolicies/x": ["spec.ingress[0].metadata.annotations"],
        "networkpolicies/ns/x": ["kind"],
        "stagedglobalnetworkpolicies/x": ["kind"],
        "stagedglobalnetworkpolicies/gone": ["kind"],
        "tiers/x": ["spec.defaultAction"],
        "profiles/x": ["spec.ingress[0].metadata.annotations"],
        "felixconfigurations/default": ["spec.a"],
    }


def test_a_workload_endpoint_of_a_document_goes_below_its_namespace() -> None:
    spec = {"node": "h", "interfaceName": "cali1", "orchestrator": "k8s"}

    [(path, _)] = encode_v1(*document("WorkloadEndpoint", spec, namespace="ns")[0])

    assert path == f"{V1}host/h/workload/k8s/ns/endpoint/x"
