"""Worlds for tests: documents that are short to write, and questions to ask."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catflap.cli.content import Content, read_files
from catflap.cli.explanation import Explanation, explain
from catflap.cli.packets import read_text
from catflap.cli.questions import Asker, Defaults, Question
from catflap.cli.world import World
from catflap.model import document_path

Document = Mapping[str, Any]

TO_WEB = "tcp 10.0.0.1:4242 > 192.0.2.1:80"


def document(kind: str, name: str, labels: Mapping[str, str] | None = None, **spec: Any) -> Document:
    metadata = {"name": name, "labels": dict(labels or {})}
    return {"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": metadata, "spec": spec}


def endpoint(name: str, node: str, interface: str | None = None, *ips: str, **fields: Any) -> Document:
    spec = {"node": node, "expectedIPs": list(ips), **({"interfaceName": interface} if interface else {})}
    return document("HostEndpoint", name, fields.pop("labels", None), **spec, **fields)


def workload(**labels: str) -> Document:
    """A pod of host web1: 10.65.0.2 at interface cali1."""
    return document(
        "WorkloadEndpoint",
        "web1-k8s-pod-eth0",
        labels,
        node="web1",
        orchestrator="k8s",
        pod="pod",
        endpoint="eth0",
        interfaceName="cali1",
        ipNetworks=["10.65.0.2/32"],
    )


def policy(name: str, *ingress: Document, selector: str = "all()", **fields: Any) -> Document:
    spec = {"selector": selector, "types": ["Ingress"], "ingress": list(ingress), **fields}
    return document("GlobalNetworkPolicy", name, **spec)


def allow(port: int) -> Document:
    return {"action": "Allow", "protocol": "TCP", "destination": {"ports": [port]}}


DENY_ALL: Document = {"action": "Deny"}


def content(*documents: Document, ready: bool = True) -> Content:
    """As from a store."""
    entries = {document_path(each): json.dumps(each).encode() for each in documents}
    return Content("the test", {**({"/calico/v1/Ready": b"true"} if ready else {}), **entries})


def world(*documents: Document) -> World:
    return World(content(*documents))


def written(directory: Path, *documents: Document) -> Path:
    """A directory with all documents in one file."""
    text = "\n---\n".join(json.dumps(each) for each in documents)  # JSON is YAML
    (directory / "all.yaml").write_text(text)
    assert not read_files([directory]).problems
    return directory


def policed(made: World, host: str, *assumed: str) -> dict[str, str]:
    """Which endpoint polices which interface; for `Host.policy` an interface and an address."""
    return {item.interface: item.endpoint.name for item in made.host(host).policy(*assumed).interfaces}


def asked(made: World, text: str = TO_WEB, **defaults: Any) -> Question:
    """A question about a packet at host web1."""
    return Asker(made, Defaults(**{"host": "web1", **defaults})).question(read_text(text))


def explained(made: World, text: str = TO_WEB, **defaults: Any) -> Explanation:
    """The answer to it."""
    return explain(made, asked(made, text, **defaults))
