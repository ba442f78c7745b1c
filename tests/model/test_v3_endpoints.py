"""Host endpoints and workload endpoints of documents."""

from __future__ import annotations

from typing import Any

import pytest
from tests.model.v3_reading import LABELS, read, refusal

from catflap.model.resources import EndpointPort, HostEndpoint, WorkloadEndpoint
from catflap.model.selector import parse_selector


@pytest.mark.parametrize(
    ("spec", "endpoint"),
    [
        ({"node": "n", "interfaceName": "eth0.5"}, HostEndpoint("x", "n", ("eth0.5",), labels=LABELS)),
        ({"node": "n", "interfaceName": "*"}, HostEndpoint("x", "n", ("*",), labels=LABELS)),
        (
            {"node": "n", "interfaceName": ["eth*", "bond0", "eth*"]},
            HostEndpoint("x", "n", ("eth*", "bond0"), labels=LABELS),
        ),
        (
            {"node": "n", "interfaceName": "", "expectedIPs": ["2001:DB8::1", "192.0.2.1", "192.0.2.1"]},
            HostEndpoint("x", "n", (), ("2001:db8::1", "192.0.2.1"), LABELS),
        ),
        (
            {"node": "n", "interfaceName": "eth0", "profiles": ["b", "a"]},
            HostEndpoint("x", "n", ("eth0",), labels=LABELS, profiles=("b", "a")),
        ),
        (
            {
                "node": "n",
                "interfaceName": "eth0",
                "ports": [{"name": "http", "protocol": "TCP", "port": 80}],
            },
            HostEndpoint("x", "n", ("eth0",), labels=LABELS, ports=(EndpointPort("http", 6, 80),)),
        ),
        (
            {"nodeSelector": "has(rack)", "node": "", "interfaceName": "eth0"},
            HostEndpoint("x", None, ("eth0",), labels=LABELS, node_selector=parse_selector("has(rack)")),
        ),
    ],
)
def test_host_endpoints(spec: dict[str, Any], endpoint: HostEndpoint) -> None:
    assert read("HostEndpoint", spec) == (endpoint,)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"node": None}, "spec.node: the name of the host is missing; write it, or a 'nodeSelector'."),
        (
            {"nodeSelector": "all()"},
            "spec.nodeSelector: cannot stand together with 'node': write one of them.",
        ),
        (
            {"node": None, "nodeSelector": "all()", "expectedIPs": ["192.0.2.1"]},
            (
                "spec.expectedIPs: cannot stand together with 'nodeSelector', since every host would have the same: "
                "leave them out, or write an endpoint for each host."
            ),
        ),
        (
            {"node": None, "nodeSelector": "a ="},
            "spec.nodeSelector: 'a =' is not a selector: expected '==' at position 2.",
        ),
        ({"interfaceName": None}, "spec.interfaceName: 'interfaceName' or 'expectedIPs' must be present."),
        ({"interfaceName": []}, "spec.interfaceName: 'interfaceName' or 'expectedIPs' must be present."),
        ({"interfaceName": "eth 0"}, "spec.interfaceName: 'eth 0' is not the name of an interface."),
        (
            {"interfaceName": ["eth0", "*0"]},
            (
                "spec.interfaceName[1]: '*0' is not the name of an interface. A pattern is the beginning of a name "
                "with one '*' at its end, 15 characters in all: 'eth*'; or only '*'."
            ),
        ),
        ({"interfaceName": ["eth0", 1]}, "spec.interfaceName[1]: expected a string, got 1."),
        ({"expectedIPs": ["a"]}, "spec.expectedIPs[0]: 'a' is not an IP address."),
        ({"expectedIPs": [""]}, "spec.expectedIPs[0]: '' is not an IP address."),
        ({"profiles": ["a b"]}, "spec.profiles[0]: 'a b' is not the name of a profile."),
        ({"profiles": "a"}, "spec.profiles: expected a list, got 'a'."),
        ({"ports": [{"protocol": "TCP", "port": 1}]}, "spec.ports[0].name: is missing."),
        ({"interface": "eth1"}, "spec.interface: unknown field. Did you mean 'interfaceName'?"),
    ],
)
def test_refused_host_endpoints(fields: dict[str, Any], reason: str) -> None:
    assert refusal("HostEndpoint", {"node": "n", "interfaceName": "eth0"} | fields) == (reason,)


WORKLOAD = {"node": "n", "interfaceName": "cali1"}
PLACED = {**LABELS, "projectcalico.org/namespace": "ns"}


