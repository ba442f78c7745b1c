from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from catflap.lab.etcd import EtcdServer
from catflap.lab.guide import FAILSAFE_POLICY, MANAGEMENT_ENDPOINT, NO_FAILSAFE, Change
from catflap.lab.namespaces import Namespace
from catflap.lab.stores import DirectoryLabStore, EtcdLabStore, lab_store
from catflap.lab.topology import GuideNetwork, Switch
from catflap.store import open_store


class Here(Namespace, frozen=True):
    """Runs commands where the test runs."""

    @property
    def command_prefix(self) -> tuple[str, ...]:
        return ()


def network() -> GuideNetwork:
    here = Here("here", "here")
    switch = Switch.__new__(Switch)
    return GuideNetwork(here, here, here, here, here, switch, switch)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[DirectoryLabStore]:
    with DirectoryLabStore(tmp_path / "policy") as store:
        yield store


async def test_what_is_put_into_a_directory_is_what_an_agent_reads(directory: DirectoryLabStore) -> None:
    directory.put(FAILSAFE_POLICY)
    store = open_store(directory.url)
    stored = await store.get("/calico/resources/v3/projectcalico.org/globalnetworkpolicies/failsafe")
    await store.close()
    assert stored is not None
    assert json.loads(stored)["spec"] == FAILSAFE_POLICY.document["spec"]


def test_the_command_shown_for_a_directory_writes_the_same_file(
    directory: DirectoryLabStore, tmp_path: Path
) -> None:
    command = directory.put(FAILSAFE_POLICY)
    (written,) = (tmp_path / "policy").iterdir()
    text = written.read_text()
    written.unlink()
    subprocess.run(["sh", "-c", command], check=True)
    assert written.read_text() == text
    assert yaml.safe_load(text) == FAILSAFE_POLICY.document
    assert max(map(len, text.splitlines())) <= 92


@pytest.mark.parametrize(("name", "scheme"), [("etcd", "etcd"), ("etcd2", "etcd2")])
def test_etcd_is_used_through_the_api_that_was_named(name: str, scheme: str, tmp_path: Path) -> None:
    store = lab_store("etcd2" if name == "etcd2" else "etcd", network(), tmp_path / "etcd")
    assert store.url == f"{scheme}://192.0.2.20:2379"


def test_a_directory_is_the_other_choice(tmp_path: Path) -> None:
    assert lab_store("dir", network(), tmp_path / "policy").url == f"dir:{tmp_path}/policy"


@pytest.mark.parametrize(
    ("api", "change", "words"),
    [
        (2, MANAGEMENT_ENDPOINT, ["ETCDCTL_API=2", "etcdctl", "set"]),
        (3, FAILSAFE_POLICY, ["ETCDCTL_API=3", "etcdctl", "put"]),
        (3, NO_FAILSAFE[0], ["ETCDCTL_API=3", "etcdctl", "put"]),
    ],
)
def test_the_command_shown_for_etcd_stores_the_same_value(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, api: int, change: Change, words: list[str]
) -> None:
    run: list[tuple[str, ...]] = []

    def noted(_: EtcdServer, *command: str, api: int) -> int:
        run.append((*command, str(api)))
        return 7

    monkeypatch.setattr(EtcdServer, "change", noted)
    store = EtcdLabStore(network(), 2 if api == 2 else 3, tmp_path / "etcd")
    shown = store.put(change)
    ((_, path, value, used),) = run
    assert store.revision == 7
    printed = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {shown}"], capture_output=True, check=True, text=True
    )
    assert printed.stdout.split("\0") == [*words, path, value, ""]
    assert used == str(api)
    assert (value if isinstance(change.value, str) else json.loads(value)) == change.value


def test_an_etcd_keeps_everything_in_the_directory_it_was_given(tmp_path: Path) -> None:
    with EtcdServer(directory=tmp_path / "etcd") as server:
        assert {path.name for path in (tmp_path / "etcd").iterdir()} == {"data", "log"}
        assert server.etcdctl("get", "/key") == ""
    assert not (tmp_path / "etcd").exists()
