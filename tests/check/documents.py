"""Documents for tests of checking, and what is found in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from catflap.check import Finding, Report, check_files
from catflap.check.inventory import Inventory
from catflap.check.schema import check_schema
from catflap.check.source import read_source
from catflap.store.directory.tree import Reading

FILE = "policy.yaml"
Document = Mapping[str, Any]


def document(
    kind: str, name: str, spec: Mapping[str, Any], labels: Mapping[str, str] | None = None
) -> Document:
    metadata = {"name": name, "labels": labels or {}}
    return {"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": metadata, "spec": spec}


def policy(name: str = "p", **spec: Any) -> Document:
    """A policy for everything; ``types`` is Ingress unless it is given, and left out where it is None."""
    spec = {"types": ["Ingress"], **spec}
    return document(
        "GlobalNetworkPolicy", name, {key: value for key, value in spec.items() if value is not None}
    )


def endpoint(name: str = "web1", labels: Mapping[str, str] | None = None, **spec: Any) -> Document:
    """A host endpoint for eth0 of a host of the same name."""
    return document("HostEndpoint", name, {"node": name, "interfaceName": "eth0", **spec}, labels)


def workload(name: str, node: str, interface: str, address: str, **labels: str) -> Document:
    """A workload endpoint whose profile allows everything."""
    spec = {
        "node": node,
        "orchestrator": "tests",
        "workload": name,
        "endpoint": "eth0",
        "interfaceName": interface,
        "ipNetworks": [address],
        "profiles": ["projectcalico-default-allow"],
    }
    stored = f"{node}-tests-{name}-eth0"
    return document("WorkloadEndpoint", stored, spec, labels)


def policy_test(*tests: Mapping[str, Any], name: str = "promises") -> Document:
    return {
        "apiVersion": "catflap/v1",
        "kind": "PolicyTest",
        "metadata": {"name": name},
        "spec": {"tests": list(tests)},
    }


def text(*documents: Document) -> bytes:
    """The documents as one YAML file."""
    return "---\n".join(f"{json.dumps(each)}\n" for each in documents).encode()


def files(**content: bytes) -> dict[str, Reading]:
    """YAML files, by their names without suffix."""
    return {f"{name}.yaml": Reading(f"/{name}.yaml", data) for name, data in content.items()}


def check(*documents: Document) -> Report:
    return check_files(files(policy=text(*documents)))


def found(code: str, *documents: Document) -> list[Finding]:
    """The findings of one code."""
    return [each for each in check(*documents).findings if each.code == code]


def fields(code: str, *documents: Document) -> list[str]:
    """Where there are findings of one code."""
    return [each.field for each in found(code, *documents)]


def inventory(*documents: Document) -> Inventory:
    """The inventory of documents that must all be valid."""
    objects, unreadable = read_source(FILE, text(*documents))
    schema = check_schema(objects)
    assert [*unreadable, *schema.findings] == []
    return Inventory(schema.valid)
