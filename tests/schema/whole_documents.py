"""One valid document of each kind in which every field stands, and what can be put in a field's place."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

Document = dict[str, Any]
Path = tuple[str | int, ...]

PALETTE: tuple[Any, ...] = (
    None,
    "",
    "x",
    "Allow",
    "ICMP",
    "none",
    "192.0.2.1",
    "192.0.2.0/24",
    "2001:db8::/129",
    "8000:70000",
    " ",
    0,
    5,
    300,
    70000,
    -1,
    1.5,
    True,
    [],
    ["x"],
    [7],
    [{}],
    {},
    {"x": "y"},
    {"x": 7},
    {"not a label": "y"},
)


def document(kind: str, spec: Mapping[str, Any], name: str = "x", **metadata: Any) -> Document:
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": kind,
        "metadata": {"name": name, "labels": {"role": "web"}, "annotations": {"note": "x"}, **metadata},
        "spec": dict(spec),
    }


_PEER = {
    "nets": ["192.0.2.0/24"],
    "notNets": ["192.0.2.1"],
    "selector": "a == 'b'",
    "notSelector": "c == 'd'",
    "namespaceSelector": "has(e)",
    "serviceAccounts": {"names": ["x"], "selector": "has(f)"},
    "ports": [80, "8000:8080", "http"],
    "notPorts": [81],
    "services": None,
}
_RULES = [
    {
        "action": "Allow",
        "protocol": "TCP",
        "notProtocol": 17,
        "ipVersion": 4,
        "source": _PEER,
        "destination": _PEER,
        "metadata": {"annotations": {"a": "b"}},
        "http": None,
    },
    {"action": "Deny", "protocol": "ICMP", "icmp": {"type": 8, "code": 0}, "notICMP": {"type": 9, "code": 1}},
]
_POLICY = {
    "tier": "default",
    "order": 10,
    "selector": "all()",
    "types": ["Ingress", "Egress"],
    "ingress": _RULES,
    "egress": _RULES,
    "serviceAccountSelector": "has(a)",
    "performanceHints": [],
}
_GLOBAL = {
    **_POLICY,
    "namespaceSelector": "has(a)",
    "doNotTrack": False,
    "preDNAT": False,
    "applyOnForward": True,
}
_PORT = {"name": "http", "protocol": "TCP", "port": 80}
WHOLE: Mapping[str, Document] = {
    "HostEndpoint": document(
        "HostEndpoint",
        {
            "node": "web1",
            "nodeSelector": "",
            "interfaceName": ["eth0", "eth*"],
            "expectedIPs": ["192.0.2.1", "2001:db8::1"],
            "profiles": ["x"],
            "ports": [_PORT],
        },
    ),
    "GlobalNetworkPolicy": document("GlobalNetworkPolicy", _GLOBAL),
    "NetworkPolicy": document("NetworkPolicy", _POLICY, namespace="x"),
    "StagedGlobalNetworkPolicy": document("StagedGlobalNetworkPolicy", {**_GLOBAL, "stagedAction": "Set"}),
    "Tier": document("Tier", {"order": 5, "defaultAction": "Pass"}),
    "Profile": document("Profile", {"ingress": _RULES, "egress": _RULES, "labelsToApply": {"a": "b"}}),
    "GlobalNetworkSet": document("GlobalNetworkSet", {"nets": ["192.0.2.0/24", "2001:db8::/32"]}),
    "NetworkSet": document("NetworkSet", {"nets": ["192.0.2.0/24"]}, namespace="x"),
    "Node": document("Node", {"interfaces": [{"name": "eth0", "addresses": ["192.0.2.1/24"]}]}),
    "ClusterInformation": document("ClusterInformation", {"datastoreReady": True}, name="default"),
    "WorkloadEndpoint": document(
        "WorkloadEndpoint",
        {
            "node": "web1",
            "interfaceName": "cali1",
            "mac": "00:16:3e:00:00:01",
            "ipNetworks": ["192.0.2.1/32"],
            "allowSpoofedSourcePrefixes": ["192.0.2.0/24"],
            "ipv4Gateway": "192.0.2.1",
            "ipv6Gateway": "2001:db8::1",
            "ipNATs": [{"internalIP": "192.0.2.1", "externalIP": "192.0.2.2"}],
            "profiles": ["x"],
            "ports": [{**_PORT, "hostPort": 1, "hostIP": "x"}],
            "orchestrator": "x",
            "serviceAccountName": "x",
            "workload": "x",
            "containerID": "x",
            "pod": "x",
            "endpoint": "x",
            "qosControls": None,
        },
        namespace="x",
    ),
    "FelixConfiguration": document(
        "FelixConfiguration",
        {
            "failsafeInboundHostPorts": [{"protocol": "tcp", "port": 22, "net": "192.0.2.0/24"}],
            "failsafeOutboundHostPorts": "tcp:2379",
            "logSeverityScreen": "Info",
            "reportingIntervalSecs": 30,
            "nftablesOptimize": True,
            "existingConnections": "Recheck",
            "nodeLabels": {"a": "b"},
            "iptablesMarkMask": "0xff",
            "defaultEndpointToHostAction": "Drop",
            "interfacePrefix": "cali",
        },
        name="default",
    ),
    "PolicyTest": {
        "apiVersion": "catflap/v1",
        "kind": "PolicyTest",
        "metadata": {"name": "x", "labels": {}, "annotations": {}},
        "spec": {
            "tests": [
                {"from": "192.0.2.9", "to": {"endpoint": "web1"}, "ports": [80], "expect": "allow"},
                {
                    "name": "x",
                    "from": {"selector": "all()", "any": True},
                    "to": {"host": "web1", "interface": "eth0", "address": "192.0.2.1"},
                    "protocol": "icmp",
                    "icmp": {"type": 8, "code": 0},
                    "expect": "Deny",
                    "by": "default/x",
                    "direction": "ingress",
                },
            ]
        },
    },
}


def mutations(whole: Document) -> Iterator[tuple[Path, Any, Document]]:
    """The document with one value replaced, or left out, or with one field too many."""
    for path in list(paths(whole)):
        for value in PALETTE:
            yield path, value, _changed(whole, path, value)
        if isinstance(path[-1], str):
            yield path, "(left out)", _without(whole, path)
            yield path, "(misspelt)", _changed(_without(whole, path), (*path[:-1], f"{path[-1]}x"), "x")


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where there is a value."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, each in value.items():
            yield from paths(each, (*path, name))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from paths(each, (*path, index))


def _changed(whole: Document, path: Path, value: Any) -> Document:
    changed = copy.deepcopy(whole)
    _holder(changed, path)[path[-1]] = value
    return changed


def _without(whole: Document, path: Path) -> Document:
    changed = copy.deepcopy(whole)
    del _holder(changed, path)[path[-1]]
    return changed


def _holder(document: Any, path: Path) -> Any:
    for step in path[:-1]:
        document = document[step]
    return document
