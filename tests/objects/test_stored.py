from __future__ import annotations

import json
from typing import Any

import pytest
from tests.objects.documents import document, endpoint, policy, stored

from catflap.model import V1_ROOT, V3_ROOT
from catflap.objects.stored import StoredObject, Subject, Tree, stored_objects
from catflap.store import Entry


def objects(entries: dict[str, bytes]) -> list[StoredObject]:
    """As of a store in which the n-th entry has version n."""
    return stored_objects(
        {path: Entry(value, number) for number, (path, value) in enumerate(entries.items(), 1)}
    )


def only(entries: dict[str, bytes]) -> StoredObject:
    [found] = objects(entries)
    return found


def v1(path: str, value: Any) -> dict[str, bytes]:
    return {f"{V1_ROOT}{path}": json.dumps(value).encode()}


def test_a_document_is_shown_with_its_version() -> None:
    found = only(stored(endpoint()))
    assert (found.subject, found.tree) == (Subject("HostEndpoint", "", "web1-eth0"), Tree.V3)
    assert found.shown() == endpoint(resourceVersion="1")
    assert (found.reasons, found.valid) == ((), True)


def test_the_namespace_is_shown_where_the_document_leaves_it_to_the_key() -> None:
    path = f"{V3_ROOT}networkpolicies/shop/a"
    found = only({path: json.dumps(document("NetworkPolicy", "a")).encode()})
    assert found.subject == Subject("NetworkPolicy", "shop", "a")
    assert (found.shown() or {})["metadata"] == {"namespace": "shop", "name": "a", "resourceVersion": "1"}


@pytest.mark.parametrize(
    ("subject", "title", "text"),
    [
        (Subject("HostEndpoint", "", "a"), "hostendpoint/a", "hostendpoint/a"),
        (Subject("NetworkPolicy", "default", "a"), "networkpolicy/a", "networkpolicy/a"),
        (Subject("NetworkPolicy", "shop", "a"), "networkpolicy/a", "networkpolicy/a in namespace shop"),
    ],
)
def test_what_objects_are_called(subject: Subject, title: str, text: str) -> None:
    assert (subject.title, str(subject)) == (title, text)


def test_an_invalid_document_is_shown_with_the_reasons() -> None:
    found = only(stored(document("HostEndpoint", "a", {"node": 7})))
    assert not found.valid
    assert any("spec.node" in reason for reason in found.reasons)
    assert found.shown() == document("HostEndpoint", "a", {"node": 7}, resourceVersion="1")


@pytest.mark.parametrize("value", [b"{", b"[]", b"\xff", b""])
def test_what_is_no_document_at_all_is_not_hidden(value: bytes) -> None:
    found = only({f"{V3_ROOT}hostendpoints/a": value})
    assert found.subject == Subject("HostEndpoint", "", "a")
    assert (found.shown(), found.valid, found.labels) == (None, False, {})
    assert found.reasons


@pytest.mark.parametrize("labels", [None, "x", {"a": 1}, ["a"]])
def test_odd_labels_are_none(labels: object) -> None:
    assert only(stored(endpoint(labels=labels))).labels == {}


def test_kinds_that_mean_nothing_to_agents_are_objects_too() -> None:
    assert only(stored(document("IPPool", "a"))).valid


def test_what_is_no_object() -> None:
    assert (
        objects(
            {f"{V3_ROOT}wrong/a": b"{}", f"{V3_ROOT}tiers/a/b": b"{}", f"{V1_ROOT}ipam/x": b"1", "/x": b""}
        )
        == []
    )


def test_the_v1_tree_in_the_form_of_documents() -> None:
    found = only(v1("host/web1/endpoint/eth0", {"name": "eth0", "expected_ipv4_addrs": ["192.0.2.1"]}))
    assert (found.subject, found.tree) == (Subject("HostEndpoint", "", "web1.eth0"), Tree.V1)
    assert found.document is not None
    assert found.document["spec"] == {"node": "web1", "interfaceName": "eth0", "expectedIPs": ["192.0.2.1"]}


def test_the_parts_of_a_profile_are_one_object() -> None:
    rules = {"inbound_rules": [{"action": "allow"}], "outbound_rules": []}
    found = only(v1("policy/profile/base/rules", rules) | v1("policy/profile/base/labels", {"a": "b"}))
    assert found.subject == Subject("Profile", "", "base")
    assert found.document is not None
    assert found.document["spec"] == {"ingress": [{"action": "Allow"}], "labelsToApply": {"a": "b"}}
    assert found.resource_version == "2-1"


def test_the_parameters_of_a_host_are_one_object() -> None:
    found = objects(
        v1("config/LogSeverityScreen", "x") | v1("config/Other", "y") | v1("host/web1/config/Other", "z")
    )
    assert [(each.subject.name, len(each.entries)) for each in found] == [("default", 2), ("node.web1", 1)]


def test_what_no_document_can_say_is_told() -> None:
    found = only(v1("policy/profile/base/tags", ["a"]))
    assert (found.subject, found.document, found.valid) == (Subject("Profile", "", "base"), None, True)
    assert "tags" in " ".join(found.reasons)


def test_an_invalid_object_of_the_v1_tree() -> None:
    found = only(v1("host/web1/endpoint/eth0", {"name": 7}))
    assert (found.subject, found.document, found.valid) == (
        Subject("HostEndpoint", "", "web1.eth0"),
        None,
        False,
    )
    assert found.reasons


def test_two_trees_are_two_objects() -> None:
    both = stored(policy()) | v1("policy/tier/default/policy/ssh", {"order": 1, "inbound_rules": []})
    assert [each.tree for each in objects(both)] == [Tree.V3, Tree.V1]
