"""The stores that a lab can put its policy into, as users would: files, or ``etcdctl`` with either API.

Each is a context manager, takes the objects of the guide in its own encoding, and shows the command that did it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Protocol, Self

import yaml

from catflap.lab.etcd import EtcdServer
from catflap.lab.guide import Change
from catflap.lab.topology import STORE, GuideNetwork

StoreName = Literal["dir", "etcd", "etcd2"]
ETCD_PORT: Final = 2379
_YAML_WIDTH: Final = 92  # columns, so that an indented line of it still fits the report


class LabStore(Protocol):
    """A store of the lab."""

    url: str
    revision: int  # a store revision that has all that was put

    def put(self, change: Change) -> str:
        """Store an object; returns the command that a user would type."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class DirectoryLabStore:
    """YAML files in ``directory``, which belongs to the caller."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.url = f"dir:{directory}"
        self.revision = 0

    def put(self, change: Change) -> str:
        """Write the object's file, by renaming so that no half-written file is seen."""
        path = self._path(change)
        text = yaml.safe_dump(
            change.document, sort_keys=False, default_flow_style=None, width=_YAML_WIDTH, indent=2
        )
        draft = path.with_suffix(".tmp")
        draft.write_text(text, encoding="utf-8")
        self.revision = time.time_ns()  # that is how a directory counts
        draft.rename(path)
        return f"cat >{path} <<END\n{text}END"

    def _path(self, change: Change) -> Path:
        name = f"{change.document['kind'].lower()}-{change.document['metadata']['name']}.yaml"
        return self._directory / name

    def __enter__(self) -> Self:
        self._directory.mkdir(exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""


class EtcdLabStore:
    """A real etcd in the store's namespace, written with ``etcdctl``."""

    def __init__(self, network: GuideNetwork, api: Literal[2, 3], directory: Path) -> None:
        self._api = api
        urls = ",".join(f"http://{host}:{ETCD_PORT}" for host in (STORE.v4, f"[{STORE.v6}]"))
        self.server = EtcdServer(
            directory=directory,
            listen=STORE.v4,
            port=ETCD_PORT,
            command_prefix=network.store.command_prefix,
            arguments=[f"--listen-client-urls={urls}"],
        )
        self.url = f"{'etcd2' if api == 2 else 'etcd'}://{self.server.endpoint}"  # noqa: PLR2004  # the API's name
        self.revision = 0

    def put(self, change: Change) -> str:
        """Set the key."""
        value = change.value if isinstance(change.value, str) else _readable(change.value)
        verb = {2: "set", 3: "put"}[self._api]
        self.revision = self.server.change(verb, change.path, value, api=self._api)
        shown = f"'{value}'" if value != change.value else value
        return f"ETCDCTL_API={self._api} etcdctl {verb} {change.path} {shown}"

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()


def lab_store(name: StoreName, network: GuideNetwork, directory: Path) -> LabStore:
    """The store of that name, not started yet, with all its files in ``directory``."""
    if name == "dir":
        return DirectoryLabStore(directory)
    return EtcdLabStore(network, 2 if name == "etcd2" else 3, directory)


def _readable(value: Mapping[str, Any]) -> str:
    """JSON with a line for each field and for each object in a list, as the guide writes it."""
    fields = (f"  {json.dumps(name)}: {_field(field)}" for name, field in value.items())
    return "{\n" + ",\n".join(fields) + "\n}"


def _field(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(f"    {json.dumps(item)}" for item in value) + "\n  ]"
    return json.dumps(value)
