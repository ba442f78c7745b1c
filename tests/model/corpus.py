"""Valid entries of every kind in both wire encodings: what tests of decoding, of mutations and of equality begin with.

Every field that has a meaning stands in one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

V1 = "/calico/v1/"
V3 = "/calico/resources/v3/projectcalico.org/"

_V1_RULE = {
    "protocol": "tcp",
    "!protocol": "udp",
    "src_net": "10.0.0.0/8",
    "!src_nets": ["10.9.0.0/16", "10.8.0.0/16"],
    "dst_nets": ["192.0.2.0/24", "192.0.2.1"],
    "!dst_net": "192.0.2.9",
    "src_ports": ["1024:65535"],
    "dst_ports": [80, "90:91", "http"],
    "!dst_ports": [8080, "admin"],
    "src_selector": "has(a)",
    "!src_selector": "role == 'bad'",
    "dst_tag": "t",
    "!dst_tag": "u",
    "log_prefix": "x",
    "ip_version": 4,
    "action": "allow",
}
_V1_ICMP_RULE = {
    "protocol": "icmpv6",
    "icmp_type": 128,
    "icmp_code": 0,
    "!icmp_type": 129,
    "action": "next-tier",
}
_V3_RULE = {
    "action": "Allow",
    "ipVersion": 4,
    "protocol": "TCP",
    "notProtocol": "UDP",
    "source": {
        "nets": ["10.0.0.0/8"],
        "notNets": ["10.9.0.0/16"],
        "selector": "has(a)",
        "notSelector": "role == 'bad'",
        "namespaceSelector": "team == 'x' || global()",
        "serviceAccounts": {"names": ["web", "db"], "selector": "has(b)"},
        "ports": ["1024:65535"],
    },
    "destination": {"ports": [443, "8000:8080", "http"], "notPorts": [8001, "admin"]},
    "metadata": {"annotations": {"ticket": "1"}},
}
_V3_ICMP_RULE = {
    "action": "Pass",
    "protocol": "ICMPv6",
    "icmp": {"type": 128, "code": 0},
    "notICMP": {"type": 129},
}

V1_ENTRIES: Mapping[str, Any] = {
    f"{V1}Ready": "true",
    f"{V1}config/LogSeverityFile": "Info",
    f"{V1}host/h/config/LogSeverityFile": "Debug",
    f"{V1}host/h/endpoint/eth0": {
        "name": "eth0",
        "expected_ipv4_addrs": ["192.0.2.1"],
        "expected_ipv6_addrs": ["2001:db8::1"],
        "labels": {"a": "b"},
        "profile_ids": ["p"],
        "ports": [{"name": "http", "protocol": "tcp", "port": 80}],
    },
    f"{V1}host/h/endpoint/all": {"name": "eth*"},
    f"{V1}host/h/workload/docker/w1/endpoint/e1": {
        "state": "active",
        "name": "cali1234",
        "mac": "02-00-00-00-00-0A",
        "ipv4_nets": ["10.65.0.2/32"],
        "ipv6_nets": ["2001:db8:1::2"],
        "ipv4_gateway": "10.65.0.1",
        "ipv6_gateway": "fe80::1",
        "ipv4_nat": [{"int_ip": "10.65.0.2", "ext_ip": "192.0.2.77"}],
        "ipv6_nat": None,
        "labels": {"a": "b"},
        "profile_id": "p",
        "ports": [{"name": "dns", "protocol": 17, "port": 53}],
    },
    f"{V1}policy/tier/t/metadata": {"order": 5},
    f"{V1}policy/tier/t/policy/p": {
        "selector": "a == 'b'",
        "order": 5,
        "inbound_rules": [_V1_RULE, {"action": "reject"}],
        "outbound_rules": [_V1_ICMP_RULE],
        "types": ["ingress"],
        "apply_on_forward": True,
    },
    f"{V1}policy/tier/t/policy/untracked": {
        "selector": "",
        "order": "default",
        "untracked": True,
        "inbound_rules": [{"action": "deny", "src_net": "::/0"}],
    },
    f"{V1}policy/tier/t/policy/pre_dnat": {
        "selector": "",
        "pre_dnat": True,
        "inbound_rules": [{"action": "log"}],
    },
    f"{V1}policy/profile/p/rules": {"inbound_rules": [_V1_RULE], "outbound_rules": [{}]},
    f"{V1}policy/profile/p/tags": ["a"],
    f"{V1}policy/profile/p/labels": {"a": "b"},
}


def _document(kind: str, name: str, spec: Any, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": kind,
        "metadata": {"name": name, "uid": "1", "labels": {"a": "b"}, **metadata},
        "spec": spec,
    }


_POLICY = {
    "tier": "default",
    "order": 5.5,
    "selector": "has(a)",
    "namespaceSelector": "all()",
    "serviceAccountSelector": "role == 'x'",
    "types": ["Ingress", "Egress"],
    "ingress": [_V3_RULE, {"action": "Reject", "protocol": 6}],
    "egress": [_V3_ICMP_RULE],
    "applyOnForward": True,
    "performanceHints": ["AssumeNeededOnEveryNode"],
}
_UNTRACKED = {"doNotTrack": True, "applyOnForward": True, "ingress": [{"action": "Log"}]}

V3_ENTRIES: Mapping[str, Any] = {
    f"{V3}hostendpoints/x": _document(
        "HostEndpoint",
        "x",
        {
            "node": "n",
            "interfaceName": "eth0",
            "expectedIPs": ["192.0.2.1"],
            "profiles": ["p"],
            "ports": [{"name": "http", "protocol": "TCP", "port": 80}],
        },
    ),
    f"{V3}hostendpoints/many": _document(
        "HostEndpoint", "many", {"nodeSelector": "has(rack)", "interfaceName": ["eth*", "bond0", "*"]}
    ),
    f"{V3}workloadendpoints/ns/x": _document(
        "WorkloadEndpoint",
        "x",
        {
            "orchestrator": "k8s",
            "workload": "w",
            "node": "n",
            "containerID": "1a2b",
            "pod": "pod",
            "endpoint": "eth0",
            "serviceAccountName": "web",
            "ipNetworks": ["10.65.0.2/32", "2001:db8:1::2/128"],
            "ipNATs": [{"internalIP": "10.65.0.2", "externalIP": "192.0.2.77"}],
            "ipv4Gateway": "10.65.0.1",
            "ipv6Gateway": "fe80::1",
            "profiles": ["kns.ns"],
            "interfaceName": "cali1234",
            "mac": "02:00:00:00:00:0a",
            "ports": [{"name": "dns", "protocol": "UDP", "port": 53, "hostPort": 0, "hostIP": ""}],
            "allowSpoofedSourcePrefixes": ["10.66.0.0/24"],
        },
        namespace="ns",
    ),
    f"{V3}globalnetworksets/x": _document("GlobalNetworkSet", "x", {"nets": ["198.51.100.0/24", "::1"]}),
    f"{V3}networksets/ns/x": _document("NetworkSet", "x", {"nets": ["198.51.100.0/24"]}, namespace="ns"),
    f"{V3}nodes/x": _document(
        "Node",
        "x",
        {
            "bgp": {"ipv4Address": "192.0.2.10/24"},
            "addresses": [{"address": "192.0.2.10", "type": "InternalIP"}],
            "interfaces": [{"name": "eth0", "addresses": ["192.0.2.10"]}],
        },
    ),
    f"{V3}globalnetworkpolicies/x": _document("GlobalNetworkPolicy", "x", _POLICY),
    f"{V3}globalnetworkpolicies/default.y": _document(
        "GlobalNetworkPolicy",
        "y",
        {"preDNAT": True, "ingress": [{"action": "Deny", "source": {"nets": ["::/0"]}}]},
        annotations={"projectcalico.org/metadata": '{"name": "y"}'},
    ),
    f"{V3}globalnetworkpolicies/z": _document("GlobalNetworkPolicy", "z", _UNTRACKED),
    f"{V3}networkpolicies/ns/x": _document(
        "NetworkPolicy",
        "x",
        {"selector": "has(a)", "serviceAccountSelector": "all()", "ingress": [_V3_RULE], "order": 1},
        namespace="ns",
    ),
    f"{V3}stagedglobalnetworkpolicies/x": _document(
        "StagedGlobalNetworkPolicy", "x", {"stagedAction": "Set", **_POLICY}
    ),
    f"{V3}stagedglobalnetworkpolicies/gone": _document(
        "StagedGlobalNetworkPolicy", "gone", {"stagedAction": "Delete"}
    ),
    f"{V3}tiers/x": _document("Tier", "x", {"order": 5, "defaultAction": "Pass"}),
    f"{V3}profiles/x": _document(
        "Profile", "x", {"ingress": [_V3_RULE], "egress": [{"action": "Allow"}], "labelsToApply": {"a": "b"}}
    ),
    f"{V3}felixconfigurations/default": _document("FelixConfiguration", "default", {"a": [1]}),
    f"{V3}felixconfigurations/node.h": _document("FelixConfiguration", "node.h", {"b": "c"}),
    f"{V3}clusterinformations/default": _document(
        "ClusterInformation", "default", {"datastoreReady": True, "clusterGUID": "x"}
    ),
}

ENTRIES: Mapping[str, Any] = {**V1_ENTRIES, **V3_ENTRIES}


class Pair(NamedTuple):
    """The same in both encodings: one v3 document may be several v1 entries."""

    v1: Mapping[str, Any]
    v3_path: str
    v3: Any


PAIRS: Mapping[str, Pair] = {
    "host endpoint": Pair(
        {
            f"{V1}host/n/endpoint/x": {
                "name": "eth*",
                "expected_ipv4_addrs": ["192.0.2.1"],
                "labels": {"a": "b"},
                "profile_ids": ["p", "q"],
                "ports": [{"name": "http", "protocol": "tcp", "port": 80}],
            }
        },
        f"{V3}hostendpoints/x",
        _document(
            "HostEndpoint",
            "x",
            {
                "node": "n",
                "interfaceName": "eth*",
                "expectedIPs": ["192.0.2.1"],
                "profiles": ["p", "q"],
                "ports": [{"name": "http", "protocol": "TCP", "port": 80}],
            },
        ),
    ),
    "workload endpoint": Pair(
        {
            f"{V1}host/n/workload/k8s/w/endpoint/x": {
                "state": "active",
                "name": "cali1",
                "mac": "2:0:0:0:0:A",
                "ipv4_nets": ["10.65.0.2/32"],
                "ipv6_nets": ["2001:db8:1::2/64"],
                "ipv6_gateway": "fe80::1",
                "labels": {
                    "a": "b",
                    "projectcalico.org/namespace": "ns",
                    "projectcalico.org/orchestrator": "k8s",
                },
            }
        },
        f"{V3}workloadendpoints/ns/x",
        _document(
            "WorkloadEndpoint",
            "x",
            {
                "node": "n",
                "orchestrator": "k8s",
                "workload": "w",
                "interfaceName": "cali1",
                "mac": "0200.0000.000a",
                "ipNetworks": ["10.65.0.2/32", "2001:db8:1::2/128"],
                "ipv6Gateway": "fe80::1",
            },
            namespace="ns",
        ),
    ),
    "tier": Pair(
        {f"{V1}policy/tier/x/metadata": {"order": 5}}, f"{V3}tiers/x", _document("Tier", "x", {"order": 5})
    ),
    "profile": Pair(
        {
            f"{V1}policy/profile/x/rules": {
                "inbound_rules": [{"action": "deny"}],
                "outbound_rules": [{"action": "next-tier", "protocol": "udp", "dst_ports": ["dns"]}],
            },
            f"{V1}policy/profile/x/labels": {"managed": "yes"},
        },
        f"{V3}profiles/x",
        _document(
            "Profile",
            "x",
            {
                "ingress": [{"action": "Deny"}],
                "egress": [{"action": "Pass", "protocol": "UDP", "destination": {"ports": ["dns"]}}],
                "labelsToApply": {"managed": "yes"},
            },
        ),
    ),
    "untracked policy": Pair(
        {
            f"{V1}policy/tier/default/policy/x": {
                "selector": "has(a)",
                "untracked": True,
                "order": 3,
                "inbound_rules": [{"protocol": "udp", "dst_ports": [53], "action": "allow"}],
            }
        },
        f"{V3}globalnetworkpolicies/x",
        _document(
            "GlobalNetworkPolicy",
            "x",
            {
                "selector": "has(a)",
                "doNotTrack": True,
                "applyOnForward": True,
                "order": 3,
                "ingress": [{"protocol": "UDP", "destination": {"ports": [53]}, "action": "Allow"}],
            },
        ),
    ),
    "preDNAT policy": Pair(
        {
            f"{V1}policy/tier/default/policy/x": {
                "selector": "",
                "pre_dnat": True,
                "inbound_rules": [{"action": "reject"}],
            }
        },
        f"{V3}globalnetworkpolicies/x",
        _document("GlobalNetworkPolicy", "x", {"preDNAT": True, "ingress": [{"action": "Reject"}]}),
    ),
    "Ready": Pair(
        {f"{V1}Ready": "true"},
        f"{V3}clusterinformations/default",
        _document("ClusterInformation", "default", {"datastoreReady": True}),
    ),
}
