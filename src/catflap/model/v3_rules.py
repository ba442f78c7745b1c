"""Rules as ``projectcalico.org/v3`` documents write them.

A peer's namespaces and service accounts become part of its selector. In the policy of a namespace a peer that is
selected at all is one of this namespace, unless the rule says otherwise with a ``namespaceSelector``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from catflap.model.field_values import PORTLESS, networks, protocol
from catflap.model.fields import Fields
from catflap.model.names import is_port_name, suggestion
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
from catflap.model.rule_values import MAX_OCTET, parse_ip_version
from catflap.model.selector import Selector
from catflap.model.v3_selectors import combined, in_namespace, namespace_selector, service_accounts
from catflap.model.validation import is_integer, show

_ACTIONS: Mapping[str, Action] = {action.value: action for action in Action}
_ANYBODY = Peer()
_PORTS = re.compile(r"([0-9]{1,5})(?::([0-9]{1,5}))?")


def parse_rules(spec: Fields, name: str, namespace: str = "") -> tuple[Rule, ...]:
    """The rules of the list ``name`` (``ingress`` or ``egress``); a missing list is empty.

    ``namespace`` is that of the policy, empty where it has none.
    """
    return tuple(_rule(fields, namespace) for fields in spec.objects(name))


def _rule(fields: Fields, namespace: str) -> Rule:
    number = protocol(fields, "protocol")
    version = _ip_version(fields, number)
    metadata = fields.object("metadata")
    rule = Rule(
        action=_action(fields),
        ip_version=version,
        protocol=number,
        not_protocol=protocol(fields, "notProtocol"),
        icmp=_icmp(fields, "icmp", number),
        not_icmp=_icmp(fields, "notICMP", number),
        source=_peer(fields.object("source"), number, version, namespace),
        destination=_peer(fields.object("destination"), number, version, namespace),
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
    fields.refuse(
        "action", f"{found}; write Allow, Deny, Reject, Log or Pass.{suggestion(written, _ACTIONS)}"
    )
    return Action.DENY


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
    if match.is_empty:
        return None
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


def _peer(fields: Fields, protocol: int | None, version: IpVersion | None, namespace: str) -> Peer:
    if fields.is_empty:
        return _ANYBODY
    ports, named_ports = _ports(fields, "ports", protocol)
    not_ports, not_named_ports = _ports(fields, "notPorts", protocol)
    not_selector = fields.selector("notSelector")
    peer = Peer(
        nets=networks(fields, "nets"),
        not_nets=networks(fields, "notNets"),
        selector=_peer_selector(fields, namespace, not_selector),
        not_selector=not_selector,
        ports=ports,
        not_ports=not_ports,
        named_ports=named_ports,
        not_named_ports=not_named_ports,
    )
    if version and peer.nets and all(ip_version_of(net) != version for net in peer.nets):
        fields.refuse(
            "nets", f"the rule is for IPv{version} only, and none of these are: it could never match."
        )
    fields.unsupported("services", "the services of a cluster are not known here")
    fields.close()
    return peer


def _peer_selector(fields: Fields, namespace: str, not_selector: Selector | None) -> Selector | None:
    """What the peer must be: its labels, its service account and its namespace, all together."""
    written = fields.selector("selector")
    accounts = service_accounts(fields)
    scope = namespace_selector(fields)
    selects = any(part is not None for part in (written, accounts, scope, not_selector))
    if scope is None and namespace and selects:
        scope = in_namespace(namespace)
    return combined(fields, "selector", scope, accounts, written)


def _ports(fields: Fields, name: str, protocol: int | None) -> tuple[tuple[PortRange, ...], tuple[str, ...]]:
    """Numbers and ranges, and names."""
    ports = [_port(fields, place, item) for place, item in fields.items(name)]
    if ports and protocol not in PORT_PROTOCOLS:
        fields.refuse(name, PORTLESS)
    ranges = tuple(port for port in ports if isinstance(port, PortRange))
    return ranges, tuple(port for port in ports if isinstance(port, str))


def _port(fields: Fields, place: str, written: object) -> PortRange | str:
    """A number, a text with a number or a range ``first:last``, or the name of a port."""
    if is_integer(written) and 0 <= written <= MAX_PORT:
        return PortRange(written, written)
    if isinstance(written, str) and (parts := _PORTS.fullmatch(written)):
        first, last = int(parts[1]), int(parts[2] or parts[1])
        if first <= last <= MAX_PORT:
            return PortRange(first, last)
    elif is_port_name(written):
        return written
    fields.refuse(
        place, f"{show(written)} is not a port; write 0-65535, a range such as '8000:8080', or a port's name."
    )
    return PortRange(0, 0)
