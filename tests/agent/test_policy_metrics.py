from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from catflap.agent.policy_metrics import PolicyCounterCollector
from catflap.model.resources import Direction
from catflap.nft import Counted, CounterValue, NftError

_COUNTED = {
    Counted("POLICY_ALLOW", Direction.INGRESS, "default/web", 3): CounterValue(7, 700),
    Counted("NO_MATCH_DENY", Direction.EGRESS): CounterValue(2, 120),
}


def fetched(collector: PolicyCounterCollector) -> set[str]:
    registry = CollectorRegistry()
    registry.register(collector)
    return {line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")}


def test_each_counter_is_a_series_of_packets_and_one_of_bytes() -> None:
    rule = 'direction="ingress",policy="default/web",reason="POLICY_ALLOW",rule="3"'
    rest = 'direction="egress",policy="",reason="NO_MATCH_DENY",rule=""'
    assert fetched(PolicyCounterCollector(lambda: _COUNTED)) == {
        f"catflap_policy_packets_total{{{rule}}} 7.0",
        f"catflap_policy_bytes_total{{{rule}}} 700.0",
        f"catflap_policy_packets_total{{{rest}}} 2.0",
        f"catflap_policy_bytes_total{{{rest}}} 120.0",
    }


def test_a_kernel_that_cannot_be_read_is_said(caplog: pytest.LogCaptureFixture) -> None:
    def refuse() -> dict[Counted, CounterValue]:
        raise NftError("out of memory")

    assert fetched(PolicyCounterCollector(refuse)) == set()
    assert "No counters of policy among the metrics: out of memory" in caplog.text
