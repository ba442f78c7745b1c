"""``catflap init`` makes a real store ready and says what it did."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import pytest
import yaml

from catflap.lab.agent import catflap_command
from catflap.lab.etcd import EtcdServer, free_port
from catflap.lab.guide import document
from catflap.model import V3_ROOT

from .guide_host import READY

CLUSTER: Final = f"{V3_ROOT}clusterinformations/default"


class Result(msgspec.Struct, frozen=True):
    """How the command ended."""

    status: int
    stdout: str
    stderr: str


def init(*arguments: str, **environment: str) -> Result:
    done = subprocess.run(
        catflap_command("init", *arguments),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": os.environ["PATH"], **environment},
    )
    assert "Traceback" not in done.stderr
    return Result(done.returncode, done.stdout, done.stderr)


class EtcdCase:
    """An empty etcd, used through one of its APIs."""

    path = READY
    ready = "true"

    def __init__(self, server: EtcdServer, api: Literal[2, 3]) -> None:
        self.url = f"{'etcd2' if api == 2 else 'etcd'}://{server.endpoint}"
        self._server = server
        self._api: Literal[2, 3] = api

    def stored(self) -> str:
        if self._api == 2:
            return self._server.etcdctl("get", READY, api=2).strip()
        return self._server.etcdctl("get", "--print-value-only", READY).strip()

    def hold_back(self) -> None:
        self._server.etcdctl(*(("set",) if self._api == 2 else ("put",)), READY, "false", api=self._api)


class DirectoryCase:
    """A directory that does not exist yet."""

    path = CLUSTER
    ready = "ready"

    def __init__(self, directory: Path) -> None:
        self.url = f"dir:{directory}"
        self._file = directory / "clusterinformations-default.yaml"

    def stored(self) -> str:
        found: Any = yaml.safe_load(self._file.read_text())
        return "ready" if found["spec"]["datastoreReady"] is True else "not ready"

    def hold_back(self) -> None:
        self._file.parent.mkdir(exist_ok=True)
        self._file.write_text(yaml.safe_dump(document("ClusterInformation", "default", datastoreReady=False)))


@pytest.fixture
def server() -> Iterator[EtcdServer]:
    with EtcdServer() as made:
        yield made


@pytest.fixture(params=["etcd", "etcd2", "dir"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> EtcdCase | DirectoryCase:
    if request.param == "dir":
        return DirectoryCase(tmp_path / "policy")
    return EtcdCase(request.getfixturevalue("server"), 2 if request.param == "etcd2" else 3)


def test_it_sets_the_flag_says_so_and_can_be_repeated(case: EtcdCase | DirectoryCase) -> None:
    first = init("--store", case.url)
    assert (first.status, first.stderr) == (0, "")
    assert first.stdout.startswith(f"{case.url}: {case.path} set to {case.ready} (it was ")
    assert case.stored() == case.ready
    again = init("--store", case.url)
    assert again == Result(0, f"{case.url}: {case.path} is already {case.ready}\n", "")
    assert case.stored() == case.ready


def test_a_flag_that_says_otherwise_is_set(case: EtcdCase | DirectoryCase) -> None:
    case.hold_back()
    result = init("--store", case.url)
    assert result.status == 0
    assert (
        f"{case.path} set to {case.ready} (it was {'false' if case.path == READY else 'not ready'})"
        in result.stdout
    )
    assert case.stored() == case.ready


def test_programs_get_json(case: EtcdCase | DirectoryCase) -> None:
    expected = {"store": case.url, "path": case.path, "value": case.ready}
    for changed in (True, False):
        result = init("--store", case.url, "-o", "json")
        assert json.loads(result.stdout) == {**expected, "changed": changed}


def test_the_environment_and_the_configuration_name_the_store_and_the_option_wins(server: EtcdServer) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    url = f"etcd://{server.endpoint}"
    felix = {"FELIX_ETCDENDPOINTS": f"http://{nobody}"}
    for result in (
        init("--store", url, CATFLAP_STORE=f"etcd://{nobody}", **felix),
        init(CATFLAP_STORE=url, **felix),
        init(FELIX_ETCDADDR=server.endpoint),
        init(FELIX_ETCDENDPOINTS=f"http://{server.endpoint}", FELIX_ETCDADDR=nobody),
    ):
        assert result.status == 0, result
        assert result.stdout.startswith(url)


def test_cluster_information_that_is_not_ready_is_left_to_the_tool_that_wrote_it(server: EtcdServer) -> None:
    value = json.dumps(document("ClusterInformation", "default", datastoreReady=False))
    server.etcdctl("put", CLUSTER, value)
    result = init("--store", f"etcd://{server.endpoint}")
    assert (result.status, result.stdout) == (1, "")
    assert CLUSTER in result.stderr
    assert "datastoreReady" in result.stderr
    assert server.etcdctl("get", READY) == ""


@pytest.mark.parametrize("scheme", ["etcd", "etcd2", "etcds", "etcd2s"])
def test_a_store_that_nobody_serves_ends_it_soon_with_a_message(scheme: str) -> None:
    address = f"127.0.0.1:{free_port()}"
    started = time.monotonic()
    result = init("--store", f"{scheme}://{address}")
    assert time.monotonic() - started < 15
    assert (result.status, result.stdout) == (3, "")
    assert result.stderr.startswith("catflap: ")
    assert address in result.stderr


@pytest.mark.parametrize("scheme", ["etcd", "etcd2"])
def test_a_store_that_does_not_answer_ends_it_soon_with_a_message(server: EtcdServer, scheme: str) -> None:
    server.freeze()
    started = time.monotonic()
    result = init("--store", f"{scheme}://{server.endpoint}")
    server.thaw()
    assert time.monotonic() - started < 15
    assert (result.status, result.stdout) == (3, "")
    assert server.endpoint in result.stderr


def test_a_directory_that_cannot_be_written_ends_it_with_a_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = init("--store", f"dir:{tmp_path}/file/policy")
    assert (result.status, result.stdout) == (3, "")
    assert f"{tmp_path}/file/policy" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (("--store", "http://localhost:2379"), {}),
        (("--store", "etcd://"), {}),
        (("--store", "etcd://host:port"), {}),
        (("--store", "dir:"), {}),
        (("--store", "nonsense"), {}),
        ((), {"CATFLAP_STORE": "consul://x"}),
        ((), {"FELIX_ETCDADDR": "localhost"}),
        ((), {"FELIX_DATASTORETYPE": "consul"}),
        (("--output", "xml"), {}),
        (("surplus",), {}),
    ],
)
def test_a_store_that_cannot_be_is_a_slip_of_usage(
    arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    result = init(*arguments, **environment)
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr != ""


@pytest.mark.parametrize("missing", ["FELIX_ETCDCAFILE", "FELIX_ETCDCERTFILE", "FELIX_ETCDKEYFILE"])
def test_a_certificate_that_does_not_exist_is_named(tmp_path: Path, missing: str) -> None:
    present = tmp_path / "present.pem"
    present.write_text("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
    files = dict.fromkeys(("FELIX_ETCDCERTFILE", "FELIX_ETCDKEYFILE"), str(present)) | {
        missing: f"{tmp_path}/none.pem"
    }
    result = init("--store", "etcds://127.0.0.1:1", **files)
    assert result.status in (2, 3)
    assert f"{tmp_path}/none.pem" in result.stderr
