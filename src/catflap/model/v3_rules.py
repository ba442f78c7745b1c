"""Rules as ``projectcalico.org/v3`` documents write them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from catflap.model.addresses import canonical_network
from catflap.model.names import suggestion
from catflap.model.resources import (
    ICMP_VERSIONS,
    MAX_PORT,
    PORT_PROTOCOLS,
    Action,
    IcmpMatch,
    IpVersion,
    Peer,
    PortRange,
    Rule,
    ip_version_of,
)
from catflap.model.rule_values import MAX_OCTET, parse_ip_version, parse_protocol
from catflap.model.v3_fields import Fields
from catflap.model.validation import is_integer, show

_ACTIONS: Mapping[str, Action] = {action.value: action for action in Action}
_PORTS = re.compile(r"([0-9]{1,5})(?::([0-9]{1,5}))?")
_PORT_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


def parse_rules(spec: Fields, name: str) -> tuple[Rule, ...]:
    """The rules of the list ``name`` (``ingress`` or ``egress``); a missing list is empty."""
    return tuple(_rule(Fields(item, spec.path(place), spec.reasons)) for place, item in spec.items(name))


def _rule(fields: Fields) -> Rule:
    protocol = _protocol(fields, "protocol")
    version = _ip_version(fields, protocol)
    metadata = fields.object("metadata")
    rule = Rule(
        action=_action(fields),
        ip_version=version,
        protocol=protocol,
        not_protocol=_protocol(fields, "notProtocol"),
        icmp=_icmp(fields, "icmp", protocol),
        not_icmp=_icmp(fields, "notICMP", protocol),
        source=_peer(fields.object("source"), protocol, version),
        destination=_peer(fields.object("destination"), protocol, version),
        annotations=metadata.strings("annotations"),
    )
    fields.unsupported("http", "HTTP is not looked into on hosts")
    metadata.close()
    fields.close()
    return rule


def _action(fields: Fields) -> Action:
    written = fields.value("action")
    if isinstance(written, str) and written in _ACTIONS:
        return _ACTIONS[written]
    found = "is missing" if written is None else f"{show(written)} is none"
    fields.refuse("action", f"{found}; write Allow, Deny, Log or Pass.{suggestion(written, _ACTIONS)}")
    return Action.DENY


def _protocol(fields: Fields, name: str) -> int | None:
    """A protocol name in any case, or a number from 1 to 255."""
    written = fields.value(name)
    protocol = parse_protocol(written.lower() if isinstance(written, str) else written)
    if protocol is None and written is not None:
        fields.refuse(name, f"{show(written)} is none; write TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite or 1-255.")
    return protocol


def _ip_version(fields: Fields, protocol: int | None) -> IpVersion | None:
    """The version that the rule is for: as written, or as the protocol implies."""
    written = fields.value("ipVersion")
    version, implied = parse_ip_version(written), ICMP_VERSIONS.get(protocol)
    if version is None:
        if written is not None:
            fields.refuse("ipVersion", f"expected 4 or 6, got {show(written)}.")
        return implied
    if implied not in (None, version):
        fields.refuse("ipVersion", f"is {version}, but protocol {protocol} exists in IPv{implied} only.")
    return version


def _icmp(fields: Fields, name: str, protocol: int | None) -> IcmpMatch | None:
    match = fields.object(name)
    icmp_type, code = _icmp_number(match, "type"), _icmp_number(match, "code")
    match.close()
    if icmp_type is None:
        if code is not None:
            match.refuse("code", "needs a type.")
        return None
    if protocol not in ICMP_VERSIONS:
        fields.refuse(name, "needs protocol ICMP or ICMPv6.")
    return IcmpMatch(icmp_type, code)


def _icmp_number(match: Fields, name: str) -> int | None:
    written = match.value(name)
    if written is None or (is_integer(written) and 0 <= written <= MAX_OCTET):
        return written
    match.refuse(name, f"expected a number from 0 to 255, got {show(written)}.")
    return None


def _peer(fields: Fields, protocol: int | None, version: IpVersion | None) -> Peer:
    peer = Peer(
        nets=_nets(fields, "nets"),
        not_nets=_nets(fields, "notNets"),
        selector=fields.selector("selector"),
        not_selector=fields.selector("notSelector"),
        ports=_ports(fields, "ports", protocol),
        not_ports=_ports(fields, "notPorts", protocol),
    )
    if version and peer.nets and all(ip_version_of(net) != version for net in peer.nets):
        fields.refuse(
            "nets", f"the rule is for IPv{version} only, and none of these are: it could never match."
        )
    fields.unsupported("namespaceSelector", "hosts have no namespaces")
    fields.unsupported("serviceAccounts", "hosts have no service accounts")
    fields.unsupported("services", "the services of a cluster are not known here")
    fields.close()
    return peer


def _nets(fields: Fields, name: str) -> tuple[str, ...]:
    """CIDRs and addresses, each once; both IP versions may stand in one list."""
    nets: dict[str, None] = {}
    for place, text in fields.texts(name):
        try:
            nets[canonical_network(text)] = None
        except ValueError as error:
            fields.refuse(place, f"{show(text)} is not a CIDR. {error}".rstrip())
    return tuple(nets)


def _ports(fields: Fields, name: str, protocol: int | None) -> tuple[PortRange, ...]:
    ports = tuple(_port(fields, place, item) for place, item in fields.items(name))
    if ports and protocol not in PORT_PROTOCOLS:
        fields.refuse(name, "needs a protocol with ports in the rule: TCP, UDP, SCTP or UDPLite.")
    return ports


def _port(fields: Fields, place: str, written: object) -> PortRange:
    """A number, or a text with a number or a range ``first:last``."""
    if is_integer(written) and 0 <= written <= MAX_PORT:
        return PortRange(written, written)
    if isinstance(written, str) and (parts := _PORTS.fullmatch(written)):
        first, last = int(parts[1]), int(parts[2] or parts[1])
        if first <= last <= MAX_PORT:
            return PortRange(first, last)
    elif isinstance(written, str) and _PORT_NAME.fullmatch(written):
        fields.refuse(
            place, f"named ports such as {show(written)} are not supported by this version: write the number."
        )
        return PortRange(0, 0)
    fields.refuse(place, f"{show(written)} is not a port; write 0-65535, or a range such as '8000:8080'.")
    return PortRange(0, 0)
