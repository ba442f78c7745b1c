"""Rules of documents."""

from __future__ import annotations

from typing import Any

import pytest

from catflap.model.fields import Fields
from catflap.model.resources import Action, IcmpMatch, Peer, PortRange, Rule
from catflap.model.selector import parse_selector
from catflap.model.v3_rules import parse_rules
from catflap.model.validation import InvalidObjectError, Reasons


def read(rule: Any, namespace: str = "") -> Rule:
    reasons = Reasons()
    (parsed,) = parse_rules(Fields({"ingress": [rule]}, "spec", reasons), "ingress", namespace)
    reasons.raise_if_any()
    return parsed


ALLOW = Action.ALLOW


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({}, Rule(ALLOW)),
        ({"action": "Deny"}, Rule(Action.DENY)),
        ({"action": "Log"}, Rule(Action.LOG)),
        ({"action": "Pass"}, Rule(Action.PASS)),
        ({"ipVersion": 6}, Rule(ALLOW, ip_version=6)),
        ({"protocol": "TCP"}, Rule(ALLOW, protocol=6)),
        ({"protocol": "UDPLite", "notProtocol": 6}, Rule(ALLOW, protocol=136, not_protocol=6)),
        ({"protocol": "ICMP", "icmp": {"type": 8}}, Rule(ALLOW, ip_version=4, protocol=1, icmp=IcmpMatch(8))),
        (
            {"protocol": "ICMPv6", "notICMP": {"type": 1, "code": 0}},
            Rule(ALLOW, ip_version=6, protocol=58, not_icmp=IcmpMatch(1, 0)),
        ),
        ({"icmp": {}}, Rule(ALLOW)),
        (
            {"source": {"nets": ["10.1.2.3/8", "2001:db8::1"], "notNets": ["10.9.0.0/16"]}},
            Rule(ALLOW, source=Peer(nets=("10.0.0.0/8", "2001:db8::1/128"), not_nets=("10.9.0.0/16",))),
        ),
        (
            {"ipVersion": 4, "source": {"nets": ["10.0.0.0/8", "::/0"]}},
            Rule(ALLOW, ip_version=4, source=Peer(nets=("10.0.0.0/8", "::/0"))),
        ),
        (
            {"destination": {"selector": "has(a)", "notSelector": "has(b)"}},
            Rule(
                ALLOW,
                destination=Peer(selector=parse_selector("has(a)"), not_selector=parse_selector("has(b)")),
            ),
        ),
        (
            {"source": {"selector": "", "services": None, "serviceAccounts": {}, "namespaceSelector": ""}},
            Rule(ALLOW),
        ),
        (
            {
                "protocol": "TCP",
                "destination": {"ports": [443, "8000:8080", "80", "7:7"], "notPorts": [8001]},
            },
            Rule(
                ALLOW,
                protocol=6,
                destination=Peer(
                    ports=(PortRange(443, 443), PortRange(8000, 8080), PortRange(80, 80), PortRange(7, 7)),
                    not_ports=(PortRange(8001, 8001),),
                ),
            ),
        ),
        ({"action": "Reject"}, Rule(Action.REJECT)),
        (
            {"protocol": "TCP", "source": {"ports": ["http", 1]}, "destination": {"notPorts": ["x"]}},
            Rule(
                ALLOW,
                protocol=6,
                source=Peer(ports=(PortRange(1, 1),), named_ports=("http",)),
                destination=Peer(not_named_ports=("x",)),
            ),
        ),
        ({"metadata": {"annotations": {"ticket": "1"}}}, Rule(ALLOW, annotations={"ticket": "1"})),
    ],
)
def test_fields(fields: dict[str, Any], rule: Rule) -> None:
    assert read({"action": "Allow"} | fields) == rule


_IN_NS = 'projectcalico.org/namespace == "ns"'


@pytest.mark.parametrize(
    ("peer", "selector", "namespaced"),
    [
        ({}, None, None),
        ({"nets": ["10.0.0.0/8"]}, None, None),
        ({"selector": "has(a)"}, "has(a)", f"{_IN_NS} && has(a)"),
        ({"selector": "all()"}, "all()", _IN_NS),
        ({"notSelector": "has(b)"}, None, _IN_NS),
        ({"namespaceSelector": "has(x)"}, "has(pcns.x)", "has(pcns.x)"),
        (
            {"namespaceSelector": "all()"},
            "has(projectcalico.org/namespace)",
            "has(projectcalico.org/namespace)",
        ),
        (
            {"namespaceSelector": "global()", "selector": "has(a)"},
            "!has(projectcalico.org/namespace) && has(a)",
            "!has(projectcalico.org/namespace) && has(a)",
        ),
        (
            {"serviceAccounts": {"names": ["b", "a"]}},
            'projectcalico.org/serviceaccount in {"a", "b"}',
            f'{_IN_NS} && projectcalico.org/serviceaccount in {{"a", "b"}}',
        ),
        (
            {"serviceAccounts": {"names": ["a"], "selector": "x == 'y'"}, "namespaceSelector": "has(n)"},
            'has(pcns.n) && projectcalico.org/serviceaccount in {"a"} && pcsa.x == "y"',
            'has(pcns.n) && projectcalico.org/serviceaccount in {"a"} && pcsa.x == "y"',
        ),
    ],
)
def test_namespaces_and_service_accounts(
    peer: dict[str, Any], selector: str | None, namespaced: str | None
) -> None:
    for namespace, expected in (("", selector), ("ns", namespaced)):
        rule = read({"action": "Allow", "source": peer}, namespace)
        assert rule.source.selector == (None if expected is None else parse_selector(expected))


