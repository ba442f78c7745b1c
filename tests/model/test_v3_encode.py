"""Resources to documents: what was written is read as what it was, and goes back to where it came from."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from tests.model.corpus import PAIRS, V1, V1_ENTRIES, V3, V3_ENTRIES
from tests.model.vocabulary import ANY, PLAIN, Stored

from catflap.model import (
    Encoding,
    NotRepresentableError,
    ReadyFlag,
    Resource,
    decode,
    document_path,
    encode_v1,
    encode_v3,
    merged_documents,
    v3_name,
)
from catflap.prove import v3_documents
from catflap.prove.draw import Draw


def stored(path: str, value: Any) -> list[Stored]:
    raw = value.encode() if path.startswith(V1) and isinstance(value, str) else msgspec.json.encode(value)
    decoded = decode(path, raw)
    assert decoded.problems == ()
    return [(each.key, each.resource) for each in decoded.changes if each.resource is not None]


def read(document: dict[str, Any]) -> list[Stored]:
    return stored(document_path(document), document)


def of_kind(entries: list[Stored], resource: Resource) -> Resource:
    """The documents of a profile's parts hold the other part, too: empty."""
    [found] = [each for _, each in entries if type(each) is type(resource)]
    return found


def refusal(path: str, value: Any) -> tuple[str, ...]:
    [(key, resource)] = stored(path, value)
    with pytest.raises(NotRepresentableError) as caught:
        encode_v3(key, resource)
    return caught.value.reasons


@settings(max_examples=300)
@given(PLAIN)
def test_what_both_encodings_can_say_is_read_as_what_was_written(entry: Stored) -> None:
    assert of_kind(read(encode_v3(*entry)), entry[1]) == entry[1]


@settings(max_examples=300)
@given(ANY)
def test_whatever_is_not_refused_is_read_as_what_was_written(entry: Stored) -> None:
    try:
        document = encode_v3(*entry)
    except NotRepresentableError:
        return

    assert of_kind(read(document), entry[1]) == entry[1]
    if entry[0].encoding is Encoding.V3:
        assert entry in read(document)


@settings(max_examples=200)
@given(ANY)
def test_what_is_shown_goes_back_to_where_it_was(entry: Stored) -> None:
    key, resource = entry
    try:
        document, before = encode_v3(key, resource), encode_v1(key, resource)
    except NotRepresentableError:
        return

    [again] = [found for found in read(document) if type(found[1]) is type(resource)]
    assert encode_v1(*again) == before


@pytest.mark.parametrize("path", V3_ENTRIES)
def test_a_document_is_written_under_its_own_name(path: str) -> None:
    entries = stored(path, V3_ENTRIES[path])

    [document] = merged_documents(encode_v3(key, resource) for key, resource in entries)

    assert document_path(document) == path
    assert read(document) == entries


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_entries_become_the_document_that_means_the_same(pair: Any) -> None:
    entries = [entry for path, value in pair.v1.items() for entry in stored(path, value)]

    [document] = merged_documents(encode_v3(key, resource) for key, resource in entries)

    assert [each for _, each in read(document)] == [each for _, each in stored(pair.v3_path, pair.v3)]


@pytest.mark.parametrize("seed", range(40))
def test_drawn_documents_are_written_as_they_mean(seed: int) -> None:
    draw = Draw(f"encode/{seed}")
    makers = (
        v3_documents.host_endpoint,
        v3_documents.policy,
        v3_documents.network_policy,
        v3_documents.network_set,
        v3_documents.tier,
        v3_documents.profile,
    )
    for make in makers:
        entries = read(make(draw, "x"))
        [document] = merged_documents(encode_v3(key, resource) for key, resource in entries)
        assert read(document) == entries


