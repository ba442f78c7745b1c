from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from tests.nft.host_policies import host_policy

from catflap.agent import connections, lock, state_directory
from catflap.agent.saved_rule_set import FILE_NAME, Origin, SavedRuleSet, write
from catflap.cli import boot
from catflap.nft import MemoryNft, NftError, compile_policy

from .conftest import Run, modules_after

ORIGIN = Origin("0.9", "web1", ("cali",), 17, "2026-01-01T00:00:00Z")
RULE_SET = compile_policy(host_policy()).rule_set


@pytest.fixture(autouse=True)
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MemoryNft:
    """A kernel in memory, so that nothing of this machine is touched."""
    made = MemoryNft()
    monkeypatch.setattr("catflap.nft.LibNftables", lambda: made)
    monkeypatch.setattr(lock, "acquire_lock", nullcontext)
    monkeypatch.setattr(boot, "_PROC_NET", tmp_path)
    monkeypatch.setenv("CATFLAP_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("FELIX_FELIXHOSTNAME", "web1")
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file, with a rule set in it."""
    path = tmp_path / FILE_NAME
    write(path, SavedRuleSet(ORIGIN, RULE_SET.text()))
    return path


def test_the_saved_rule_set_is_loaded(run: Run, file: Path, kernel: MemoryNft) -> None:
    said = f"loaded {file}, of store revision 17, saved at 2026-01-01T00:00:00Z by Catflap 0.9\n"
    assert run("boot") == (0, said, "")
    assert kernel.rule_set == RULE_SET
    assert run("boot") == (0, "a rule set is in force already, and stays as it is\n", "")


def test_programs_are_told_too(run: Run, file: Path) -> None:
    status, stdout, stderr = run("boot", "-o", "json")
    assert (status, stderr) == (0, "")
    assert json.loads(stdout) == {
        "result": "loaded",
        "file": str(file),
        "origin": {
            "version": "0.9",
            "hostname": "web1",
            "workload_prefixes": ["cali"],
            "revision": 17,
            "saved": "2026-01-01T00:00:00Z",
        },
        "action": None,
        "reason": None,
        "remarks": [],
    }


def test_a_first_boot_is_open_and_says_so(run: Run, kernel: MemoryNft) -> None:
    status, stdout, stderr = run("boot")
    assert (status, stdout) == (0, "")
    assert "INTERFACES ARE OPEN" in stderr
    assert kernel.list_table() is None


def test_a_first_boot_may_be_closed(run: Run, kernel: MemoryNft, tmp_path: Path) -> None:
    config = tmp_path / "felix.cfg"
    config.write_text(
        "[global]\nBootAction = failsafe-only\nFailsafeInboundHostPorts = tcp:2222\nLogSeverityFile = loud\n"
    )
    status, _, stderr = run("boot", "-c", str(config))
    assert status == 0
    assert "every interface is closed but for failsafe ports" in stderr
    assert any("2222" in rule for rule in kernel.rule_set.chains["failsafe-in"].rules)


@pytest.mark.parametrize("action", ["open", "failsafe-only"])
def test_a_damaged_file_ends_with_a_no(
    run: Run, file: Path, kernel: MemoryNft, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    file.write_text("nonsense")
    monkeypatch.setenv("FELIX_BOOTACTION", action)
    status, stdout, stderr = run("boot", "-o", "json")
    assert status == 1
    found = json.loads(stdout)
    assert (found["result"], found["action"]) == ("damaged", action)
    assert "THE LAST RULE SET IN FORCE CANNOT BE LOADED" in stderr
    assert (kernel.list_table() is None) is (action == "open")


def test_an_invalid_configuration_does_not_keep_it_from_loading(
    run: Run, file: Path, kernel: MemoryNft, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert file.exists()
    monkeypatch.setenv("FELIX_BOOTACTION", "shut")
    status, stdout, stderr = run("boot")
    assert status == 2
    assert stdout.startswith("loaded ")
    assert "must be one of open, failsafe-only (value 'shut' for BootAction" in stderr
    assert kernel.rule_set == RULE_SET


def test_other_hosts_rule_sets_are_remarked(run: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert file.exists()
    monkeypatch.setenv("FELIX_FELIXHOSTNAME", "web2")
    status, _, stderr = run("boot")
    assert status == 0
    assert "catflap: The rule set that was loaded is that of host 'web1'" in stderr


def test_a_kernel_that_cannot_be_programmed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise NftError("libnftables.so.1 cannot be loaded")

    monkeypatch.setattr("catflap.nft.LibNftables", refuse)
    assert run("boot") == (3, "", "catflap: NO RULE SET IS IN FORCE: libnftables.so.1 cannot be loaded\n")


def refuse_lock(error: lock.LockError) -> Callable[[], None]:
    def acquire() -> None:
        raise error

    return acquire


def test_where_an_agent_runs_it_is_left_to_it(
    run: Run, file: Path, kernel: MemoryNft, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert file.exists()
    monkeypatch.setattr(lock, "acquire_lock", refuse_lock(lock.AlreadyRunningError("another agent")))
    assert run("boot") == (1, "", "catflap: nothing was loaded, since another agent\n")
    assert kernel.list_table() is None


def test_a_lock_that_cannot_be_had_keeps_nothing_from_loading(
    run: Run, file: Path, kernel: MemoryNft, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert file.exists()
    monkeypatch.setattr(lock, "acquire_lock", refuse_lock(lock.LockError("read-only")))
    status, _, stderr = run("boot")
    assert (status, stderr) == (0, "catflap: read-only; going on without a lock\n")
    assert kernel.rule_set == RULE_SET


def test_in_another_network_namespace_the_state_must_be_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CATFLAP_STATE_DIR")
    monkeypatch.setattr(state_directory, "_ON_HOST_ONLY", Path("/nowhere"))
    status, _, stderr = run("boot")
    assert status == 2
    assert "name the directory of its state with CATFLAP_STATE_DIR" in stderr


@pytest.mark.parametrize(("state", "looked_up"), [("01", 1), ("0A", 0)])
def test_connections_are_looked_up_where_there_are_any(
    run: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, looked_up: int
) -> None:
    assert file.exists()
    calls: list[None] = []
    monkeypatch.setattr(connections, "keep_existing_connections", lambda: calls.append(None))
    (tmp_path / "tcp6").write_text(f"  sl  local_address rem_address st\n   0: 0:0016 0:0000 {state} 0\n")
    assert run("boot")[0] == 0
    assert len(calls) == looked_up


def test_it_loads_nothing_that_a_boot_does_not_need() -> None:
    statement = "from catflap.cli.main import main; main(['boot', '-c', '/nowhere'])"
    heavy = {"grpc", "aiohttp", "rich", "pyroute2", "prometheus_client"}
    assert not modules_after(statement) & heavy
