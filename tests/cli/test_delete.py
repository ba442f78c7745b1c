from __future__ import annotations

from pathlib import Path

import pytest
from tests.objects.documents import document, endpoint, policy, stored

from catflap.model import V1_ROOT
from catflap.model.changes import CHANGE_PATH

from .conftest import Run
from .written import file_of, given_store

TWIN = {f"{V1_ROOT}policy/tier/default/policy/ssh": b'{"inbound_rules": []}'}


def test_named_objects_are_deleted(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    store = given_store(monkeypatch, stored(policy("a"), policy("b"), endpoint()))
    status, stdout, stderr = run("delete", "gnp", "a", "b")
    assert (status, stderr) == (0, "")
    assert stdout.startswith("globalnetworkpolicy/a deleted\nglobalnetworkpolicy/b deleted\n2 objects")
    assert store.values == stored(endpoint())
    assert run("delete", "hep/web1-eth0", "-o", "name") == (0, "hostendpoint/web1-eth0\n", "")
    assert store.values == {}


def test_all_or_nothing(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    store = given_store(monkeypatch, stored(policy("a")))
    assert run("delete", "gnp", "a", "b", "c") == (
        1,
        "",
        "catflap: nothing was deleted: globalnetworkpolicy/b, globalnetworkpolicy/c not found in etcd://memory\n",
    )
    assert store.values == stored(policy("a"))
    status, stdout, _ = run("delete", "gnp", "a", "b", "--ignore-not-found")
    assert (status, store.values) == (0, {})
    assert stdout.startswith("globalnetworkpolicy/a deleted\n1 object ")


def test_what_files_name_even_if_it_is_invalid(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run
) -> None:
    invalid = document("HostEndpoint", "bad", {"node": 7})
    store = given_store(monkeypatch, stored(policy("a"), invalid))
    assert run("delete", "-f", file_of(tmp_path, policy("a", 80), invalid))[0] == 0
    assert store.values == {}


def test_files_that_name_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run) -> None:
    store = given_store(monkeypatch, stored(policy("a")))
    file = file_of(tmp_path, policy("a"), {"kind": "HostEndpoint"})
    status, _, stderr = run("delete", "-f", file)
    assert status == 1
    assert f"{file}:3: error: HostEndpoint" in stderr
    assert store.values == stored(policy("a"))


def test_a_name_in_both_trees(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    store = given_store(monkeypatch, {**stored(policy()), **TWIN})
    assert run("delete", "gnp", "ssh")[0] == 0
    assert store.values == {}


def test_a_namespace(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    store = given_store(monkeypatch, stored(document("NetworkSet", "a", namespace="shop")))
    assert run("delete", "netset", "a")[0] == 1
    status, stdout, _ = run("delete", "netset", "a", "-n", "shop")
    assert (status, store.values) == (0, {})
    assert stdout.startswith("networkset/a in namespace shop deleted\n")


def test_a_dry_run(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    store = given_store(monkeypatch, stored(policy()))
    assert "globalnetworkpolicy/ssh deleted (dry run)" in run("delete", "gnp", "ssh", "--dry-run")[1]
    assert store.values == stored(policy())


def test_nothing_is_deleted_where_nobody_knows_of_a_change(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    given_store(monkeypatch, {CHANGE_PATH: b"?", **stored(policy())})
    status, _, stderr = run("delete", "gnp", "ssh")
    assert status == 1
    assert "describes no change" in stderr


@pytest.mark.parametrize(
    "arguments", [(), ("gnp",), ("gnp,hep", "a"), ("gnp", "a", "-f", "x.yaml"), ("all",)]
)
def test_wrong_usage(monkeypatch: pytest.MonkeyPatch, run: Run, arguments: tuple[str, ...]) -> None:
    given_store(monkeypatch)
    assert run("delete", *arguments)[0] == 2