def test_a_host_endpoint_of_the_guide_as_a_document() -> None:
    value = {
        "name": "eth0",
        "expected_ipv4_addrs": ["192.0.2.1"],
        "labels": {"role": "web"},
        "profile_ids": ["base"],
    }

    [entry] = stored(f"{V1}host/web1/endpoint/eth0", value)

    assert msgspec.json.encode(encode_v3(*entry)) == msgspec.json.encode(
        {
            "apiVersion": "projectcalico.org/v3",
            "kind": "HostEndpoint",
            "metadata": {
                "name": "web1.eth0",
                "labels": {"role": "web"},
                "annotations": {"projectcalico.org/metadata": '{"name":"eth0"}'},
            },
            "spec": {
                "node": "web1",
                "interfaceName": "eth0",
                "expectedIPs": ["192.0.2.1"],
                "profiles": ["base"],
            },
        }
    )


def test_the_parts_of_a_profile_and_all_parameters_are_one_document_each() -> None:
    entries = {
        f"{V1}policy/profile/p/labels": {"a": "b"},
        f"{V1}config/LogSeverityFile": "Info",
        f"{V1}policy/profile/p/rules": {"inbound_rules": [{}]},
        f"{V1}host/h/config/LogSeverityFile": "Debug",
        f"{V1}config/LogFilePath": "none",
        f"{V1}policy/profile/q/labels": {},
    }

    documents = merged_documents(
        encode_v3(key, resource) for path, value in entries.items() for key, resource in stored(path, value)
    )

    assert [(each["metadata"]["name"], each["spec"]) for each in documents] == [
        ("p", {"labelsToApply": {"a": "b"}, "ingress": [{"action": "Allow"}]}),
        ("default", {"LogSeverityFile": "Info", "LogFilePath": "none"}),
        ("node.h", {"LogSeverityFile": "Debug"}),
        ("q", {}),
    ]


def test_documents_that_happen_to_have_one_name_are_not_merged() -> None:
    entries = [*stored(f"{V1}policy/tier/c/policy/a.b", {"selector": ""})]
    entries += stored(f"{V1}policy/tier/c.a/policy/b", {"selector": ""})
    documents = [encode_v3(key, resource) for key, resource in entries]

    assert {document["metadata"]["name"] for document in documents} == {"c.a.b"}
    assert merged_documents(documents) == documents


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (
            "policy/profile/p/tags",
            ["a"],
            "tags: v3 documents have none; give the profile a label for each, and select that.",
        ),
        (
            "policy/tier/t/metadata",
            {},
            "order: comes after every number, which no v3 tier can; give the tier a number.",
        ),
        (
            "host/web 1/endpoint/eth0",
            {"name": "eth0"},
            (
                "metadata.name: 'web 1.eth0' is not a name of v3 documents; "
                "use up to 253 letters, digits, '.', '-' and '_'."
            ),
        ),
        (
            "host/h/workload/docker/w/endpoint/e",
            {"state": "active", "name": "cali1"},
            (
                "labels.projectcalico.org/namespace: a v3 document for this is in a namespace, and '' is not the "
                "name of one; use up to 253 letters, digits, '.', '-' and '_'."
            ),
        ),
    ],
)
def test_what_only_the_guides_encoding_says_is_refused(path: str, value: Any, reason: str) -> None:
    assert refusal(V1 + path, value) == (reason,)


def test_a_ready_flag_that_is_neither_is_refused() -> None:
    [(key, _)] = stored(f"{V1}Ready", "true")

    with pytest.raises(NotRepresentableError, match="'maybe' is neither true nor false"):
        encode_v3(key, ReadyFlag(ready=False, text="maybe"))


def test_all_kinds_that_the_guide_has_are_shown() -> None:
    """Everything in the corpus but tags, and what has tags, a log prefix or no namespace."""
    refused = []
    for path, value in V1_ENTRIES.items():
        for key, resource in stored(path, value):
            try:
                document = encode_v3(key, resource)
            except NotRepresentableError:
                refused.append(path.removeprefix(V1))
            else:
                assert document["metadata"]["name"] == v3_name(key)
                assert {each.encoding for each, _ in read(document)} == {Encoding.V3}

    assert refused == [
        "host/h/workload/docker/w1/endpoint/e1",
        "policy/tier/t/policy/p",
        "policy/profile/p/rules",
        "policy/profile/p/tags",
    ]


def test_documents_are_not_of_the_root_of_another_encoding() -> None:
    assert document_path(encode_v3(*stored(f"{V1}Ready", "true")[0])) == f"{V3}clusterinformations/default"
