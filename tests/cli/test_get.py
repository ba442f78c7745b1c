from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from tests.objects.documents import document, endpoint, policy, stored

from catflap.model import V1_ROOT, V3_ROOT
from catflap.model.changes import CHANGE_PATH

from .conftest import Run
from .written import given_store

WEB = {f"{V1_ROOT}host/web1/endpoint/eth1": b'{"name": "eth1", "labels": {"role": "web"}}'}
SETTINGS = {f"{V1_ROOT}Ready": b"true", f"{V1_ROOT}config/LogSeverityScreen": b"info"}
HEADER = b'{"id":"a1","author":"bob@b","started":"2026-01-01T00:00:00Z","objects":2,"steps":2,"done":1}'


def test_a_table(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    given_store(monkeypatch, {**stored(endpoint(labels={"role": "management"})), **WEB})
    status, stdout, stderr = run("get", "hep")
    assert (status, stderr) == (0, "")
    assert stdout.splitlines() == [
        "NAME       NODE  INTERFACE  IPS        PROFILES  LABELS           NOTE",
        "web1-eth0  web1  eth0       192.0.2.1            role=management",
        "web1.eth1  web1  eth1                            role=web         v1",
    ]


def test_several_kinds_and_names(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    given_store(monkeypatch, stored(endpoint(), policy("a"), policy("b")))
    assert run("get", "hep,gnp", "-o", "name")[1].split() == [
        "globalnetworkpolicy/a",
        "globalnetworkpolicy/b",
        "hostendpoint/web1-eth0",
    ]
    assert run("get", "gnp/b", "hep/web1-eth0", "-o", "name")[1].split() == [
        "globalnetworkpolicy/b",
        "hostendpoint/web1-eth0",
    ]
    assert run("get", "all", "-o", "name") == run("get", "hep,gnp", "-o", "name")


def test_labels_select(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    given_store(monkeypatch, {**stored(endpoint(labels={"role": "db"})), **WEB})
    assert run("get", "hep", "-l", "role == 'web'", "-o", "name") == (0, "hostendpoint/web1.eth1\n", "")
    status, _, stderr = run("get", "hep", "-l", "role ==")
    assert status == 2
    assert "--selector 'role ==' is not a selector" in stderr


def test_namespaces(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    sets = [document("NetworkSet", name, namespace=name) for name in ("default", "shop")]
    given_store(monkeypatch, stored(*sets))
    assert run("get", "netset", "-o", "name")[1] == "networkset/default\n"
    assert run("get", "netset", "-n", "shop", "-o", "name")[1] == "networkset/shop\n"
    assert run("get", "netset", "shop", "-n", "shop", "-o", "name")[1] == "networkset/shop\n"
    assert run("get", "netset", "-A")[1].splitlines() == [
        "NAMESPACE  NAME     NETS  LABELS",
        "default    default",
        "shop       shop",
    ]


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_documents_with_their_versions(monkeypatch: pytest.MonkeyPatch, run: Run, form: str) -> None:
    given_store(monkeypatch, stored(policy("a"), policy("b")))
    _, one, _ = run("get", "gnp", "a", "-o", form)
    assert yaml.safe_load(one) == policy("a", resourceVersion="1")
    _, several, _ = run("get", "gnp", "-o", form)
    assert yaml.safe_load(several) == {
        "apiVersion": "v1",
        "kind": "List",
        "items": [policy("a", resourceVersion="1"), policy("b", resourceVersion="1")],
    }


@pytest.mark.parametrize("form", ["json", "yaml"])
@pytest.mark.parametrize(("limit", "url"), [(128, "etcd://memory"), (1, "etcd2://memory")])
def test_what_is_shown_can_be_applied_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run, form: str, limit: int, url: str
) -> None:
    v3 = stored(endpoint(), policy("a"), document("Tier", "t", {"order": 3})) if limit > 1 else {}
    store = given_store(monkeypatch, {**v3, **WEB, **SETTINGS}, limit, url)
    before = store.values
    file = tmp_path / f"all.{form}"
    file.write_text(run("get", "all", "-o", form)[1])
    status, stdout, _ = run("apply", "-f", str(file))
    assert status == 0
    assert {line.split()[-1] for line in stdout.splitlines()[:-1]} == {"unchanged"}
    assert store.values == before


def test_nothing_there(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    given_store(monkeypatch)
    assert run("get", "hep") == (0, "", "No resources found.\n")
    assert run("get", "hep", "a", "b") == (
        1,
        "",
        "catflap: hostendpoint/a not found\ncatflap: hostendpoint/b not found\n",
    )
    assert json.loads(run("get", "hep", "-o", "json")[1])["items"] == []
    assert run("get", "hep", "a", "-o", "yaml") == (1, "", "catflap: hostendpoint/a not found\n")
    assert run("get", "np", "a")[2] == "catflap: networkpolicy/a not found (in namespace default)\n"
    assert run("get", "np", "a", "-n", "b")[2] == "catflap: networkpolicy/a in namespace b not found\n"


def test_a_name_in_all_namespaces(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    given_store(monkeypatch)
    status, _, stderr = run("get", "np", "a", "-A")
    assert (status, stderr) == (2, "catflap: a name belongs to one namespace: give -n NAME in place of -A\n")


def test_some_names_are_not_there(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    given_store(monkeypatch, stored(policy("a")))
    assert run("get", "gnp", "a", "b", "-o", "name") == (
        1,
        "globalnetworkpolicy/a\n",
        "catflap: globalnetworkpolicy/b not found\n",
    )


def test_invalid_objects_are_shown_with_the_reason(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    path = f"{V3_ROOT}hostendpoints/bad"
    given_store(monkeypatch, {path: b"{"})
    status, stdout, stderr = run("get", "hep")
    assert status == 0
    assert stdout.splitlines()[1].split() == ["bad", "invalid"]
    assert stderr.startswith(f"Warning: hostendpoint/bad ({path}) is invalid, and treated as missing: ")
    assert run("get", "hep", "-o", "yaml")[0] == 1  # it cannot be shown so


def test_what_no_document_can_say(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    given_store(monkeypatch, {f"{V1_ROOT}policy/profile/base/tags": b'["t"]'})
    status, stdout, stderr = run("get", "profile")
    assert (status, stdout.splitlines()[1].split()) == (0, ["base", "v1"])
    assert "cannot be shown as a document: tags" in stderr


@pytest.mark.parametrize(
    ("header", "said"),
    [(HEADER, "a change of 2 objects by bob@b, begun at"), (b"?", "describes no change; agents ignore it")],
)
def test_a_change_in_progress(monkeypatch: pytest.MonkeyPatch, run: Run, header: bytes, said: str) -> None:
    given_store(monkeypatch, {CHANGE_PATH: header, **stored(policy())})
    status, stdout, stderr = run("get", "gnp", "-o", "name")
    assert (status, stdout) == (0, "globalnetworkpolicy/ssh\n")
    assert stderr.startswith("Warning: ")
    assert said in stderr


def test_a_kind_that_is_none(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    given_store(monkeypatch)
    status, _, stderr = run("get", "hostendpiont")
    assert status == 2
    assert "Did you mean 'hostendpoint'?" in stderr


def test_a_file_that_cannot_be_used_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(yaml.safe_dump(document("Tier", "good", order=1)))
    (tmp_path / "broken.yaml").write_text("kind: [")
    status, stdout, stderr = run("get", "tier", "-o", "name", "--store", f"dir:{tmp_path}")
    assert (status, stdout) == (0, "tier/good\n")
    assert f"Warning: file {tmp_path}/broken.yaml: the file is not valid YAML" in stderr
