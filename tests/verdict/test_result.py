from __future__ import annotations

import msgspec
from tests.verdict.hosts import ALLOW, local, packet

from catflap.verdict.evaluate import explain
from catflap.verdict.result import Reason, Verdict


def test_reason_codes_are_their_own_names() -> None:
    assert [reason.value for reason in Reason] == [reason.name for reason in Reason]


def test_a_verdict_with_its_trace_survives_json() -> None:
    verdict = explain(local(ALLOW).build(), packet())
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict
