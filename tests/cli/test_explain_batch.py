from __future__ import annotations

import json
from typing import Any

from catflap.cli.explain_batch import Batch
from catflap.cli.questions import Asker, Defaults
from catflap.verdict.packet import Path

from .worlds import DENY_ALL, allow, endpoint, policy, world

MADE = world(
    endpoint("web1-eth0", "web1", "eth0", "192.0.2.1"),
    endpoint("web1-public", "web1", None, "198.51.100.1"),
    endpoint("db1-eth0", "db1", "eth0", "192.0.2.2"),
    policy("web", allow(80), DENY_ALL),
)
LINE = {
    "id": 7,
    "host": "web1",
    "interface": "eth0",
    "direction": "in",
    "proto": "tcp",
    "src": "10.0.0.1",
    "sport": 4242,
    "dst": "192.0.2.1",
    "dport": 80,
}


def batch(*, trace: bool = False, **defaults: Any) -> Batch:
    return Batch(Asker(MADE, Defaults(**defaults)), trace=trace)


def answers(of: Batch, *lines: dict[str, Any] | bytes) -> list[dict[str, Any]]:
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return [json.loads(line) for line in of.answers(raw)]


def test_an_answer_has_what_is_promised() -> None:
    (found,) = answers(batch(), LINE)
    assert found == {
        "id": 7,
        "verdict": "allow",
        "reason": "POLICY_ALLOW",
        "tier": "default",
        "policy": "web",
        "rule": 0,
        "stage": "input",
        "direction": "Ingress",
        "answered": False,
        "trace": [],
    }


def test_hosts_and_interfaces_differ_from_line_to_line() -> None:
    lines = [
        LINE,
        {**LINE, "dport": 81},
        {**LINE, "host": "db1", "dst": "192.0.2.2", "dport": 5432},
        {**LINE, "interface": "eth1"},
        {**LINE, "interface": "eth1", "dst": "198.51.100.1", "dport": 81},
        {**LINE, "direction": "forward", "out_interface": "eth1"},
    ]
    found = [answer["reason"] for answer in answers(batch(), *lines)]
    assert found == [
        "POLICY_ALLOW",
        "POLICY_DENY",
        "POLICY_DENY",
        "NO_ENDPOINT",
        "POLICY_DENY",
        "NO_FORWARD_POLICY",
    ]


def test_what_was_filled_in_or_assumed_is_noted() -> None:
    line = {**LINE, "interface": "eth1", "dst": "198.51.100.1", "sport": None}
    (found,) = answers(batch(), line)
    assert found["notes"] == [
        "Source port 49152: none was given.",
        "Assumed that eth1 carries 198.51.100.1, as web1-public expects.",
    ]


def test_options_hold_where_a_line_says_nothing() -> None:
    line = {"proto": "tcp", "src": "10.0.0.1", "dst": "192.0.2.1", "sport": 1, "dport": 80}
    (found,) = answers(batch(host="web1", interface="eth0", direction=Path.IN), line)
    assert (found["id"], found["reason"]) == (1, "POLICY_ALLOW")


def test_bad_lines_have_an_error_and_spoil_no_others() -> None:
    made = batch()
    found = answers(
        made, b"{", {**LINE, "dst": None}, b" \n", LINE, {**LINE, "id": None, "proto": "tpc"}, b"3"
    )
    assert [answer["id"] for answer in found] == [1, 7, 7, 5, 6]
    assert [answer.get("verdict") for answer in found] == [None, None, "allow", None, None]
    assert "$.dst" in found[1]["error"]
    assert "'tpc' is not a protocol" in found[3]["error"]
    assert made.failed == 4


def test_a_trace_for_those_who_ask() -> None:
    (found,) = answers(batch(trace=True), LINE)
    assert any(stage["steps"] for stage in found["trace"])


def test_a_host_is_prepared_once() -> None:
    made = batch()
    answers(made, *[{**LINE, "interface": f"eth{number}", "dport": number} for number in range(20)])
    assert len(made._evaluators) == 1
