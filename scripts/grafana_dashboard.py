#!/usr/bin/env python3
"""Write contrib/grafana/catflap.json: the dashboard of a fleet, as code.

Import the file into Grafana; it asks for the Prometheus that it shall read. A test holds the file to this script, and
every metric in it to the agent's table of metrics.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).resolve().parent.parent / "contrib" / "grafana" / "catflap.json"
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH, _HEIGHT = 24, 8  # of the whole, and of one panel
_WHERE = 'instance=~"$instance"'
_TO_KERNEL = f"sum by (le) (rate(catflap_event_to_kernel_seconds_bucket{{{_WHERE}}}[$__rate_interval]))"


class Panel(NamedTuple):
    """One picture: ``queries`` are PromQL with the legend of each."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    about: str = ""


PANELS = (
    Panel(
        "Agents",
        ((f"count(catflap_build_info{{{_WHERE}}})", "agents"),),
        kind="stat",
        width=4,
    ),
    Panel(
        "Not ready",
        ((f"count(catflap_ready{{{_WHERE}}} == 0) or vector(0)", "not ready"),),
        kind="stat",
        width=4,
        about="Hosts whose kernel does not hold what policy says: 'catflap health' there names the reason.",
    ),
    Panel(
        "Interfaces not enforced",
        (
            (
                f"sum(catflap_interfaces_not_enforced{{{_WHERE}}} + catflap_interfaces_unsupported{{{_WHERE}}})",
                "interfaces",
            ),
        ),
        kind="stat",
        width=4,
    ),
    Panel(
        "Newest revision enforced",
        ((f"max(catflap_enforced_revision{{{_WHERE}}})", "revision"),),
        kind="stat",
        width=4,
    ),
    Panel(
        "Hosts behind it",
        (
            (
                f"count(catflap_enforced_revision{{{_WHERE}}} < scalar(max(catflap_enforced_revision))) or vector(0)",
                "hosts",
            ),
        ),
        kind="stat",
        width=4,
    ),
    Panel(
        "Invalid objects",
        ((f"max(sum by (instance) (catflap_invalid_objects{{{_WHERE}}}))", "objects"),),
        kind="stat",
        width=4,
    ),
    Panel("Ready", ((f"catflap_ready{{{_WHERE}}}", "{{instance}}"),)),
    Panel(
        "Event to kernel",
        tuple(
            (f"histogram_quantile({part}, {_TO_KERNEL})", name)
            for part, name in ((0.5, "median"), (0.99, "99th percentile"))
        ),
        unit="s",
    ),
    Panel(
        "Waiting for the kernel",
        ((f"catflap_enforcement_behind_seconds{{{_WHERE}}}", "{{instance}}"),),
        unit="s",
    ),
    Panel(
        "Passes",
        (
            (
                f"sum by (result) (rate(catflap_passes_total{{{_WHERE}}}[$__rate_interval]))",
                "{{result}}",
            ),
        ),
        unit="ops",
    ),
    Panel("Store: silence", ((f"catflap_store_staleness_seconds{{{_WHERE}}}", "{{instance}}"),), unit="s"),
    Panel(
        "Store: states",
        ((f"sum by (state) (catflap_store_state{{{_WHERE}}})", "{{state}}"),),
    ),
    Panel("Enforced revision", ((f"catflap_enforced_revision{{{_WHERE}}}", "{{instance}}"),)),
    Panel(
        "Kernel last found right",
        ((f"catflap_kernel_checked_age_seconds{{{_WHERE}}}", "{{instance}}"),),
        unit="s",
    ),
    Panel(
        "Foreign changes and repairs",
        (
            (
                f"sum(increase(catflap_foreign_changes_total{{{_WHERE}}}[$__rate_interval]))",
                "foreign changes",
            ),
            (
                f"sum by (kind) (increase(catflap_repairs_total{{{_WHERE}}}[$__rate_interval])) > 0",
                "repaired: {{kind}}",
            ),
        ),
    ),
    Panel(
        "Rules and chains",
        (
            (f"catflap_rules{{{_WHERE}}}", "{{instance}} rules"),
            (f"catflap_chains{{{_WHERE}}}", "{{instance}} chains"),
        ),
    ),
    Panel(
        "Set members",
        (
            (f"sum by (instance) (catflap_set_members{{{_WHERE}}})", "{{instance}} all"),
            (f"catflap_largest_set_members{{{_WHERE}}}", "{{instance}} largest set"),
        ),
    ),
    Panel(
        "Existing connections ended",
        (
            (
                f"sum by (instance) (rate(catflap_connections_ended_total{{{_WHERE}}}[$__rate_interval]))",
                "{{instance}}",
            ),
        ),
        unit="ops",
    ),
)


def dashboard() -> dict[str, Any]:
    """The document as Grafana imports it."""
    return {
        "title": "Catflap",
        "uid": "catflap",
        "description": "What is enforced on which hosts, since when, and what is not.",
        "tags": ["catflap", "firewall"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_source_variable(), _instance_variable()]},
        "panels": _placed(),
    }


def _source_variable() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _instance_variable() -> dict[str, Any]:
    return {
        "name": "instance",
        "label": "Host",
        "type": "query",
        "datasource": _SOURCE,
        "query": "label_values(catflap_build_info, instance)",
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "refresh": 2,
    }


def _placed() -> list[dict[str, Any]]:
    """All panels in rows that are full."""
    placed, x, y = [], 0, 0
    for number, panel in enumerate(PANELS, 1):
        if x + panel.width > _WIDTH:
            x, y = 0, y + _HEIGHT
        placed.append(_panel(panel, number, x, y))
        x += panel.width
    return placed


def _panel(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    return {
        "id": number,
        "title": panel.title,
        "description": panel.about,
        "type": panel.kind,
        "datasource": _SOURCE,
        "gridPos": {"h": _HEIGHT, "w": panel.width, "x": x, "y": y},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": _SOURCE, "expr": query, "legendFormat": legend}
            for index, (query, legend) in enumerate(panel.queries)
        ],
    }


def text() -> str:
    """The file's content."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text(), encoding="utf-8")
