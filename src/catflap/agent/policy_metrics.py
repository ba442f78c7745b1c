"""What policy does with packets, for Prometheus to fetch: the counters of the kernel, read when they are fetched.

There are as many series as there are counters in the rule set, which ``PolicyCounters`` decides about, and none by
address or connection. The kernel is read over a socket of its own, so that fetching never holds up enforcement.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from catflap.nft import Counted, CounterValue, NftError

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

log = logging.getLogger(__name__)

_LABELS: Final = ("reason", "policy", "direction", "rule")


class PolicyCounterCollector:
    """Makes metrics of counters whenever they are fetched; implements the library's ``Collector``.

    Args:
        counters: reads what has been counted; it is called by threads.
    """

    def __init__(self, counters: Callable[[], Mapping[Counted, CounterValue]]) -> None:
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        """All counters as of now. Where the kernel cannot be read there are none, and a WARNING says so."""
        from prometheus_client.metrics_core import (  # noqa: PLC0415  # loaded only where metrics are wanted
            CounterMetricFamily,
        )

        packets = CounterMetricFamily(
            "catflap_policy_packets",
            "Packets of new connections that policy has decided about",
            labels=_LABELS,
        )
        octets = CounterMetricFamily(
            "catflap_policy_bytes", "Bytes of these packets, with IP headers", labels=_LABELS
        )
        for counted, value in self._read().items():
            rule = "" if counted.rule is None else str(counted.rule)
            labels = [counted.reason, counted.name, counted.direction.lower(), rule]
            packets.add_metric(labels, value.packets)
            octets.add_metric(labels, value.bytes)
        yield packets
        yield octets

    def _read(self) -> Mapping[Counted, CounterValue]:
        try:
            return self._counters()
        except NftError as error:
            log.warning("No counters of policy among the metrics: %s", error)
            return {}
