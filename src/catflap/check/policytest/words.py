"""Tests and verdicts in the words of their authors."""

from __future__ import annotations

import shlex

from catflap.check.policytest.document import AddressEnd, End, EndpointEnd, InterfaceEnd, PolicyTest
from catflap.check.policytest.legs import Leg
from catflap.verdict.packet import Path, protocol_name
from catflap.verdict.result import Verdict


def title_of(test: PolicyTest) -> str:
    """What a test is about: ``203.0.113.7 > web1 tcp 80,443: allow``."""
    what = ",".join(str(port) for port in test.ports if port is not None)
    if test.icmp is not None:
        what = f"type {test.icmp.type}"
    service = f"{protocol_name(test.protocol)} {what}".rstrip()
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
    return shlex.join([*words, str(packet)])
