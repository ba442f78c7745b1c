"""Schemas of rules, and of the two ends of a packet that a rule is about."""

from __future__ import annotations

from catflap.model.resources import Action
from catflap.schema import values as v


def rules(about: str) -> v.Schema:
    """A list of rules."""
    return v.items(about, {"$ref": "#/definitions/Rule"})


def rule() -> v.Schema:
    """One rule."""
    return v.record(
        "A rule: what becomes of a packet for which everything holds that is written here.",
        {
            "action": v.words(
                "Allow, Deny, Reject (deny, and tell the sender), Log (and go on with the next rule), or "
                "Pass (on to the next tier).",
                [each.value for each in Action],
            ),
            "protocol": v.protocol(
                "The protocol: TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite, or a number from 1 to 255."
            ),
            "notProtocol": v.protocol("Any protocol but this one."),
            "ipVersion": v.words("The version of IP. Networks and ICMP imply it.", []) | {"enum": [4, 6]},
            "icmp": _icmp("The type and code of ICMP. Needs protocol ICMP or ICMPv6."),
            "notICMP": _icmp("Any type and code of ICMP but these. Needs protocol ICMP or ICMPv6."),
            "source": _peer("Where the packet comes from."),
            "destination": _peer("Where the packet goes to."),
            "metadata": v.record(
                "Notes about the rule.",
                {"annotations": _strings("Notes, by name. They change nothing.")},
            ),
            "http": v.unsupported("Not supported: HTTP is not looked into on hosts."),
        },
        ["action"],
    )


def peer() -> v.Schema:
    """One end of a packet."""
    return v.record(
        "One end of a packet. Everything that is written must hold.",
        {
            "nets": v.networks("Any of these networks."),
            "notNets": v.networks("None of these networks."),
            "selector": v.selector("The addresses of endpoints and network sets that it matches."),
            "notSelector": v.selector("Not the addresses of endpoints and network sets that it matches."),
            "namespaceSelector": v.selector(
                "What is in a namespace with such labels; all() is any namespace, global() none."
            ),
            "serviceAccounts": v.record(
                "Workloads with these service accounts.",
                {
                    "names": v.items("Any of these.", v.identifier("The name of a service account.")),
                    "selector": v.selector("Those with such labels."),
                },
            ),
            "ports": v.ports("Any of these ports. Needs a protocol with ports."),
            "notPorts": v.ports("None of these ports. Needs a protocol with ports."),
            "services": v.unsupported("Not supported: the services of a cluster are not known here."),
        },
    )


def _peer(about: str) -> v.Schema:
    return {"description": about, "anyOf": [{"$ref": "#/definitions/Peer"}]}


def _icmp(about: str) -> v.Schema:
    return v.record(about, {"type": v.octet("The type."), "code": v.octet("The code. Needs a type.")})


def _strings(about: str) -> v.Schema:
    return {"description": about, "type": "object", "additionalProperties": {"type": "string"}}