_NEEDS_PORTS = "needs a protocol with ports: TCP, UDP, SCTP or UDPLite."


@pytest.mark.parametrize(
    ("fields", "place", "reason"),
    [
        ({"action": None}, "action", "is missing; write Allow, Deny, Reject, Log or Pass."),
        (
            {"action": "allow"},
            "action",
            "'allow' is none; write Allow, Deny, Reject, Log or Pass. Did you mean 'Allow'?",
        ),
        ({"action": ["Allow"]}, "action", "['Allow'] is none; write Allow, Deny, Reject, Log or Pass."),
        ({"ipVersion": "4"}, "ipVersion", "expected 4 or 6, got '4'."),
        ({"ipVersion": 6, "protocol": "ICMP"}, "ipVersion", "is 6, but protocol 1 exists in IPv4 only."),
        (
            {"protocol": "IPX"},
            "protocol",
            "'IPX' is none; write TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite or 1-255.",
        ),
        (
            {"notProtocol": 0},
            "notProtocol",
            "0 is none; write TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite or 1-255.",
        ),
        ({"icmp": {"type": 8}}, "icmp", "needs protocol ICMP or ICMPv6."),
        ({"protocol": "ICMP", "icmp": {"code": 8}}, "icmp.code", "needs a type."),
        (
            {"protocol": "ICMP", "icmp": {"type": 256}},
            "icmp.type",
            "expected a number from 0 to 255, got 256.",
        ),
        ({"protocol": "ICMP", "icmp": {"typ": 8}}, "icmp.typ", "unknown field. Did you mean 'type'?"),
        (
            {"source": {"nets": ["10/8"]}},
            "source.nets[0]",
            "'10/8' is not a CIDR. IPv4 addresses take four decimal numbers without leading zeros.",
        ),
        (
            {"protocol": "ICMP", "source": {"nets": ["::/0"]}},
            "source.nets",
            "the rule is for IPv4 only, and none of these are: it could never match.",
        ),
        ({"source": {"ports": [80]}}, "source.ports", _NEEDS_PORTS),
        ({"protocol": "ICMP", "source": {"notPorts": [80]}}, "source.notPorts", _NEEDS_PORTS),
        (
            {"protocol": "TCP", "destination": {"ports": ["80-90"]}},
            "destination.ports[0]",
            "'80-90' is not a port; write 0-65535, a range such as '8000:8080', or a port's name.",
        ),
        (
            {"protocol": "TCP", "destination": {"ports": [65536]}},
            "destination.ports[0]",
            "65536 is not a port; write 0-65535, a range such as '8000:8080', or a port's name.",
        ),
        (
            {"protocol": "TCP", "destination": {"ports": [1, "9:8"]}},
            "destination.ports[1]",
            "'9:8' is not a port; write 0-65535, a range such as '8000:8080', or a port's name.",
        ),
        ({"source": {"ports": ["http"]}}, "source.ports", _NEEDS_PORTS),
        (
            {"source": {"namespaceSelector": "x"}},
            "source.namespaceSelector",
            (
                "'x' is not a selector: expected an operator (==, !=, in, not in, contains, …) after label 'x', "
                "found the end at position 1."
            ),
        ),
        (
            {"source": {"serviceAccounts": {"names": ["a b"]}}},
            "source.serviceAccounts.names[0]",
            "'a b' is not the name of a service account.",
        ),
        (
            {"destination": {"services": {"name": "a"}}},
            "destination.services",
            "not supported by this version: the services of a cluster are not known here.",
        ),
        (
            {"http": {"methods": ["GET"]}},
            "http",
            "not supported by this version: HTTP is not looked into on hosts.",
        ),
        ({"source": {"selctor": "x"}}, "source.selctor", "unknown field. Did you mean 'selector'?"),
        ({"soruce": {}}, "soruce", "unknown field. Did you mean 'source'?"),
        ({"metadata": {"labels": {}}}, "metadata.labels", "unknown field."),
        ({"source": []}, "source", "expected an object, got []."),
    ],
)
def test_refusals(fields: dict[str, Any], place: str, reason: str) -> None:
    with pytest.raises(InvalidObjectError) as caught:
        read({"action": "Allow"} | fields)

    assert caught.value.reasons == (f"spec.ingress[0].{place}: {reason}",)


def test_rules_are_objects_in_a_list() -> None:
    reasons = Reasons()
    parse_rules(Fields({"ingress": {}, "egress": [1]}, "spec", reasons), "ingress")

    with pytest.raises(InvalidObjectError, match=r"^spec\.ingress: expected a list, got \{\}\.$"):
        reasons.raise_if_any()
    with pytest.raises(InvalidObjectError, match=r"^spec\.ingress\[0\]: expected an object, got 1\."):
        read(1)