@pytest.mark.parametrize(
    ("fields", "endpoint"),
    [
        ({}, WorkloadEndpoint("x", "n", "cali1", labels=PLACED)),
        (
            {"workload": "w", "containerID": "c", "pod": "p", "endpoint": "eth0", "ipv4Gateway": "10.0.0.1"},
            WorkloadEndpoint("x", "n", "cali1", labels=PLACED),
        ),
        (
            {"ipNetworks": ["10.0.0.5/32", "10.0.1.5/24", "2001:DB8::5"], "ipv6Gateway": "FE80::1"},
            WorkloadEndpoint(
                "x",
                "n",
                "cali1",
                addresses=("10.0.0.5", "10.0.1.5", "2001:db8::5"),
                gateway6="fe80::1",
                labels=PLACED,
            ),
        ),
        (
            {"mac": "02-00-00-00-00-0A", "allowSpoofedSourcePrefixes": ["10.9.0.1/16"], "profiles": ["p"]},
            WorkloadEndpoint(
                "x",
                "n",
                "cali1",
                mac="02:00:00:00:00:0a",
                spoofable_nets=("10.9.0.0/16",),
                labels=PLACED,
                profiles=("p",),
            ),
        ),
        (
            {"orchestrator": "k8s", "serviceAccountName": "web"},
            WorkloadEndpoint(
                "x",
                "n",
                "cali1",
                labels={
                    **PLACED,
                    "projectcalico.org/orchestrator": "k8s",
                    "projectcalico.org/serviceaccount": "web",
                },
            ),
        ),
        (
            {
                "ports": [
                    {"name": "dns", "protocol": "udp", "port": 53, "hostPort": 5353, "hostIP": "192.0.2.1"},
                    {"protocol": "TCP", "port": 80},
                ],
                "ipNATs": [{"internalIP": "10.0.0.5", "externalIP": "192.0.2.5"}],
                "qosControls": {},
            },
            WorkloadEndpoint("x", "n", "cali1", labels=PLACED, ports=(EndpointPort("dns", 17, 53),)),
        ),
    ],
)
def test_workload_endpoints(fields: dict[str, Any], endpoint: WorkloadEndpoint) -> None:
    assert read("WorkloadEndpoint", WORKLOAD | fields, namespace="ns") == (endpoint,)


def test_a_workload_cannot_pretend_to_be_in_another_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    for label in ("projectcalico.org/namespace", "pcns.team", "pcsa.role"):
        monkeypatch.setitem(LABELS, label, "forged")

    (endpoint,) = read("WorkloadEndpoint", WORKLOAD, namespace="ns")

    assert isinstance(endpoint, WorkloadEndpoint)
    assert endpoint.labels == {"role": "web", "projectcalico.org/namespace": "ns"}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"node": ""}, "spec.node: the name of the host is missing."),
        (
            {"interfaceName": None},
            "spec.interfaceName: the name of the host's interface to the workload is missing.",
        ),
        ({"interfaceName": "cali*"}, "spec.interfaceName: 'cali*' is not the name of an interface."),
        ({"pod": 1}, "spec.pod: expected a string, got 1."),
        (
            {"mac": "x"},
            "spec.mac: 'x' is not a MAC address. It takes six octets in hexadecimal, such as '00:16:3e:00:00:01'.",
        ),
        ({"ipNetworks": ["x"]}, "spec.ipNetworks[0]: 'x' is not a CIDR."),
        ({"ipv4Gateway": "::1"}, "spec.ipv4Gateway: '::1' is not an IP address. It is IPv6, not IPv4."),
        (
            {"ipv6Gateway": "10.0.0.1"},
            "spec.ipv6Gateway: '10.0.0.1' is not an IP address. It is IPv4, not IPv6.",
        ),
        ({"ipNATs": [{"internalIP": "x"}]}, "spec.ipNATs[0].internalIP: 'x' is not an IP address."),
        ({"ipNATs": [{"extIP": ""}]}, "spec.ipNATs[0].extIP: unknown field."),
        (
            {"qosControls": {"ingressBandwidth": 1}},
            "spec.qosControls: not supported by this version: traffic is not shaped, nor connections counted.",
        ),
        ({"expectedIPs": []}, "spec.expectedIPs: unknown field."),
    ],
)
def test_refused_workload_endpoints(fields: dict[str, Any], reason: str) -> None:
    assert refusal("WorkloadEndpoint", WORKLOAD | fields) == (reason,)
