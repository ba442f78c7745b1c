"""Tests, packets and verdicts in the words of their authors."""

from __future__ import annotations

import shlex

from catflap.check.policytest.document import AddressEnd, End, EndpointEnd, InterfaceEnd, PolicyTest
from catflap.check.policytest.legs import Leg
from catflap.model.resources import PROTOCOL_NUMBERS
from catflap.verdict.packet import Packet, Path
from catflap.verdict.result import Verdict

_PROTOCOL_NAMES = {number: name for name, number in PROTOCOL_NUMBERS.items()}


def title_of(test: PolicyTest) -> str:
    """What a test is about: ``203.0.113.7 > web1 tcp 80,443: allow``."""
    what = ",".join(str(port) for port in test.ports if port is not None)
    if test.icmp is not None:
        what = f"type {test.icmp.type}"
    service = f"{_protocol(test.protocol)} {what}".rstrip()
    direction = f" ({test.direction.lower()})" if test.direction else ""
    return f"{_end(test.origin)} > {_end(test.target)} {service}: {test.expect.value}{direction}"


def _end(end: End) -> str:
    match end:
        case AddressEnd():
            return end.address
        case EndpointEnd():
            return end.name
        case InterfaceEnd():
            return f"{end.host}/{end.interface}"
        case _:
            return f"any {end.selector}" if end.any else str(end.selector)


def packet_text(packet: Packet) -> str:
    """A packet as ``explain`` reads it: ``tcp 10.0.0.1:4242 > 10.0.0.2:80``."""
    source = _socket(packet.source, packet.source_port)
    destination = _socket(packet.destination, packet.destination_port)
    icmp = "" if packet.icmp_type is None else f" type {packet.icmp_type} code {packet.icmp_code or 0}"
    return f"{_protocol(packet.protocol)} {source} > {destination}{icmp}"


def by_text(verdict: Verdict) -> str:
    """Who decided: the policy and its rule where one did, and the reason code."""
    if verdict.policy is None:
        where = f" of tier {verdict.tier}" if verdict.tier else ""
        return f"{verdict.reason.value}{where}"
    rule = "" if verdict.rule is None else f"#{verdict.rule}"
    return f"{verdict.policy}{rule} ({verdict.reason.value})"


def explain_command(leg: Leg) -> str:
    """The command that shows how a verdict came to be, without the paths of the files."""
    packet = leg.packet
    words = ["--host", leg.host, "--interface", packet.interface, "--direction", packet.path.value]
    if packet.path is Path.FORWARD and packet.out_interface:
        words += ["--out-interface", packet.out_interface]
    return shlex.join([*words, packet_text(packet)])


def _socket(address: str, port: int | None) -> str:
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _protocol(number: int) -> str:
    return _PROTOCOL_NAMES.get(number, str(number))
