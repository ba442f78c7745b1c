from __future__ import annotations

from typing import Any

import msgspec
import pytest

from catflap.check.policytest.document import (
    AddressEnd,
    End,
    EndpointEnd,
    InterfaceEnd,
    PolicyTest,
    SelectorEnd,
)
from catflap.check.policytest.legs import Leg
from catflap.check.policytest.words import by_text, explain_command, title_of
from catflap.check.source import SourceObject
from catflap.model import parse_selector
from catflap.model.resources import ICMPV6, TCP, Direction, IcmpMatch
from catflap.verdict.packet import SOURCE_PORT, Packet, Path
from catflap.verdict.result import Outcome, Reason, Stage, Verdict

PACKET = Packet(
    path=Path.IN,
    interface="eth0",
    source="192.0.2.7",
    destination="192.0.2.1",
    protocol=TCP,
    source_port=SOURCE_PORT,
    destination_port=80,
)


def a_test(**changed: Any) -> PolicyTest:
    test = PolicyTest(
        source=SourceObject("a.yaml", "PolicyTest", "t", {}, lambda _field: 1),
        field="spec.tests[0]",
        name="",
        origin=AddressEnd("192.0.2.7"),
        target=EndpointEnd("web1"),
        protocol=TCP,
        ports=(80, 443),
        icmp=None,
        expect=Outcome.ALLOW,
        by=None,
        direction=None,
    )
    return msgspec.structs.replace(test, **changed)


@pytest.mark.parametrize(
    ("changed", "title"),
    [
        ({}, "192.0.2.7 > web1 tcp 80,443: allow"),
        (
            {"direction": Direction.EGRESS, "expect": Outcome.DENY},
            "192.0.2.7 > web1 tcp 80,443: deny (egress)",
        ),
        (
            {"protocol": ICMPV6, "ports": (None,), "icmp": IcmpMatch(128, 0)},
            "192.0.2.7 > web1 icmpv6 type 128: allow",
        ),
        ({"protocol": 47, "ports": (None,)}, "192.0.2.7 > web1 47: allow"),
    ],
)
def test_what_a_test_is_about(changed: dict[str, Any], title: str) -> None:
    assert title_of(a_test(**changed)) == title


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (InterfaceEnd("web1", "eth0"), "web1/eth0"),
        (SelectorEnd(parse_selector("has(a)")), "has(a)"),
        (SelectorEnd(parse_selector("has(a)"), any=True), "any has(a)"),
    ],
)
def test_ends(end: End, text: str) -> None:
    assert title_of(a_test(origin=end)).startswith(f"{text} > ")


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (
            Verdict(Outcome.DENY, Reason.TIER_DEFAULT_DENY, Stage.INPUT, "default"),
            "TIER_DEFAULT_DENY of tier default",
        ),
        (Verdict(Outcome.ALLOW, Reason.ESTABLISHED, Stage.INPUT), "ESTABLISHED"),
        (
            Verdict(Outcome.ALLOW, Reason.POLICY_ALLOW, Stage.INPUT, "default", "default/web", 2),
            "default/web#2 (POLICY_ALLOW)",
        ),
        (
            Verdict(Outcome.DENY, Reason.MISSING_PROFILE_DENY, Stage.INPUT, None, "profile x"),
            "profile x (MISSING_PROFILE_DENY)",
        ),
    ],
)
def test_who_decided(verdict: Verdict, text: str) -> None:
    assert by_text(verdict) == text


def test_a_forwarded_packet_is_explained_with_both_interfaces() -> None:
    packet = msgspec.structs.replace(PACKET, path=Path.FORWARD, interface="cali1", out_interface="?")
    assert explain_command(Leg("h", packet, frozenset())) == (
        "--host h --interface cali1 --direction forward --out-interface '?'"
        " 'tcp 192.0.2.7:49152 > 192.0.2.1:80'"
    )
