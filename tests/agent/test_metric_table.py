"""The table keeps the rules of Prometheus, and everything that names metrics is held to it."""

from __future__ import annotations

import re

import pytest

from catflap.agent.metric_table import METRICS, POLICY, Metric, Type, reference

TABLE = list(METRICS.values())


@pytest.mark.parametrize("metric", TABLE, ids=lambda metric: metric.name)
def test_names_are_as_prometheus_wants_them(metric: Metric) -> None:
    assert re.fullmatch(r"(catflap|felix)_[a-z0-9_]+", metric.name)
    assert (metric.type is Type.COUNTER) == metric.name.endswith("_total")
    assert all(re.fullmatch(r"[a-z]+", label) for label in metric.labels)
    if metric.type in (Type.HISTOGRAM, Type.SUMMARY):
        assert metric.name.endswith("_seconds")


@pytest.mark.parametrize("metric", TABLE, ids=lambda metric: metric.name)
def test_help_is_one_sentence_without_an_end(metric: Metric) -> None:
    assert metric.help
    assert metric.help[-1] not in ".!"
    assert "\n" not in metric.help
    assert "|" not in metric.help


def test_no_label_can_have_as_many_values_as_there_are_policies_or_members() -> None:
    bounded = [metric for metric in TABLE if metric not in POLICY]  # those are for whoever asks for them
    assert {label for metric in bounded for label in metric.labels} <= {"version", "state", "kind", "result"}


def test_the_reference_names_every_metric_with_its_labels() -> None:
    text = reference()
    assert all(f"`{metric.name}" in text for metric in TABLE)
    assert '| `catflap_passes_total{result="…"}` | counter |' in text
