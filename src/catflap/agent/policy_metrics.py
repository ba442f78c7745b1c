"""What policy does with packets: the kernel's counters as samples for the metrics, read when somebody fetches them.

There are as many as there are counters in the rule set, which ``PolicyCounters`` decides about, and none by address or
connection. The kernel is read over a socket of its own, so that nobody who enforces waits for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping

from catflap.agent.metric_values import Sample
from catflap.nft import Counted, CounterValue, NftError

log = logging.getLogger(__name__)


def policy_samples(counters: Callable[[], Mapping[Counted, CounterValue]]) -> Iterator[Sample]:
    """All counters as of now. Where the kernel cannot be read there are none, and a WARNING says so."""
    try:
        values = counters()
    except NftError as error:
        log.warning("No counters of policy among the metrics: %s", error)
        return
    for counted, value in values.items():
        rule = "" if counted.rule is None else str(counted.rule)
        labels = counted.reason, counted.name, counted.direction.lower(), rule
        yield Sample("catflap_policy_packets_total", value.packets, labels)
        yield Sample("catflap_policy_bytes_total", value.bytes, labels)
