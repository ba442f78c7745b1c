"""What all documents have in common."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from catflap.model.resources import HostEndpoint, NetworkSet, Resource, Tier
from catflap.model.v3_documents import (
    API_VERSION,
    KINDS,
    NAME_ANNOTATION,
    PLURALS,
    V3_ROOT,
    DocumentError,
    document_path,
    read_document,
)
from catflap.model.validation import InvalidObjectError


def document(kind: str, metadata: Any, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata} | fields


@pytest.mark.parametrize(
    ("kind", "plural"),
    [
        ("HostEndpoint", "hostendpoints"),
        ("GlobalNetworkPolicy", "globalnetworkpolicies"),
        ("Tier", "tiers"),
        ("Profile", "profiles"),
        ("FelixConfiguration", "felixconfigurations"),
        ("ClusterInformation", "clusterinformations"),
        ("GlobalNetworkSet", "globalnetworksets"),
        ("StagedGlobalNetworkPolicy", "stagedglobalnetworkpolicies"),
        ("KubeControllersConfiguration", "kubecontrollersconfigurations"),
        ("IPPool", "ippools"),
        ("Node", "nodes"),
        ("BGPFilter", "bgpfilters"),
    ],
)
def test_documents_are_stored_by_kind_and_name(kind: str, plural: str) -> None:
    assert document_path(document(kind, {"name": "a.B_c-1"})) == f"{V3_ROOT}{plural}/a.B_c-1"
    assert KINDS[plural] == kind


@pytest.mark.parametrize("kind", ["NetworkPolicy", "NetworkSet", "WorkloadEndpoint"])
def test_namespaced_documents(kind: str) -> None:
    assert document_path(document(kind, {"name": "n", "namespace": "s"})) == f"{V3_ROOT}{PLURALS[kind]}/s/n"
    assert document_path(document(kind, {"name": "n"})) == f"{V3_ROOT}{PLURALS[kind]}/default/n"


@pytest.mark.parametrize(
    ("value", "reasons"),
    [
        (
            {},
            (
                "kind: is missing.",
                f"apiVersion: is missing; write '{API_VERSION}'.",
                "metadata.name: is missing.",
            ),
        ),
        (
            document("HostEndPoint", {"name": "x"}),
            ("kind: 'HostEndPoint' is not known. Did you mean 'HostEndpoint'?",),
        ),
        (
            document("Tier", {"name": "a/b"}),
            ("metadata.name: 'a/b' is not a name; use up to 253 letters, digits, '.', '-' and '_'.",),
        ),
        (
            document("Tier", {"name": 1}),
            ("metadata.name: expected a string, got 1.", "metadata.name: is missing."),
        ),
        (
            document("Tier", {"name": "x"}, apiVersion="v1"),
            (f"apiVersion: is 'v1'; write '{API_VERSION}'.",),
        ),
        (document("Tier", []), ("metadata: expected an object, got [].", "metadata.name: is missing.")),
    ],
)
def test_documents_without_a_place(value: Any, reasons: tuple[str, ...]) -> None:
    with pytest.raises(DocumentError) as caught:
        document_path(value)

    assert caught.value.reasons == reasons


@pytest.mark.parametrize("value", [None, [], "text", 5])
def test_not_documents(value: Any) -> None:
    with pytest.raises(DocumentError):
        document_path(value)


def read(value: Any, key_name: str = "x", kind: str = "Tier", namespace: str = "") -> tuple[Resource, ...]:
    return read_document(kind, key_name, namespace, msgspec.json.encode(value))


def test_only_the_metadata_that_matters_is_needed() -> None:
    assert read({}) == (Tier("x", 1_000_000),)


def test_bookkeeping_and_status_are_skipped() -> None:
    metadata: dict[str, Any] = {
        "name": "x",
        "uid": "1",
        "creationTimestamp": None,
        "managedFields": [{}],
        "labels": {"a": "b"},
    }

    assert read(document("Tier", metadata, spec={"order": 1}, status={"any": 1})) == (Tier("x", 1),)


def test_labels_come_from_the_metadata() -> None:
    value = document("HostEndpoint", {"labels": {"a": "b"}}, spec={"node": "n", "interfaceName": "e"})

    assert read(value, kind="HostEndpoint") == (HostEndpoint("x", "n", ("e",), labels={"a": "b"}),)


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        ('{"name": "x"}', "x"),
        ('{"name": "x", "labels": {"x": 1}}', "x"),
        ('{"name": "other"}', "default.x"),
        ('{"name": "a b"}', "default.x"),
        ('{"name": 1}', "default.x"),
        ("{}", "default.x"),
        ("not JSON", "default.x"),
        ("[" * 100_000, "default.x"),
    ],
)
def test_the_authors_name_is_in_an_annotation(annotation: str, name: str) -> None:
    value = document("Tier", {"name": "x", "annotations": {NAME_ANNOTATION: annotation}})

    assert read(value, "default.x") == (Tier(name, 1_000_000),)


@pytest.mark.parametrize(
    ("value", "reasons"),
    [
        ([], ("document: expected an object, got [].",)),
        (None, ("document: expected an object, got None.",)),
        (document("Tiers", {}), ("kind: is 'Tiers', but its key is that of a Tier.",)),
        (document("Tier", {}, apiVersion="v9"), (f"apiVersion: is 'v9'; write '{API_VERSION}'.",)),
        (document("Tier", {"name": "y"}), ("metadata.name: is 'y', but the key says 'x'.",)),
        (document("Tier", {"lables": {}}), ("metadata.lables: unknown field. Did you mean 'labels'?",)),
        (
            document("Tier", {"labels": {"a": 1}}),
            ("metadata.labels: value of 'a': expected a string, got 1.",),
        ),
        (document("Tier", {}, spce={}), ("spce: unknown field. Did you mean 'spec'?",)),
        (document("Tier", {}, spec=[]), ("spec: expected an object, got [].",)),
    ],
)
def test_refused_documents(value: Any, reasons: tuple[str, ...]) -> None:
    with pytest.raises(InvalidObjectError) as caught:
        read(value)

    assert caught.value.reasons == reasons


def test_the_name_in_the_key_is_checked() -> None:
    with pytest.raises(InvalidObjectError, match=r"metadata\.name: 'a b' is not a name"):
        read({}, "a b")


@pytest.mark.parametrize("metadata", [{}, {"namespace": None}, {"namespace": "ns"}])
def test_the_namespace_is_that_of_the_key(metadata: dict[str, Any]) -> None:
    (resource,) = read(document("NetworkSet", metadata), kind="NetworkSet", namespace="ns")

    assert isinstance(resource, NetworkSet)
    assert resource.labels == {"projectcalico.org/namespace": "ns"}


@pytest.mark.parametrize(
    ("namespace", "written", "reason"),
    [
        ("ns", "other", "metadata.namespace: is 'other', but the key says 'ns'."),
        ("ns", "", "metadata.namespace: is '', but the key says 'ns'."),
        ("ns", 1, "metadata.namespace: expected a string, got 1."),
        (
            "a'\"",
            None,
            "metadata.namespace: 'a\\'\"' is not a name; use up to 253 letters, digits, '.', '-' and '_'.",
        ),
    ],
)
def test_refused_namespaces(namespace: str, written: Any, reason: str) -> None:
    with pytest.raises(InvalidObjectError) as caught:
        read(document("NetworkSet", {"namespace": written}), kind="NetworkSet", namespace=namespace)

    assert caught.value.reasons == (reason,)


def test_the_namespace_of_a_kind_without_any_is_skipped() -> None:
    assert read(document("Tier", {"namespace": "default"})) == (Tier("x", 1_000_000),)
