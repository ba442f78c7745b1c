"""The dashboard and the alerts can be loaded, and name only metrics and labels that there are."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import promql_parser
import pytest
import yaml

from catflap.agent.metric_table import METRICS, Type, reference

ROOT = Path(__file__).parents[2]
RULES = ROOT / "contrib" / "prometheus" / "catflap.rules.yaml"
LABELS_OF_PROMETHEUS = {"job", "instance"}
SERVED = {name: metric for metric in METRICS.values() for name in metric.served_names()}


class Alert(msgspec.Struct, forbid_unknown_fields=True):
    """An alert, as Prometheus reads it."""

    alert: str
    expr: str
    labels: dict[str, str]
    annotations: dict[str, str]
    wait: str = msgspec.field(name="for", default="0s")


class Group(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    rules: list[Alert]


class Rules(msgspec.Struct, forbid_unknown_fields=True):
    groups: list[Group]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def alerts() -> list[Alert]:
    (group,) = msgspec.convert(yaml.safe_load(RULES.read_text()), Rules).groups
    return group.rules


def dashboard() -> Any:
    return json.loads((ROOT / "contrib" / "grafana" / "catflap.json").read_text())


def queries() -> list[str]:
    """Those of the dashboard, with what Grafana puts in for its variables."""
    return [
        target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")
        for panel in dashboard()["panels"]
        for target in panel["targets"]
    ]


def selectors(expression: Any) -> Iterator[promql_parser.VectorSelector]:
    """Every time series that an expression asks for."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
        return
    for part in ("expr", "lhs", "rhs", "vector_selector", "vs"):
        if (inner := getattr(expression, part, None)) is not None:
            yield from selectors(inner)
    for argument in getattr(expression, "args", None) or ():
        yield from selectors(argument)


def labels_used(selector: promql_parser.VectorSelector) -> set[str]:
    return {matcher.name for matcher in selector.matchers.matchers}


@pytest.mark.parametrize("query", [*queries(), *(alert.expr for alert in alerts())])
def test_a_query_can_be_parsed_and_names_what_there_is(query: str) -> None:
    found = list(selectors(promql_parser.parse(query)))
    assert found or query == "vector(0)"
    mentioned = set(re.findall(r"\b(?:catflap|felix)_\w+", query))
    assert {selector.name for selector in found} - {"up"} == mentioned
    for selector in found:
        if selector.name == "up":
            continue
        metric = SERVED[str(selector.name)]
        more = {"le"} if metric.type is Type.HISTOGRAM else set()
        assert labels_used(selector) <= {*metric.labels, *LABELS_OF_PROMETHEUS, *more}
    by = {label for labels in re.findall(r"by \(([^)]*)\)", query) for label in labels.split(", ")}
    known = {label for name in mentioned for label in SERVED[name].labels}
    assert by <= {*known, *LABELS_OF_PROMETHEUS, "le"}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.alert)
def test_an_alert_says_what_is_the_matter_and_how_bad_it_is(alert: Alert) -> None:
    assert re.fullmatch(r"Catflap[A-Za-z]+", alert.alert)
    assert alert.labels["severity"] in ("warning", "critical")
    assert alert.annotations.keys() == {"summary", "description"}
    assert re.fullmatch(r"\d+[sm]", alert.wait)
    used = set(re.findall(r"\$labels\.(\w+)", alert.annotations["summary"]))
    known = {label for metric in METRICS.values() if metric.name in alert.expr for label in metric.labels}
    assert used <= known | LABELS_OF_PROMETHEUS


def test_each_alert_is_explained() -> None:
    text = (ROOT / "docs" / "how-to" / "monitor.md").read_text()
    assert [alert.alert for alert in alerts() if f"`{alert.alert}`" not in text] == []


def test_the_dashboard_is_what_its_script_writes() -> None:
    made = script("grafana_dashboard")
    assert made.FILE.read_text(encoding="utf-8") == made.text(), "run: scripts/grafana_dashboard.py"


def test_the_dashboard_has_what_grafana_needs() -> None:
    found = dashboard()
    assert {"title", "uid", "schemaVersion", "templating", "time", "panels"} <= found.keys()
    ids = [panel["id"] for panel in found["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in found["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references) > 0


def test_the_reference_is_what_the_table_says() -> None:
    text = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    assert text.endswith(reference()), "run: scripts/metrics_reference.py"
