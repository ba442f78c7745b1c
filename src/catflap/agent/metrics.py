"""How the agent stands, for Prometheus to fetch.

The library is loaded only where metrics are wanted: it costs 4 MB. Values are read when they are fetched, in a thread;
what each one means stands in `metric_table`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from catflap.agent.config import Configuration
from catflap.agent.histogram import Distribution
from catflap.agent.metric_table import METRICS, Metric, Type
from catflap.agent.metric_values import Sample
from catflap.agent.serving import Address, Serving

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from prometheus_client.metrics_core import Metric as Family

Source = Callable[[], Iterable[Sample]]


class Metrics:
    """Serves the metrics where the configuration says, if it does.

    Args:
        sources: give the samples whenever somebody asks; they are called by threads, and must wait for nobody.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)
        names = "PrometheusMetricsHost or PrometheusMetricsPort"
        self._serving = Serving("metrics", names, self._application)

    def configure(self, configuration: Configuration) -> None:
        """Begin, end or move, soon."""
        address = Address(configuration["PrometheusMetricsHost"], configuration["PrometheusMetricsPort"])
        self._serving.want(address if configuration["PrometheusMetricsEnabled"] else None)

    async def run(self) -> None:
        """Serve until cancelled."""
        await self._serving.run()

    def _application(self) -> WSGIApplication:
        from prometheus_client import (  # noqa: PLC0415  # see the top of the file
            CollectorRegistry,
            make_wsgi_app,
        )

        registry = CollectorRegistry()
        registry.register(SampleCollector(self._sources))
        return make_wsgi_app(registry)


class SampleCollector:
    """Makes metrics of samples whenever they are fetched; implements the library's ``Collector``."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Family]:
        """All metrics as of now, each with all of its samples."""
        families: dict[str, Family] = {}
        for source in self._sources:
            for sample in source():
                family = families.get(sample.name)
                if family is None:
                    family = families[sample.name] = _family(METRICS[sample.name])
                _add(family, sample)
        yield from families.values()


def _family(metric: Metric) -> Family:
    from prometheus_client import metrics_core as library  # noqa: PLC0415  # see the top of the file

    makers = {
        Type.GAUGE: library.GaugeMetricFamily,
        Type.COUNTER: library.CounterMetricFamily,
        Type.HISTOGRAM: library.HistogramMetricFamily,
        Type.SUMMARY: library.SummaryMetricFamily,
        Type.UNTYPED: library.UnknownMetricFamily,
    }
    made: Family = makers[metric.type](metric.name, metric.help, labels=metric.labels)
    return made


def _add(family: Family, sample: Sample) -> None:
    value, add = sample.value, getattr(family, "add_metric")  # noqa: B009  # all kinds have it, their base does not
    if not isinstance(value, Distribution):
        add(sample.labels, value)
    elif family.type == Type.SUMMARY:
        add(sample.labels, count_value=value.count, sum_value=value.total)
    else:
        bounds = [*map(repr, value.bounds), "+Inf"]
        add(sample.labels, buckets=list(zip(bounds, value.cumulative(), strict=True)), sum_value=value.total)
