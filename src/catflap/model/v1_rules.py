"""Rules as the guide writes them: ``{"protocol": "tcp", "dst_ports": [80], "action": "allow"}``.

The reasons for a refusal keep the wording of the old system, which people know and search for. Where the old agent
accepted a rule and then enforced something else (ports with a numeric protocol, ICMP types without an ICMP protocol),
the rule is either understood or refused, never changed. Beyond it go the action ``reject``, lists of networks
(``src_nets``), and ports by the names that endpoints give them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from catflap.model.addresses import canonical_network
from catflap.model.names import is_identifier, is_port_name, suggestion
from catflap.model.resources import (
    ICMP_VERSIONS,
    MAX_PORT,
    PORT_PROTOCOLS,
    PROTOCOL_NUMBERS,
    Action,
    IcmpMatch,
    IpVersion,
    Peer,
    PortRange,
    Rule,
    ip_version_of,
)
from catflap.model.rule_values import MAX_OCTET, parse_ip_version, parse_protocol
from catflap.model.selector import Selector, SelectorError, parse_selector
from catflap.model.validation import Reasons, is_integer, show

MAX_LOG_PREFIX: Final = 27  # characters, as in the old system; the kernel takes more

_ACTIONS = {
    "allow": Action.ALLOW,
    "deny": Action.DENY,
    "reject": Action.REJECT,
    "next-tier": Action.PASS,
    "log": Action.LOG,
}
_SIGNED_FIELDS = (
    "protocol",
    "icmp_type",
    "icmp_code",
    *(f"{end}_{what}" for end in ("src", "dst") for what in ("net", "nets", "tag", "selector", "ports")),
)
_KNOWN_FIELDS = frozenset(
    ("action", "ip_version", "log_prefix", *_SIGNED_FIELDS, *(f"!{field}" for field in _SIGNED_FIELDS))
)
_ICMP_FIELDS = ("icmp_type", "icmp_code", "!icmp_type", "!icmp_code")

_PORT_RANGE = re.compile(r"([0-9]{1,5}):([0-9]{1,5})")
_NOT_IN_LOG_PREFIX = re.compile(r"[^A-Za-z0-9_:-]")


def parse_rules(data: Mapping[str, Any], name: str, reasons: Reasons) -> tuple[Rule, ...]:
    """The rules of the list ``name`` (``inbound_rules`` or ``outbound_rules``); a missing list is empty."""
    rules = data.get(name, [])
    if not isinstance(rules, list):
        reasons.add(f"Expected rules[{name}] to be a list.")
        return ()
    parsed = []
    for rule in rules:
        if not isinstance(rule, dict):
            reasons.add(f"Rule should be a dict: {show(rule)}")
            break
        parsed.append(_RuleReader(rule, reasons).rule())
    return tuple(parsed)


class _RuleReader:
    """Reads one rule. After a reason was added the result means nothing, and is thrown away with the object."""

    def __init__(self, written: Mapping[str, Any], reasons: Reasons) -> None:
        self._fields = {name: value for name, value in written.items() if value is not None}
        self._reasons = reasons

    def rule(self) -> Rule:
        self._check_names()
        explicit = self._explicit_version()
        protocol = self._protocol("protocol")
        self._check_icmp_protocol(protocol)
        implied = ICMP_VERSIONS.get(protocol)
        source = self._peer("src", protocol, explicit)
        destination = self._peer("dst", protocol, explicit)
        if implied is not None and _is_impossible(implied, explicit, source, destination):
            name, version = ("icmp", 6) if implied == 4 else ("icmpv6", 4)  # noqa: PLR2004 - an IP version
            self._add(f"Using {name} with IPv{version}")
        return Rule(
            action=self._action(),
            ip_version=explicit or implied,
            protocol=protocol,
            not_protocol=self._protocol("!protocol"),
            icmp=self._icmp(""),
            not_icmp=self._icmp("!"),
            source=source,
            destination=destination,
            log_prefix=self._log_prefix(),
        )

    def _add(self, reason: str, end: str = ".") -> None:
        """Note a reason, and which rule it is about."""
        self._reasons.add(f"{reason} in rule {show(self._fields)}{end}")

    def _check_names(self) -> None:
        if unknown := sorted(self._fields.keys() - _KNOWN_FIELDS):
            hint = suggestion(unknown[0], _KNOWN_FIELDS)
            self._reasons.add(f"Rule contains unknown keys: {show(unknown)}.{hint}")

    def _action(self) -> Action:
        written = self._fields.get("action", "allow")
        if isinstance(written, str) and written in _ACTIONS:
            return _ACTIONS[written]
        self._add("Invalid action", f".{suggestion(written, _ACTIONS)}")
        return Action.DENY

    def _explicit_version(self) -> IpVersion | None:
        version = parse_ip_version(self._fields.get("ip_version"))
        if version is None and "ip_version" in self._fields:
            self._add("Invalid ip_version")
        return version

    def _protocol(self, field: str) -> int | None:
        written = self._fields.get(field)
        protocol = parse_protocol(written)
        if protocol is None and written is not None:
            self._add(f"Invalid protocol {_bare(written)}", f".{suggestion(written, PROTOCOL_NUMBERS)}")
        return protocol

    def _peer(self, end: str, protocol: int | None, version: IpVersion | None) -> Peer:
        ports, named_ports = self._ports(f"{end}_ports", protocol)
        not_ports, not_named_ports = self._ports(f"!{end}_ports", protocol)
        return Peer(
            nets=self._nets(f"{end}_net", version),
            not_nets=self._nets(f"!{end}_net", version),
            selector=self._selector(f"{end}_selector"),
            not_selector=self._selector(f"!{end}_selector"),
            tag=self._tag(f"{end}_tag"),
            not_tag=self._tag(f"!{end}_tag"),
            ports=ports,
            not_ports=not_ports,
            named_ports=named_ports,
            not_named_ports=not_named_ports,
        )

    def _nets(self, field: str, version: IpVersion | None) -> tuple[str, ...]:
        """The network of a field and those of the list with an ``s`` to its name, each once."""
        single = self._fields.get(field)
        several = self._fields.get(f"{field}s", [])
        if not isinstance(several, list):
            self._add(f"Expected {field}s to be a list")
            several = []
        written = several if single is None else [single, *several]
        return tuple(dict.fromkeys(net for item in written if (net := self._net(item, version))))

    def _net(self, written: object, version: IpVersion | None) -> str:
        try:
            if isinstance(written, str):
                return canonical_network(written, version)
            explanation = ""
        except ValueError as error:
            explanation = str(error)
        self._add(f"Invalid CIDR (version {version})", f". {explanation}".rstrip())
        return ""

    def _selector(self, field: str) -> Selector | None:
        written = self._fields.get(field)
        if written is None:
            return None
        if not isinstance(written, str):
            self._reasons.add(f"Invalid {field}: {show(written)}")
            return None
        try:
            return parse_selector(written)
        except SelectorError as error:
            self._reasons.add(f"Invalid {field}: {show(written)} ({error}).")
            return None

    def _tag(self, field: str) -> str | None:
        written = self._fields.get(field)
        if written is None or is_identifier(written):
            return written
        self._reasons.add(f"Invalid {field}: {show(written)}.")
        return None

    def _ports(self, field: str, protocol: int | None) -> tuple[tuple[PortRange, ...], tuple[str, ...]]:
        """Numbers and ranges, and names."""
        written = self._fields.get(field)
        if written is None:
            return (), ()
        if protocol not in PORT_PROTOCOLS:
            name = _bare(self._fields.get("protocol"))
            self._add(f"{field} is not allowed for protocol {name}")
        if not isinstance(written, list):
            self._add("Expected ports to be a list")
            return (), ()
        ports = [self._port(item) for item in written]
        ranges = tuple(port for port in ports if isinstance(port, PortRange))
        return ranges, tuple(port for port in ports if isinstance(port, str))

    def _port(self, written: object) -> PortRange | str:
        if is_port_name(written):
            return written
        try:
            return _parse_port(written)
        except ValueError as error:
            self._add(f"Invalid port {_bare(written)} ({error})")
            return PortRange(0, 0)

    def _check_icmp_protocol(self, protocol: int | None) -> None:
        if protocol in ICMP_VERSIONS:
            return
        for field in _ICMP_FIELDS:
            if field in self._fields:
                written = _bare(self._fields.get("protocol"))
                self._add(f"{field} is not allowed for protocol {written}", ": it needs icmp or icmpv6.")
                return

    def _icmp(self, sign: str) -> IcmpMatch | None:
        icmp_type = self._icmp_number(f"{sign}icmp_type", "ICMP type")
        code = self._icmp_number(f"{sign}icmp_code", "ICMP code")
        if icmp_type is not None:
            return IcmpMatch(icmp_type, code)
        if f"{sign}icmp_code" in self._fields and f"{sign}icmp_type" not in self._fields:
            self._reasons.add("ICMP code specified without ICMP type.")
        return None

    def _icmp_number(self, field: str, name: str) -> int | None:
        written = self._fields.get(field)
        if written is None:
            return None
        if not is_integer(written):
            self._add(f"{name} is not an integer")
            return None
        if not 0 <= written <= MAX_OCTET:
            self._add(f"{name} is out of range")
            return None
        return written

    def _log_prefix(self) -> str | None:
        written = self._fields.get("log_prefix")
        if written is None:
            return None
        if not isinstance(written, str):
            self._reasons.add("Log prefix should be a string")
            return None
        return _NOT_IN_LOG_PREFIX.sub("_", written)[:MAX_LOG_PREFIX] or None


def _is_impossible(implied: IpVersion, explicit: IpVersion | None, source: Peer, destination: Peer) -> bool:
    """Whether ICMP of one IP version is asked for together with something of the other."""
    nets = source.nets + destination.nets
    return explicit not in (None, implied) or any(ip_version_of(net) != implied for net in nets)


def _parse_port(written: object) -> PortRange:
    if is_integer(written):
        if not 0 <= written <= MAX_PORT:
            raise ValueError("integer out of range")
        return PortRange(written, written)
    if not isinstance(written, str):
        raise ValueError("neither integer nor string")  # noqa: TRY004 - a fault of the data, not of the caller
    parts = _PORT_RANGE.fullmatch(written)
    if parts is None:
        raise ValueError("range unparseable")
    first, last = int(parts[1]), int(parts[2])
    if not first < last <= MAX_PORT:
        raise ValueError("range invalid")
    return PortRange(first, last)


def _bare(value: object) -> str:
    """A value as it reads without quotes."""
    return value[:40] if isinstance(value, str) else show(value)
