from __future__ import annotations

import pytest

from catflap.agent.metric_table import METRICS
from catflap.agent.metric_values import Sample
from catflap.agent.policy_metrics import policy_samples
from catflap.model.resources import Direction
from catflap.nft import Counted, CounterValue, NftError

_COUNTED = {
    Counted("POLICY_ALLOW", Direction.INGRESS, "default/web", 3): CounterValue(7, 700),
    Counted("NO_MATCH_DENY", Direction.EGRESS): CounterValue(2, 120),
}


def test_each_counter_is_a_series_of_packets_and_one_of_bytes() -> None:
    rule, rest = ("POLICY_ALLOW", "default/web", "ingress", "3"), ("NO_MATCH_DENY", "", "egress", "")
    found = list(policy_samples(lambda: _COUNTED))
    assert found == [
        Sample("catflap_policy_packets_total", 7, rule),
        Sample("catflap_policy_bytes_total", 700, rule),
        Sample("catflap_policy_packets_total", 2, rest),
        Sample("catflap_policy_bytes_total", 120, rest),
    ]
    assert all(len(METRICS[item.name].labels) == len(item.labels) for item in found)


def test_a_kernel_that_cannot_be_read_is_said(caplog: pytest.LogCaptureFixture) -> None:
    def refuse() -> dict[Counted, CounterValue]:
        raise NftError("out of memory")

    assert list(policy_samples(refuse)) == []
    assert "No counters of policy among the metrics: out of memory" in caplog.text
