from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from catflap.model import decode, document_path
from catflap.prove import v3_documents
from catflap.prove.draw import Draw

SEEDS = range(60)


@pytest.mark.parametrize(
    "make",
    [
        lambda draw: v3_documents.host_endpoint(draw, "hep"),
        lambda draw: v3_documents.workload_endpoint(draw, 1),
        lambda draw: v3_documents.network_set(draw, "set"),
        lambda draw: v3_documents.tier(draw, "first"),
        lambda draw: v3_documents.profile(draw, "p1"),
        lambda draw: v3_documents.policy(draw, "policy"),
        lambda draw: v3_documents.network_policy(draw, "policy"),
        v3_documents.node,
    ],
)
def test_documents_are_valid(make: Callable[[Draw], dict[str, Any]]) -> None:
    for seed in SEEDS:
        document = make(Draw(str(seed)))
        decoded = decode(document_path(document), msgspec.json.encode(document))
        assert not decoded.problems
        assert decoded.changes


def test_rules_use_every_field_and_action() -> None:
    draw = Draw("fields")
    rules = [v3_documents.rule(draw, "normal") for _ in range(2000)]
    assert {rule["action"] for rule in rules} == {"Allow", "Deny", "Pass", "Log", "Reject"}
    fields = {name for rule in rules for name in rule}
    assert fields >= {"ipVersion", "protocol", "notProtocol", "icmp", "notICMP", "source", "destination"}
    peers = {name for rule in rules for end in ("source", "destination") for name in rule.get(end, ())}
    assert peers == {"nets", "notNets", "selector", "notSelector", "ports", "notPorts"}
