from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
import yaml
from tests.objects.documents import document, endpoint, policy, stored

from catflap.model import V1_ROOT
from catflap.model.changes import CHANGE_PATH

from .conftest import Run
from .written import file_of, given_store

INVALID = document("HostEndpoint", "bad", {"node": 7, "interfaceName": "much-too-long-for-linux"})
HEADER = b'{"id":"a1","author":"bob@b","started":"2026-01-01T00:00:00Z","objects":2,"steps":2,"done":1}'


def test_objects_are_created_configured_or_unchanged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run
) -> None:
    store = given_store(monkeypatch, stored(policy("a", 1), policy("b", 1)))
    file = file_of(tmp_path, policy("a", 1), policy("b", 2), endpoint())
    status, stdout, stderr = run("apply", "-f", file)
    assert (status, stderr) == (0, "")
    *lines, summary = stdout.splitlines()
    assert lines == [
        "globalnetworkpolicy/a unchanged",
        "globalnetworkpolicy/b configured",
        "hostendpoint/web1-eth0 created",
    ]
    assert summary.startswith(
        "3 objects in etcd://memory: 1 unchanged, 1 configured, 1 created; revision 2, "
    )
    assert len(store.values) == 3


def test_files_directories_and_standard_input_together(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run
) -> None:
    store = given_store(monkeypatch)
    below = tmp_path / "below" / "deeper"
    below.mkdir(parents=True)
    file_of(below, policy("a"))
    file = file_of(tmp_path, {"kind": "List", "apiVersion": "v1", "items": [policy("b"), policy("c")]})
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(policy("d")).encode())))
    status, stdout, stderr = run("apply", str(tmp_path / "below"), "-f", file, "-f", "-", "-o", "name")
    assert (status, stderr) == (0, "")
    assert stdout.split() == [f"globalnetworkpolicy/{name}" for name in "bcda"]
    assert len(store.values) == 4


def test_nothing_is_written_if_one_is_invalid_and_every_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run
) -> None:
    store = given_store(monkeypatch)
    file = file_of(tmp_path, policy(), INVALID, policy(), {"kind": "Wrong"})
    status, stdout, stderr = run("apply", file)
    assert (status, stdout, store.values) == (1, "", {})
    assert f"{file}:3: error: HostEndpoint bad, spec.node (invalid)" in stderr
    assert "much-too-long-for-linux" in stderr
    assert f"{file}:5: error: GlobalNetworkPolicy ssh, metadata.name (duplicate-object)" in stderr
    assert f"the same object stands at {file}:1 already" in " ".join(stderr.split())
    assert f"{file}:7: error: Wrong, kind (invalid)" in stderr
    assert stderr.splitlines()[-1].startswith("catflap: nothing was written: ")


def test_warnings_do_not_refuse(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run) -> None:
    given_store(monkeypatch)
    file = file_of(tmp_path, document("IPPool", "a", {"cidr": "10.0.0.0/8"}))
    status, stdout, stderr = run("apply", file)
    assert status == 0
    assert stdout.startswith("ippool/a created\n")
    assert "warning: IPPool a (kind-without-effect)" in stderr


def test_a_dry_run_writes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run) -> None:
    store = given_store(monkeypatch)
    assert run("apply", file_of(tmp_path, policy()), "--dry-run") == (
        0,
        "globalnetworkpolicy/ssh created (dry run)\n1 object in etcd://memory: 1 created; nothing was written\n",
        "",
    )
    assert store.values == {}


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_the_result_for_programs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run, form: str
) -> None:
    given_store(monkeypatch)
    _, stdout, _ = run("apply", file_of(tmp_path, policy()), "-o", form)
    result = yaml.safe_load(stdout)
    assert result.pop("seconds") >= 0
    assert result == {
        "store": "etcd://memory",
        "dry_run": False,
        "revision": 2,
        "steps": 1,
        "objects": [{"kind": "GlobalNetworkPolicy", "namespace": "", "name": "ssh", "outcome": "created"}],
    }


def test_an_outdated_version_is_a_conflict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run) -> None:
    given_store(monkeypatch, stored(policy()))
    file = file_of(tmp_path, endpoint(), policy(port=80, resourceVersion="9"))
    status, stdout, stderr = run("apply", file)
    assert (status, stdout) == (1, "")
    assert f"{file}:3: error: GlobalNetworkPolicy ssh, metadata.resourceVersion (refused)" in stderr
    assert "is 9, but its version is 1 now: get the object again" in stderr


def test_a_twin_in_the_v1_tree_is_refused_with_its_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run
) -> None:
    given_store(monkeypatch, {f"{V1_ROOT}policy/tier/default/policy/ssh": b"{}"})
    file = file_of(tmp_path, policy())
    status, _, stderr = run("apply", file)
    assert status == 1
    assert f"{file}:1: error: GlobalNetworkPolicy ssh, metadata.name (refused)" in stderr


def test_what_the_v2_api_cannot_say_is_refused_with_its_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run
) -> None:
    given_store(monkeypatch, limit=1, url="etcd2://memory")
    file = file_of(tmp_path, policy(), document("GlobalNetworkSet", "a", {"nets": ["10.0.0.0/8"]}))
    status, stdout, stderr = run("apply", file)
    assert (status, stdout) == (1, "")
    assert f"{file}:3: error: GlobalNetworkSet a, kind (refused)" in stderr


def test_a_change_in_progress_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run
) -> None:
    store = given_store(monkeypatch, {CHANGE_PATH: HEADER})
    status, _, stderr = run("apply", file_of(tmp_path, policy()))
    assert status == 1
    assert (
        "a change of 2 objects by bob@b, begun at 2026-01-01T00:00:00Z, is written to 1 of 2 steps" in stderr
    )
    assert "--recover finish" in stderr
    assert "--recover undo" in stderr
    assert store.values == {CHANGE_PATH: HEADER}


@pytest.mark.parametrize(
    "arguments", [(), ("--recover", "undo", "policy.yaml"), ("none.yaml",), ("--recover", "wait")]
)
def test_wrong_usage(monkeypatch: pytest.MonkeyPatch, run: Run, arguments: tuple[str, ...]) -> None:
    given_store(monkeypatch)
    assert run("apply", *arguments)[0] == 2


def test_files_without_an_object(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run) -> None:
    given_store(monkeypatch)
    file = tmp_path / "empty.yaml"
    file.write_text("# nothing\n")
    status, _, stderr = run("apply", str(file))
    assert status == 2
    assert "there is no object in it" in stderr


def test_a_store_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run) -> None:
    given_store(monkeypatch).disconnect("etcd is away")
    status, stdout, stderr = run("apply", file_of(tmp_path, policy()))
    assert (status, stdout, stderr) == (3, "", "catflap: etcd is away; --store names another store\n")


def test_a_directory(tmp_path: Path, run: Run) -> None:
    (tmp_path / "policy").mkdir()
    file = file_of(tmp_path, policy(), endpoint())
    store = ("--store", f"dir:{tmp_path}/policy")
    assert run("apply", file, *store)[0] == 0
    assert "2 unchanged; nothing to write" in run("apply", file, *store)[1]
    written = yaml.safe_load((tmp_path / "policy" / "globalnetworkpolicies-ssh.yaml").read_text())
    assert written == policy()


@pytest.mark.parametrize("verb", ["apply", "delete"])
def test_help_says_what_each_store_guarantees(run: Run, verb: str) -> None:
    status, stdout, _ = run(verb, "--help")
    assert status == 0
    assert "all or nothing, as far as each store can" in stdout
