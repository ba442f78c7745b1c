"""Documents for tests of the directory store."""

from __future__ import annotations

import json

from catflap.model import V3_ROOT


def path(name: str) -> str:
    return f"{V3_ROOT}tiers/{name}"


def value(name: str, order: int = 1) -> bytes:
    spec = {"order": order}
    return json.dumps(
        {"apiVersion": "projectcalico.org/v3", "kind": "Tier", "metadata": {"name": name}, "spec": spec}
    ).encode()


def tier(name: str, order: int = 1) -> str:
    return f"apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {{name: {name}}}\nspec: {{order: {order}}}\n"
