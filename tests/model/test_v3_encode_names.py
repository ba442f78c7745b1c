from __future__ import annotations

import pytest

from catflap.model.resources import (
    ConfigurationValues,
    Encoding,
    Kind,
    ReadyFlag,
    ResourceKey,
    Tier,
    WorkloadEndpoint,
)
from catflap.model.v3_encode_names import authors_name, document_kind, namespace_of, v1_workload, v3_name

V3 = Encoding.V3


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (ResourceKey(Kind.HOST_ENDPOINT, "eth0", "web1"), "web1.eth0"),
        (ResourceKey(Kind.HOST_ENDPOINT, "web1-eth0", "web1"), "web1-eth0"),
        (ResourceKey(Kind.HOST_ENDPOINT, "web1", "web1"), "web1.web1"),
        (ResourceKey(Kind.HOST_ENDPOINT, "web1.eth0", "web1"), "web1.web1.eth0"),
        (ResourceKey(Kind.WORKLOAD_ENDPOINT, "e1", "h/docker/w.1"), "h.docker.w.1.e1"),
        (ResourceKey(Kind.POLICY, "ssh", "default"), "ssh"),
        (ResourceKey(Kind.POLICY, "ssh", "admin"), "admin.ssh"),
        (ResourceKey(Kind.POLICY, "admin.ssh", "admin"), "admin.ssh"),
        (ResourceKey(Kind.TIER, "admin"), "admin"),
        (ResourceKey(Kind.PROFILE_LABELS, "p"), "p"),
        (ResourceKey(Kind.CONFIGURATION, "LogFilePath"), "default"),
        (ResourceKey(Kind.CONFIGURATION, "LogFilePath", "h"), "node.h"),
        (ResourceKey(Kind.READY, "Ready"), "default"),
        (ResourceKey(Kind.POLICY, "x", "ns", V3), "x"),
        (ResourceKey(Kind.HOST_ENDPOINT, "x", "", V3), "x"),
    ],
)
def test_names_of_documents(key: ResourceKey, name: str) -> None:
    assert v3_name(key) == name


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (ResourceKey(Kind.POLICY, "x", "default"), "GlobalNetworkPolicy"),
        (ResourceKey(Kind.POLICY, "x", "", V3), "GlobalNetworkPolicy"),
        (ResourceKey(Kind.POLICY, "x", "ns", V3), "NetworkPolicy"),
        (ResourceKey(Kind.NETWORK_SET, "x", "", V3), "GlobalNetworkSet"),
        (ResourceKey(Kind.NETWORK_SET, "x", "ns", V3), "NetworkSet"),
        (ResourceKey(Kind.WORKLOAD_ENDPOINT, "x", "ns", V3), "WorkloadEndpoint"),
        (ResourceKey(Kind.PROFILE_RULES, "x"), "Profile"),
        (ResourceKey(Kind.PROFILE_TAGS, "x"), "Profile"),
        (ResourceKey(Kind.READY, "x"), "ClusterInformation"),
        (ResourceKey(Kind.CONFIGURATION, "x"), "FelixConfiguration"),
    ],
)
def test_kinds_of_documents(key: ResourceKey, kind: str) -> None:
    assert document_kind(key) == kind


def test_the_authors_name_is_that_of_the_resource() -> None:
    assert authors_name(ResourceKey(Kind.TIER, "x.t", "", V3), Tier("t")) == "t"


def test_what_has_no_name_bears_that_of_its_document() -> None:
    assert authors_name(ResourceKey(Kind.READY, "Ready"), ReadyFlag(ready=True, text="true")) == "default"
    assert authors_name(ResourceKey(Kind.CONFIGURATION, "A", "h"), ConfigurationValues("h", {})) == "node.h"


def test_the_namespace_stands_in_the_key_or_in_the_labels() -> None:
    endpoint = WorkloadEndpoint("x", "h", "cali1", labels={"projectcalico.org/namespace": "ns"})

    assert namespace_of(ResourceKey(Kind.WORKLOAD_ENDPOINT, "x", "h/o/w"), endpoint) == "ns"
    assert namespace_of(ResourceKey(Kind.WORKLOAD_ENDPOINT, "x", "other", V3), endpoint) == "other"
    assert namespace_of(ResourceKey(Kind.TIER, "t"), Tier("t")) == ""


@pytest.mark.parametrize(
    ("key", "orchestrator", "workload"),
    [
        (ResourceKey(Kind.WORKLOAD_ENDPOINT, "e1", "h/docker/w.1"), "docker", "w.1"),
        (ResourceKey(Kind.WORKLOAD_ENDPOINT, "h.docker.w.1.e1", "ns", V3), "docker", "w.1"),
        (ResourceKey(Kind.WORKLOAD_ENDPOINT, "h.docker.e1", "ns", V3), "k8s", "ns"),
        (ResourceKey(Kind.WORKLOAD_ENDPOINT, "h.e1", "ns", V3), "k8s", "ns"),
        (ResourceKey(Kind.WORKLOAD_ENDPOINT, "e1", "ns", V3), "k8s", "ns"),
    ],
)
def test_the_place_of_a_workload(key: ResourceKey, orchestrator: str, workload: str) -> None:
    endpoint = WorkloadEndpoint("e1", "h", "cali1", labels={"projectcalico.org/orchestrator": "k8s"})

    assert v1_workload(key, endpoint) == (orchestrator, workload)


def test_a_workload_without_an_orchestrator_has_a_place_too() -> None:
    key = ResourceKey(Kind.WORKLOAD_ENDPOINT, "e1", "ns", V3)

    assert v1_workload(key, WorkloadEndpoint("e1", "h", "cali1")) == ("none", "ns")
