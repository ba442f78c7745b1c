from __future__ import annotations

from typing import Any

import pytest

from catflap.model.encoded_values import Gaps, NotRepresentableError
from catflap.model.resources import ICMP, TCP, Action, IcmpMatch, Peer, PortRange, Rule
from catflap.model.selector import parse_selector
from catflap.model.v1_encode_rules import encode_rules

ALLOW = Action.ALLOW


def encoded(rule: Rule) -> dict[str, Any]:
    gaps = Gaps()
    [fields] = encode_rules((rule,), "spec.ingress", gaps)
    gaps.raise_if_any()
    return fields


def refusal(rule: Rule) -> tuple[str, ...]:
    with pytest.raises(NotRepresentableError) as caught:
        encoded(rule)
    return caught.value.reasons


@pytest.mark.parametrize(
    ("action", "written"),
    [
        (Action.ALLOW, "allow"),
        (Action.DENY, "deny"),
        (Action.REJECT, "reject"),
        (Action.PASS, "next-tier"),
        (Action.LOG, "log"),
    ],
)
def test_actions(action: Action, written: str) -> None:
    assert encoded(Rule(action)) == {"action": written}


@pytest.mark.parametrize(
    ("rule", "written"),
    [
        (Rule(ALLOW, protocol=TCP, not_protocol=47), {"protocol": "tcp", "!protocol": 47}),
        (
            Rule(ALLOW, ip_version=4, protocol=ICMP, icmp=IcmpMatch(8, 0), not_icmp=IcmpMatch(0)),
            {"ip_version": 4, "protocol": "icmp", "icmp_type": 8, "icmp_code": 0, "!icmp_type": 0},
        ),
        (Rule(ALLOW, source=Peer(nets=("::/0",))), {"src_net": "::/0"}),
        (Rule(ALLOW, source=Peer(nets=("::/0", "10.0.0.0/8"))), {"src_nets": ("::/0", "10.0.0.0/8")}),
        (Rule(ALLOW, destination=Peer(not_nets=("::/0",))), {"!dst_net": "::/0"}),
        (
            Rule(ALLOW, source=Peer(selector=parse_selector(""), not_selector=parse_selector("has(a)"))),
            {"src_selector": "all()", "!src_selector": "has(a)"},
        ),
        (Rule(ALLOW, destination=Peer(tag="t", not_tag="u")), {"dst_tag": "t", "!dst_tag": "u"}),
        (
            Rule(ALLOW, destination=Peer(ports=(PortRange(0, 0),), not_named_ports=("http",))),
            {"dst_ports": [0], "!dst_ports": ["http"]},
        ),
        (Rule(ALLOW, log_prefix="x"), {"log_prefix": "x"}),
    ],
)
def test_fields(rule: Rule, written: dict[str, Any]) -> None:
    assert encoded(rule) == {**written, "action": "allow"}


def test_annotations_are_refused() -> None:
    assert refusal(Rule(ALLOW, annotations={"ticket": "1"})) == (
        "spec.ingress[0].metadata.annotations: rules in /calico/v1 have none; use etcd:// for it.",
    )


def test_networks_that_the_rule_is_not_for_are_refused() -> None:
    """Reading refuses them there, and to leave them out would be for the author to do."""
    source, destination = Peer(nets=("10.0.0.0/8", "::/0")), Peer(not_nets=("::/0",))

    assert refusal(Rule(ALLOW, ip_version=4, source=source, destination=destination)) == (
        (
            "spec.ingress[0].source.nets: the rule is for IPv4 only, and ::/0 is not; "
            "remove it, which changes nothing, or use etcd:// for it."
        ),
        (
            "spec.ingress[0].destination.notNets: the rule is for IPv4 only, and ::/0 is not; "
            "remove it, which changes nothing, or use etcd:// for it."
        ),
    )
