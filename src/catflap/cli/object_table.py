"""Stored objects as tables, one for each kind, at most 100 columns wide unless their names need more.

Nothing here may trust what it shows: an invalid object has a line like any other.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from rich.cells import cell_len, set_cell_size

from catflap.cli.lines import MAX_WIDTH
from catflap.objects.stored import StoredObject, Tree

GAP: Final = 2  # columns between two cells
NARROWEST: Final = 8  # a cell is not cut below that

Row: TypeAlias = Sequence[str]
Cell: TypeAlias = Callable[[StoredObject], str]


def tables(objects: Sequence[StoredObject], *, with_namespace: bool = False) -> Iterator[str]:
    """The lines of one table for each kind, with an empty line between two. ``objects`` are sorted by kind."""
    for number, (kind, group) in enumerate(itertools.groupby(objects, key=lambda each: each.subject.kind)):
        if number:
            yield ""
        yield from _table(kind, list(group), with_namespace=with_namespace)


def _table(kind: str, objects: Sequence[StoredObject], *, with_namespace: bool) -> Iterator[str]:
    columns: dict[str, Cell] = {"NAME": lambda each: each.subject.name, **COLUMNS.get(kind, {})}
    if with_namespace and objects[0].subject.namespace:
        columns = {"NAMESPACE": lambda each: each.subject.namespace, **columns}
    if any(map(_note, objects)):
        columns = {**columns, "NOTE": _note}
    rows = [list(columns), *([cell(each) for cell in columns.values()] for each in objects)]
    yield from fitted(rows, whole=list(columns).index("NAME") + 1)


def fitted(rows: Sequence[Row], whole: int = 0) -> Iterator[str]:
    """Rows as lines; where they are too wide, the widest cells are cut, but for the first ``whole`` ones.

    Names are of that kind: they are copied into the next command. Letters may be two columns wide.
    """
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*shown, strict=True)]
    while sum(widths) + GAP * (len(widths) - 1) > MAX_WIDTH and max(widths[whole:], default=0) > NARROWEST:
        widths[widths.index(max(widths[whole:]), whole)] -= 1
    for row in shown:
        cells = [
            set_cell_size(_cut(cell, width), width + GAP) for cell, width in zip(row, widths, strict=True)
        ]
        yield "".join(cells).rstrip()


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else f"{set_cell_size(text, width - 1)}…"


def printable(text: str) -> str:
    """The text without characters that could forge a line, or tell a terminal what to do."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _note(item: StoredObject) -> str:
    notes = [] if item.valid else ["invalid"]
    return ", ".join([*notes, *(["v1"] if item.tree is Tree.V1 else [])])


def _spec(item: StoredObject) -> Mapping[str, Any]:
    spec = (item.document or {}).get("spec")
    return spec if isinstance(spec, dict) else {}


def _field(name: str, default: str = "") -> Cell:
    return lambda item: _text(_spec(item).get(name)) or default


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ",".join(map(_text, value))
    if isinstance(value, dict):
        return ",".join(f"{name}={_text(each)}" for name, each in value.items())
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _labels(item: StoredObject) -> str:
    return _text(dict(item.labels))


def _node(item: StoredObject) -> str:
    spec = _spec(item)
    return _text(spec.get("node")) or _text(spec.get("nodeSelector"))


def _flags(item: StoredObject) -> str:
    spec = _spec(item)
    return ",".join(name for name in ("applyOnForward", "preDNAT", "doNotTrack") if spec.get(name) is True)


def _rules(item: StoredObject) -> str:
    spec = _spec(item)
    counts = ((name, spec.get(name)) for name in ("ingress", "egress"))
    return ", ".join(f"{len(rules)} {name}" for name, rules in counts if isinstance(rules, list) and rules)


def _names(item: StoredObject) -> str:
    return ",".join(map(_text, _spec(item)))


def _node_interfaces(item: StoredObject) -> str:
    interfaces = _spec(item).get("interfaces")
    listed = interfaces if isinstance(interfaces, list) else []
    return ",".join(_text(each.get("name")) for each in listed if isinstance(each, dict))


_POLICY: Mapping[str, Cell] = {
    "TIER": _field("tier", "default"),
    "ORDER": _field("order"),
    "SELECTOR": _field("selector", "all()"),
    "TYPES": _field("types"),
    "RULES": _rules,
    "FLAGS": _flags,
}
_SET: Mapping[str, Cell] = {"NETS": _field("nets"), "LABELS": _labels}

COLUMNS: Mapping[str, Mapping[str, Cell]] = {
    "HostEndpoint": {
        "NODE": _node,
        "INTERFACE": _field("interfaceName"),
        "IPS": _field("expectedIPs"),
        "PROFILES": _field("profiles"),
        "LABELS": _labels,
    },
    "WorkloadEndpoint": {
        "NODE": _node,
        "INTERFACE": _field("interfaceName"),
        "NETWORKS": _field("ipNetworks"),
        "PROFILES": _field("profiles"),
        "LABELS": _labels,
    },
    "GlobalNetworkPolicy": _POLICY,
    "NetworkPolicy": _POLICY,
    "StagedGlobalNetworkPolicy": _POLICY,
    "GlobalNetworkSet": _SET,
    "NetworkSet": _SET,
    "Tier": {"ORDER": _field("order"), "DEFAULT ACTION": _field("defaultAction", "Deny")},
    "Profile": {"RULES": _rules, "LABELS TO APPLY": _field("labelsToApply")},
    "Node": {"INTERFACES": _node_interfaces, "LABELS": _labels},
    "FelixConfiguration": {"PARAMETERS": _names},
    "ClusterInformation": {"READY": _field("datastoreReady")},
}
