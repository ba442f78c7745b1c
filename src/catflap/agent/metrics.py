"""How the agent stands, for Prometheus to fetch.

The library is loaded only where metrics are wanted: it costs 4 MB. Values are read when they are fetched; a port that
cannot be had is said loudly and changes nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from catflap.agent.config import Configuration
from catflap.agent.status import AgentStatus, State

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer

    from prometheus_client.metrics_core import Metric

log = logging.getLogger(__name__)

# The old system's numbers; it knew no staleness, and stayed in sync when it lost its store.
RESYNC_STATES: Final = {State.WAIT_FOR_READY: 1, State.RESYNC: 2, State.IN_SYNC: 3, State.STALE: 3}


class Address(msgspec.Struct, frozen=True):
    """Where to serve."""

    host: str
    port: int


class Metrics:
    """Serves the metrics where the configuration says, if it does.

    Args:
        status: tells how the agent stands; it is called by threads.
    """

    def __init__(self, status: Callable[[], AgentStatus]) -> None:
        self._status = status
        self._wanted: Address | None = None
        self._reconfigured = asyncio.Event()
        self._served: Address | None = None  # or tried in vain
        self._server: WSGIServer | None = None

    def configure(self, configuration: Configuration) -> None:
        """Begin, end or move, soon."""
        address = Address(configuration["PrometheusMetricsHost"], configuration["PrometheusMetricsPort"])
        self._wanted = address if configuration["PrometheusMetricsEnabled"] else None
        self._reconfigured.set()

    async def run(self) -> None:
        """Serve until cancelled. What waits for the network or loads the library does so in a thread."""
        try:
            while True:
                self._reconfigured.clear()
                if self._wanted != self._served:
                    await asyncio.to_thread(self._move, self._wanted)
                await self._reconfigured.wait()
        finally:
            await asyncio.to_thread(self._stop)

    def _move(self, address: Address | None) -> None:
        self._stop()
        self._served = address
        if address is not None:
            self._start(address)

    def _start(self, address: Address) -> None:
        from prometheus_client import (  # noqa: PLC0415  # see the top of the file
            CollectorRegistry,
            start_http_server,
        )

        registry = CollectorRegistry()
        registry.register(StatusCollector(self._status))
        try:
            self._server, _ = start_http_server(address.port, address.host, registry)
        except OSError as error:
            log.error(  # noqa: TRY400  # no traceback for users
                "No metrics: cannot serve on %s port %d: %s; change PrometheusMetricsPort or PrometheusMetricsHost",
                address.host,
                address.port,
                error.strerror or error,
            )
        else:
            log.info("Serving metrics on http://%s:%d/metrics", address.host, address.port)

    def _stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()


class StatusCollector:
    """Makes metrics of an `AgentStatus` whenever they are fetched; implements the library's ``Collector``."""

    def __init__(self, status: Callable[[], AgentStatus]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """All metrics as of now."""
        from prometheus_client.metrics_core import (  # noqa: PLC0415  # see the top of the file
            CounterMetricFamily,
            GaugeMetricFamily,
            UnknownMetricFamily,
        )

        status = self._status()
        store = status.store
        yield GaugeMetricFamily(
            "catflap_store_staleness_seconds",
            "Seconds since the store last proved itself alive",
            store.seconds_since_alive,
        )
        yield GaugeMetricFamily(
            "catflap_store_revision_seen", "Newest revision of the store heard of", store.revision_seen or 0
        )
        states = GaugeMetricFamily("catflap_store_state", "1 for the state in force", labels=["state"])
        for state in State:
            states.add_metric([state], float(state is store.state))
        yield states
        yield GaugeMetricFamily(
            "catflap_enforced_revision",
            "Revision of the store that is enforced, 0 for none",
            status.revision_enforced or 0,
        )
        yield GaugeMetricFamily(
            "catflap_invalid_objects", "Stored objects that are invalid", status.invalid_objects
        )
        yield CounterMetricFamily(
            "catflap_connections_ended",
            "Existing connections that were ended since policy no longer allows them",
            status.connections.ended,
        )
        yield GaugeMetricFamily(
            "catflap_connections_unsure",
            "Existing connections that were kept in the last check since their interface is not known",
            status.connections.unsure,
        )
        yield GaugeMetricFamily(
            "catflap_interfaces_not_enforced",
            "Interfaces of which the kernel refuses the policy",
            len(status.not_enforced),
        )
        yield GaugeMetricFamily(
            "catflap_kept_for_boot",
            "1 if the rule set in force is on disk for the next boot",
            float(status.kept.problem is None),
        )
        yield GaugeMetricFamily(
            "felix_resync_state", "1 wait-for-ready, 2 resync, 3 in-sync", RESYNC_STATES[store.state]
        )
        # A counter of this library would be called felix_resyncs_started_total, which no old dashboard knows.
        yield UnknownMetricFamily("felix_resyncs_started", "Snapshots begun to be taken over", status.resyncs)
