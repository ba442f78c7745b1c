"""The stores that a lab can put its policy into, as users would: files, or ``etcdctl`` with either API.

Each is a context manager, takes the objects of the guide in its own encoding, and shows the command that did it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Final, Literal, Protocol, Self

import yaml

from catflap.lab.etcd import EtcdServer
from catflap.lab.guide import Change
from catflap.lab.topology import STORE, GuideNetwork

StoreName = Literal["dir", "etcd", "etcd2"]
ETCD_PORT: Final = 2379


class LabStore(Protocol):
    """A store of the lab."""

    url: str

    def put(self, change: Change) -> str:
        """Store an object; returns the command that a user would type."""

    def delete(self, change: Change) -> str:
        """Delete an object; returns the command that a user would type."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class DirectoryLabStore:
    """A directory of YAML files."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="catflap-policy-"))
        self.url = f"dir:{self.directory}"

    def put(self, change: Change) -> str:
        """Write the object's file, by renaming so that no half-written file is seen."""
        path = self._path(change)
        draft = path.with_suffix(".tmp")
        draft.write_text(yaml.safe_dump(change.document, sort_keys=False), encoding="utf-8")
        draft.rename(path)
        return f"cp {path.name} {self.directory}/"

    def delete(self, change: Change) -> str:
        """Remove the object's file."""
        self._path(change).unlink()
        return f"rm {self._path(change)}"

    def _path(self, change: Change) -> Path:
        return (
            self.directory / f"{change.document['kind'].lower()}-{change.document['metadata']['name']}.yaml"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)


class EtcdLabStore:
    """A real etcd in the store's namespace, written with ``etcdctl``."""

    def __init__(self, network: GuideNetwork, api: Literal[2, 3]) -> None:
        self._api = api
        self.server = EtcdServer(listen=STORE.v4, port=ETCD_PORT, command_prefix=network.store.command_prefix)
        self.url = f"{'etcd2' if api == 2 else 'etcd'}://{self.server.endpoint}"  # noqa: PLR2004  # the API's name

    def put(self, change: Change) -> str:
        """Set the key."""
        value = change.value if isinstance(change.value, str) else json.dumps(change.value)
        verb = {2: "set", 3: "put"}[self._api]
        self.server.etcdctl(verb, change.path, value, api=self._api)
        return f"ETCDCTL_API={self._api} etcdctl {verb} {change.path} '{value}'"

    def delete(self, change: Change) -> str:
        """Delete the key."""
        verb = {2: "rm", 3: "del"}[self._api]
        self.server.etcdctl(verb, change.path, api=self._api)
        return f"ETCDCTL_API={self._api} etcdctl {verb} {change.path}"

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()


def lab_store(name: StoreName, network: GuideNetwork) -> LabStore:
    """The store of that name, not started yet."""
    if name == "dir":
        return DirectoryLabStore()
    return EtcdLabStore(network, 2 if name == "etcd2" else 3)
