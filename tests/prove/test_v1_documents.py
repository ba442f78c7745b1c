from __future__ import annotations

from typing import Any

import msgspec

from catflap.model import decode
from catflap.prove import v1_documents
from catflap.prove.draw import Draw


def _drawn(seed: int) -> list[tuple[str, Any]]:
    draw = Draw(str(seed))
    return [
        v1_documents.host_endpoint(draw, "hep"),
        v1_documents.workload_endpoint(draw, 1),
        v1_documents.tier(draw, "first"),
        v1_documents.policy(draw, "policy"),
        *v1_documents.profile(draw, "p1"),
    ]


def test_values_are_valid_at_their_paths() -> None:
    for seed in range(60):
        for path, value in _drawn(seed):
            decoded = decode(path, msgspec.json.encode(value))
            assert not decoded.problems
            assert decoded.changes


def test_rules_use_every_field_and_action() -> None:
    draw = Draw("fields")
    rules = [rule for _ in range(1000) for rule in v1_documents.rules(draw, "normal")]
    assert {rule["action"] for rule in rules} == {"allow", "deny", "next-tier", "log", "reject"}
    fields = {name.lstrip("!") for rule in rules for name in rule} - {"log_prefix"}
    ends = {f"{end}_{what}" for end in ("src", "dst") for what in ("net", "nets", "selector", "tag", "ports")}
    assert fields == {"action", "ip_version", "protocol", "icmp_type", "icmp_code"} | ends
