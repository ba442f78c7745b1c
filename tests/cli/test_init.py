from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import yaml

from catflap.cli import stores
from catflap.store import StoreError
from catflap.store.memory import MemoryStore

from .conftest import Run

READY = "/calico/v1/Ready"
CLUSTER = "/calico/resources/v3/projectcalico.org/clusterinformations/default"


class Reopened(MemoryStore):
    """A store that can be closed and read again, as a server's."""

    async def close(self) -> None:
        pass

    def value(self, path: str) -> bytes | None:
        return asyncio.run(self.get(path))


def given(monkeypatch: pytest.MonkeyPatch, **entries: bytes) -> Reopened:
    store = Reopened({{"ready": READY, "cluster": CLUSTER}[name]: value for name, value in entries.items()})
    monkeypatch.setattr(stores, "open_store", lambda *_: store)
    return store


def cluster(ready: object) -> bytes:
    return json.dumps({"spec": {"datastoreReady": ready}}).encode()


@pytest.mark.parametrize("was", [None, b"false", b"True", b"\xff"])
def test_the_flag_is_set_whatever_it_was(
    monkeypatch: pytest.MonkeyPatch, run: Run, was: bytes | None
) -> None:
    store = given(monkeypatch) if was is None else given(monkeypatch, ready=was)
    before = "not set" if was is None else was.decode(errors="replace")
    assert run("init") == (0, f"memory:: {READY} set to true (it was {before})\n", "")
    assert store.value(READY) == b"true"


def test_a_store_that_is_ready_is_not_written(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    store = given(monkeypatch, ready=b"true", cluster=cluster(ready=True))
    monkeypatch.setattr(store, "write", lambda _: pytest.fail("written"))
    assert run("init") == (0, f"memory:: {READY} is already true\n", "")


@pytest.mark.parametrize("value", [cluster(ready=False), cluster("true"), b"{", b"[]", b"{}"])
def test_another_flag_that_holds_agents_back_is_named(
    monkeypatch: pytest.MonkeyPatch, run: Run, value: bytes
) -> None:
    store = given(monkeypatch, cluster=value)
    status, stdout, stderr = run("init")
    assert (status, stdout) == (1, "")
    assert stderr.startswith(f"catflap: memory:: {CLUSTER} says datastoreReady is not true")
    assert "calicoctl datastore migrate unlock" in stderr
    assert store.value(READY) is None


def test_the_result_as_json(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    given(monkeypatch)
    _, stdout, _ = run("init", "-o", "json")
    assert json.loads(stdout) == {"store": "memory:", "path": READY, "changed": True, "value": "true"}


def test_a_directory_gets_a_document_once(tmp_path: Path, run: Run) -> None:
    url = f"dir:{tmp_path}"
    assert run("init", "--store", url) == (0, f"{url}: {CLUSTER} set to ready (it was not set)\n", "")
    assert run("init", "--store", url) == (0, f"{url}: {CLUSTER} is already ready\n", "")
    document = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "ClusterInformation",
        "metadata": {"name": "default"},
        "spec": {"datastoreReady": False},
    }
    file = tmp_path / "clusterinformations-default.yaml"
    file.write_text(yaml.safe_dump(document))
    assert run("init", "--store", url) == (0, f"{url}: {CLUSTER} set to ready (it was not ready)\n", "")
    assert yaml.safe_load(file.read_text())["spec"] == {"datastoreReady": True}


def test_the_named_file_says_which_store_it_is(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "felix.cfg"
    file.write_text(f"[global]\nDatastoreType = directory\nDatastorePath = {tmp_path}/policy\n")
    status, stdout, _ = run("init", "-c", str(file))
    assert status == 0
    assert stdout.startswith(f"dir:{tmp_path}/policy: ")
    status, _, stderr = run("init", "-c", str(tmp_path / "none.cfg"))
    assert status == 2
    assert "none.cfg does not exist" in stderr


def test_a_store_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    given(monkeypatch).disconnect("etcd is away")
    needed = "catflap: etcd is away; is it running there? --store names another store\n"
    assert run("init") == (3, "", needed)


def test_a_store_that_refuses(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    async def refuse(_: object) -> int:
        raise StoreError("permission denied")

    monkeypatch.setattr(given(monkeypatch), "write", refuse)
    assert run("init") == (3, "", "catflap: permission denied\n")
