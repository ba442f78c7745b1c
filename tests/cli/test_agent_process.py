"""The process around the agent: signals, waiting, exit codes. What the agent itself does is tested with the agent."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catflap.agent import lock
from catflap.cli import agent_process
from catflap.host import Interface, MemoryInterfaces
from catflap.lab.etcd import free_port
from catflap.nft import MemoryNft, NftError

from .conftest import Run

ETH0 = Interface(2, "eth0", addresses=frozenset({"192.0.2.1"}))
ENDPOINT = {
    "apiVersion": "projectcalico.org/v3",
    "kind": "HostEndpoint",
    "metadata": {"name": "eth0"},
    "spec": {"node": "web1", "interfaceName": "eth0"},
}


class SilentWatcher:
    """Hears of no foreign changes."""

    def start(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MemoryNft]:
    """A kernel in memory, so that nothing of this machine is touched."""
    made = MemoryNft()
    monkeypatch.setattr(agent_process, "LibNftables", lambda: made)
    monkeypatch.setattr(agent_process, "KernelContent", lambda: made)
    monkeypatch.setattr(agent_process, "CommitWatcher", lambda _is_own: SilentWatcher())
    monkeypatch.setattr(agent_process, "LinkWatcher", lambda: MemoryInterfaces([ETH0]))
    monkeypatch.setattr(agent_process, "keep_existing_connections", lambda: None)
    monkeypatch.setattr(lock, "acquire_lock", contextlib.nullcontext)
    monkeypatch.setenv("FELIX_FELIXHOSTNAME", "web1")
    monkeypatch.setenv("CATFLAP_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("FELIX_LOGFILEPATH", str(tmp_path / "felix.log"))
    monkeypatch.setenv("FELIX_LOGSEVERITYSYS", "none")
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield made
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


@pytest.fixture
def policy(tmp_path: Path) -> str:
    """The URL of a directory with one endpoint."""
    directory = tmp_path / "policy"
    directory.mkdir()
    (directory / "eth0.json").write_text(json.dumps(ENDPOINT))
    return f"dir:{directory}"


def logged(tmp_path: Path) -> str:
    return (tmp_path / "felix.log").read_text()


def when_logged(tmp_path: Path, text: str, act: Callable[[], None]) -> threading.Thread:
    """Do something as soon as a text is in the log."""
    file, pause = tmp_path / "felix.log", threading.Event()

    def wait() -> None:
        for _ in range(1000):
            if file.exists() and text in file.read_text():
                act()
                return
            pause.wait(0.01)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_once_enforces_what_the_store_holds_and_ends(
    run: Run, tmp_path: Path, policy: str, kernel: MemoryNft
) -> None:
    assert run("agent", "--once", "--store", policy) == (0, "", "")
    assert "eth0" in json.dumps(kernel.list_table())
    assert f"initializing, with the store {policy}" in logged(tmp_path)
    assert "Terminating; what is enforced stays in force" in logged(tmp_path)


def test_once_says_what_it_waited_for_in_vain(run: Run, tmp_path: Path, kernel: MemoryNft) -> None:
    missing = f"dir:{tmp_path}/missing"
    status, _, stderr = run("agent", "--once", "--timeout", "0.2", "--store", missing)
    assert status == 3
    assert stderr.startswith("catflap: nothing was enforced within 0.2 s: ")
    assert "missing" in stderr
    assert not kernel.rule_set.maps  # no interface is policed, only unknown workloads are blocked


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_what_is_enforced_stays(
    run: Run, tmp_path: Path, policy: str, kernel: MemoryNft, number: signal.Signals
) -> None:
    thread = when_logged(tmp_path, "Enforcing on eth0", lambda: os.kill(os.getpid(), number))
    assert run("agent", "--store", policy) == (0, "", "")
    thread.join()
    assert "eth0" in json.dumps(kernel.list_table())


def test_the_store_may_come_from_the_file(run: Run, tmp_path: Path, policy: str) -> None:
    file = tmp_path / "felix.cfg"
    file.write_text(f"[global]\nDatastoreType = directory\nDatastorePath = {policy.removeprefix('dir:')}\n")
    assert run("agent", "--once", "-c", str(file)) == (0, "", "")


def test_hangup_reads_the_file_again(run: Run, tmp_path: Path, policy: str) -> None:
    file = tmp_path / "felix.cfg"
    file.write_text("[global]\nInterfacePrefix = tap\n")

    def change() -> None:
        file.write_text("[global]\nInterfacePrefix = veth\n")
        os.kill(os.getpid(), signal.SIGHUP)
        when_logged(tmp_path, "has value 'veth'", lambda: os.kill(os.getpid(), signal.SIGTERM)).join()

    thread = when_logged(tmp_path, "Enforcing on eth0", change)
    assert run("agent", "--store", policy, "-c", str(file)) == (0, "", "")
    thread.join()
    assert f"has value 'veth' read from Configuration file {file}" in logged(tmp_path)


def test_what_is_in_force_is_kept_and_loaded_at_the_next_start(
    run: Run, tmp_path: Path, policy: str, kernel: MemoryNft, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("agent", "--once", "--store", policy) == (0, "", "")
    saved = tmp_path / "state" / "rule-set.nft"
    kept = saved.read_bytes()
    before = kernel.rule_set
    assert "no rule set was saved in" in logged(tmp_path)
    after = MemoryNft()
    monkeypatch.setattr(agent_process, "LibNftables", lambda: after)
    waiting = f"waiting for the store dir:{tmp_path}/missing"  # by then it listens to signals
    thread = when_logged(tmp_path, waiting, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert run("agent", "--store", f"dir:{tmp_path}/missing") == (0, "", "")
    thread.join()
    assert f"loaded {saved}" in logged(tmp_path)
    assert after.rule_set == before
    assert saved.read_bytes() == kept


def test_without_store_table_and_saved_rule_set_boot_action_decides(
    run: Run, tmp_path: Path, kernel: MemoryNft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FELIX_BOOTACTION", "failsafe-only")
    assert run("agent", "--once", "--timeout", "0.2", "--store", f"dir:{tmp_path}/missing")[0] == 3
    assert "failsafe-in" in kernel.rule_set.chains
    assert "(BootAction=failsafe-only)" in logged(tmp_path)
    assert not (tmp_path / "state" / "rule-set.nft").exists()  # it was never confirmed by a store


def test_a_rule_set_that_cannot_be_kept_changes_nothing_else(
    run: Run, tmp_path: Path, policy: str, kernel: MemoryNft
) -> None:
    (tmp_path / "state").write_text("in the way")
    status, _, screen = run("agent", "--once", "--store", policy)
    assert status == 0
    assert "eth0" in json.dumps(kernel.list_table())
    assert "[ERROR]" in screen
    assert "state/rule-set.nft cannot be read: Not a directory; INTERFACES ARE OPEN" in screen
    log = logged(tmp_path)
    assert log.count("is not kept for the next boot: cannot write") == 1


def test_a_url_of_no_store_is_a_usage_error(run: Run) -> None:
    status, _, stderr = run("agent", "--store", "ftp://x")
    assert status == 2
    assert stderr.startswith("catflap: 'ftp://x' cannot be used as a store")


def test_a_kernel_that_cannot_be_programmed(monkeypatch: pytest.MonkeyPatch, run: Run, policy: str) -> None:
    def refuse() -> None:
        raise NftError("libnftables.so.1 cannot be loaded")

    monkeypatch.setattr(agent_process, "LibNftables", refuse)
    assert run("agent", "--store", policy) == (3, "", "catflap: libnftables.so.1 cannot be loaded\n")


def test_a_directory_cannot_say_how_the_agent_stands(run: Run, tmp_path: Path, policy: str) -> None:
    thread = when_logged(
        tmp_path, "is not written to the store: ", lambda: os.kill(os.getpid(), signal.SIGTERM)
    )
    assert run("agent", "--store", policy) == (0, "", "")
    thread.join()


def test_metrics_are_served_where_they_are_wanted(
    run: Run, tmp_path: Path, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("FELIX_PROMETHEUSMETRICSENABLED", "true")
    monkeypatch.setenv("FELIX_PROMETHEUSMETRICSHOST", "127.0.0.1")
    monkeypatch.setenv("FELIX_PROMETHEUSMETRICSPORT", str(port))
    fetched: list[str] = []

    def fetch() -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            fetched.append(answer.read().decode())
        os.kill(os.getpid(), signal.SIGTERM)

    thread = when_logged(tmp_path, "Serving metrics on", fetch)
    assert run("agent", "--store", policy) == (0, "", "")
    thread.join()
    assert 'catflap_store_state{state="in-sync"} 1.0' in fetched[0]


def test_a_password_file_that_cannot_be_used_is_a_usage_error(
    run: Run, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FELIX_ETCDPASSWORDFILE", "/nowhere")
    status, _, stderr = run("agent", "--store", policy)
    assert (status, stderr) == (
        2,
        "catflap: EtcdPasswordFile /nowhere cannot be read: No such file or directory\n",
    )


def test_no_password_is_ever_logged(
    run: Run, tmp_path: Path, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret")
    file.chmod(0o644)
    monkeypatch.setenv("FELIX_ETCDUSERNAME", "agent")
    monkeypatch.setenv("FELIX_ETCDPASSWORDFILE", str(file))
    monkeypatch.setenv("FELIX_LOGSEVERITYFILE", "debug")
    assert run("agent", "--once", "--store", policy) == (0, "", "")
    assert f"EtcdPasswordFile {file} has mode 0644" in logged(tmp_path)
    monkeypatch.delenv("FELIX_ETCDPASSWORDFILE")
    monkeypatch.setenv("FELIX_ETCDPASSWORD", "s3cret")
    assert run("agent", "--once", "--store", policy) == (0, "", "")
    assert "Parameter EtcdPassword (Password for etcd) has value '(hidden)'" in logged(tmp_path)
    assert "s3cret" not in logged(tmp_path)
