from __future__ import annotations

from typing import Any

import pytest

from catflap.model.encoded_values import Gaps, NotRepresentableError
from catflap.model.resources import TCP, EndpointPort, HostEndpoint, NetworkSet, WorkloadEndpoint
from catflap.model.selector import parse_selector
from catflap.model.v3_encode_endpoints import (
    encode_host_endpoint,
    encode_network_set,
    encode_workload_endpoint,
    labels_of_namespaced,
)


@pytest.mark.parametrize(
    ("endpoint", "spec"),
    [
        (HostEndpoint("x", "h", ("eth0",)), {"node": "h", "interfaceName": "eth0"}),
        (
            HostEndpoint("x", "h", expected_ips=("192.0.2.1",)),
            {"node": "h", "expectedIPs": ["192.0.2.1"]},
        ),
        (
            HostEndpoint("x", None, ("eth*", "*"), node_selector=parse_selector("")),
            {"nodeSelector": "all()", "interfaceName": ["eth*", "*"]},
        ),
        (
            HostEndpoint("x", "h", ("*",), profiles=("p",), ports=(EndpointPort("http", TCP, 80),)),
            {
                "node": "h",
                "interfaceName": "*",
                "profiles": ["p"],
                "ports": [{"name": "http", "protocol": "TCP", "port": 80}],
            },
        ),
    ],
)
def test_host_endpoints(endpoint: HostEndpoint, spec: dict[str, Any]) -> None:
    assert encode_host_endpoint(endpoint) == spec


def test_a_workload_endpoint() -> None:
    labels = {"projectcalico.org/orchestrator": "k8s", "projectcalico.org/serviceaccount": "web"}
    endpoint = WorkloadEndpoint(
        "x",
        "h",
        "cali1",
        mac="02:00:00:00:00:0a",
        addresses=("192.0.2.1", "::1"),
        spoofable_nets=("10.0.0.0/8",),
        gateway6="fe80::1",
        labels=labels,
    )

    assert encode_workload_endpoint(endpoint, Gaps()) == {
        "orchestrator": "k8s",
        "node": "h",
        "serviceAccountName": "web",
        "ipNetworks": ["192.0.2.1/32", "::1/128"],
        "ipv6Gateway": "fe80::1",
        "interfaceName": "cali1",
        "mac": "02:00:00:00:00:0a",
        "allowSpoofedSourcePrefixes": ["10.0.0.0/8"],
    }


def refusal(gaps: Gaps) -> str:
    with pytest.raises(NotRepresentableError) as caught:
        gaps.raise_if_any()
    return str(caught.value)


def test_an_inactive_workload_endpoint_is_refused() -> None:
    gaps = Gaps()
    encode_workload_endpoint(WorkloadEndpoint("x", "h", "cali1", active=False), gaps)

    assert refusal(gaps) == "state: v3 documents hold active endpoints only; delete the endpoint."


@pytest.mark.parametrize(("namespace", "profiles"), [("", ()), ("ns", ("kns.ns",))])
def test_a_network_set_has_the_profile_of_its_namespace(namespace: str, profiles: tuple[str, ...]) -> None:
    gaps = Gaps()

    spec = encode_network_set(NetworkSet("x", ("10.0.0.0/8",), profiles=profiles), namespace, gaps)

    gaps.raise_if_any()
    assert spec == {"nets": ["10.0.0.0/8"]}


@pytest.mark.parametrize(("namespace", "profiles"), [("", ("p",)), ("ns", ()), ("ns", ("kns.other",))])
def test_any_other_profile_of_a_network_set_is_refused(namespace: str, profiles: tuple[str, ...]) -> None:
    gaps = Gaps()
    encode_network_set(NetworkSet("x", profiles=profiles), namespace, gaps)

    assert refusal(gaps) == "spec.profiles: a network set names none; give it the labels itself."


def test_the_name_of_the_namespace_is_no_label_in_a_document() -> None:
    gaps = Gaps()

    assert labels_of_namespaced({"a": "b", "projectcalico.org/namespace": "ns"}, gaps) == {"a": "b"}
    gaps.raise_if_any()


@pytest.mark.parametrize("name", ["pcns.team", "pcsa.role"])
def test_labels_that_only_profiles_can_give_are_refused(name: str) -> None:
    gaps = Gaps()
    labels_of_namespaced({name: "x"}, gaps)

    assert refusal(gaps) == f"labels: {name!r} can only come from a profile; choose another name."
