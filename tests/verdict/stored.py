"""A store with documents in both encodings, and what the host makes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tests.verdict.hosts import packet

from catflap.model import decode
from catflap.model.v3_documents import PLURALS, V3_ROOT
from catflap.policy import PolicyEngine, Settings
from catflap.verdict.evaluate import evaluate
from catflap.verdict.packet import Packet

NOTHING: Mapping[str, str] = {}
DENY = [{"action": "Deny"}]
FAR = packet()


class Store:
    """What stands in the store of host ``web1``, which has the interfaces eth0, eth1 and lo."""

    def __init__(self, **settings: object) -> None:
        self.engine = PolicyEngine(Settings("web1", **settings))  # type: ignore[arg-type]  # tests name them
        self.engine.set_interfaces({"eth0": {"192.0.2.1"}, "eth1": {"192.0.2.2"}, "lo": {"127.0.0.1"}})

    def put(self, path: str, value: object | None) -> Store:
        raw = None if value is None else json.dumps(value).encode()
        self.engine.apply(decode(path, raw).changes)
        return self

    def v1(self, path: str, **fields: object) -> Store:
        return self.put(f"/calico/v1/{path}", fields)

    def v3(self, kind: str, name: str, labels: Mapping[str, str] = NOTHING, /, **spec: object) -> Store:
        metadata = {"name": name, "labels": labels}
        return self.put(
            f"{V3_ROOT}{PLURALS[kind]}/{name}", {"kind": kind, "metadata": metadata, "spec": spec}
        )

    def endpoint(self, name: str = "e", interface: str = "eth0", /, **spec: object) -> Store:
        return self.v3("HostEndpoint", name, {"role": "web"}, node="web1", interfaceName=interface, **spec)

    def policy(self, name: str = "p", /, **spec: object) -> Store:
        return self.v3("GlobalNetworkPolicy", name, **spec)

    def decides(self, met: Packet = FAR) -> str:
        """The reason, and the name of the policy or profile."""
        verdict = evaluate(self.engine.host_policy(), met)
        name = (verdict.policy or "").rpartition("/")[2].removeprefix("profile ")
        return f"{verdict.reason} {name}".strip()


def allow(**fields: object) -> list[object]:
    return [{"action": "Allow", **fields}]
