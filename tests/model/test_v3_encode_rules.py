from __future__ import annotations

from typing import Any

import pytest

from catflap.model.encoded_values import Gaps, NotRepresentableError
from catflap.model.resources import ICMP, TCP, UDPLITE, Action, IcmpMatch, Peer, PortRange, ProfileRules, Rule
from catflap.model.selector import parse_selector
from catflap.model.v3_encode_rules import encode_protocol, encode_rules

ALLOW = Action.ALLOW


def encoded(rule: Rule) -> dict[str, Any]:
    gaps = Gaps()
    fields = encode_rules(ProfileRules("p", ingress=(rule,)), "", gaps)
    gaps.raise_if_any()
    assert fields["egress"] == []
    return dict(fields["ingress"][0])


@pytest.mark.parametrize(
    ("rule", "written"),
    [
        (Rule(ALLOW), {}),
        (Rule(ALLOW, protocol=TCP, not_protocol=47), {"protocol": "TCP", "notProtocol": 47}),
        (
            Rule(ALLOW, ip_version=4, protocol=ICMP, icmp=IcmpMatch(0, 0), not_icmp=IcmpMatch(8)),
            {"ipVersion": 4, "protocol": "ICMP", "icmp": {"type": 0, "code": 0}, "notICMP": {"type": 8}},
        ),
        (
            Rule(ALLOW, source=Peer(nets=("::/0", "10.0.0.0/8"), not_nets=("::/8",))),
            {"source": {"nets": ["::/0", "10.0.0.0/8"], "notNets": ["::/8"]}},
        ),
        (
            Rule(ALLOW, destination=Peer(selector=parse_selector(""), not_selector=parse_selector("has(a)"))),
            {"destination": {"selector": "all()", "notSelector": "has(a)"}},
        ),
        (
            Rule(
                ALLOW,
                destination=Peer(ports=(PortRange(1, 2),), named_ports=("a",), not_ports=(PortRange(0, 0),)),
            ),
            {"destination": {"ports": ["1:2", "a"], "notPorts": [0]}},
        ),
        (Rule(ALLOW, annotations={"ticket": "1"}), {"metadata": {"annotations": {"ticket": "1"}}}),
    ],
)
def test_fields(rule: Rule, written: dict[str, Any]) -> None:
    assert encoded(rule) == {"action": "Allow", **written}


def test_fields_stand_in_the_usual_order() -> None:
    peer = Peer(nets=("::/0",))
    rule = Rule(ALLOW, 6, TCP, source=peer, destination=peer, annotations={"a": "b"})

    assert list(encoded(rule)) == ["action", "ipVersion", "protocol", "source", "destination", "metadata"]


def test_protocols_have_their_names_where_they_have_some() -> None:
    assert [encode_protocol(number) for number in (None, UDPLITE, 33)] == [None, "UDPLite", 33]


def test_tags_and_log_prefixes_are_refused_as_they_stand_in_the_guides_encoding() -> None:
    rule = Rule(ALLOW, log_prefix="x", source=Peer(tag="t"), destination=Peer(not_tag="u"))

    with pytest.raises(NotRepresentableError) as caught:
        encoded(rule)

    remedy = "v3 documents have no tags; give the profiles a label in its place, and select that."
    assert caught.value.reasons == (
        "inbound_rules[0].log_prefix: rules in v3 documents have none; remove it.",
        f"inbound_rules[0].src_tag: {remedy}",
        f"inbound_rules[0].!dst_tag: {remedy}",
    )
