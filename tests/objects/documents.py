"""Documents that are short to write, and what stores make of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from catflap.model import document_path
from catflap.objects.applying import carry_out, plan
from catflap.objects.planning import Planned, Wanted, wanted
from catflap.store import Store

Document = Mapping[str, Any]


def document(kind: str, name: str, spec: Document | None = None, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": kind,
        "metadata": {"name": name, **metadata},
        "spec": dict(spec or {}),
    }


def endpoint(name: str = "web1-eth0", node: str = "web1", **metadata: Any) -> dict[str, Any]:
    spec = {"node": node, "interfaceName": "eth0", "expectedIPs": ["192.0.2.1"]}
    return document("HostEndpoint", name, spec, **metadata)


def policy(name: str = "ssh", port: int = 22, **metadata: Any) -> dict[str, Any]:
    rule = {"action": "Allow", "protocol": "TCP", "destination": {"ports": [port]}}
    spec = {"tier": "default", "order": 10, "selector": "all()", "types": ["Ingress"], "ingress": [rule]}
    return document("GlobalNetworkPolicy", name, spec, **metadata)


def profile(name: str = "base", **spec: Any) -> dict[str, Any]:
    return document("Profile", name, {"ingress": [{"action": "Allow"}], **spec})


def stored(*documents: Document) -> dict[str, bytes]:
    """As somebody has put them into the v3 tree by hand."""
    return {document_path(each): json.dumps(each).encode() for each in documents}


def wanted_of(*documents: Document) -> list[Wanted]:
    return [wanted(each) for each in documents]


async def planned(store: Store, *documents: Document) -> list[Planned]:
    return await plan(store, wanted_of(*documents))


async def applied(store: Store, *documents: Document) -> list[str]:
    """Apply documents; the words for what became of them."""
    plans = await planned(store, *documents)
    await carry_out(store, plans, "ada@admin1")
    return [str(each.outcome) for each in plans]
