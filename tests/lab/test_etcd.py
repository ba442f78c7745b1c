from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from catflap.lab.etcd import EtcdError, EtcdServer, add_learner, cluster, free_port

ORPHAN_MAKER = """
import time
from catflap.lab.etcd import EtcdServer
server = EtcdServer()
server.start()
print(server.process.pid, flush=True)
time.sleep(60)
"""


def test_it_serves_both_apis_with_separate_keys() -> None:
    with EtcdServer() as server:
        server.etcdctl("put", "/key", "three")
        server.etcdctl("set", "/key", "two", api=2)
        assert server.etcdctl("get", "/key", "--print-value-only") == "three\n"
        assert server.etcdctl("get", "/key", api=2) == "two\n"


@pytest.mark.parametrize("end", [EtcdServer.stop, EtcdServer.kill])
def test_data_and_address_survive_a_restart(end: object) -> None:
    with EtcdServer() as server:
        endpoint = server.endpoint
        server.etcdctl("put", "/key", "value")
        assert callable(end)
        end(server)
        assert not server.running
        server.restart()
        assert server.endpoint == endpoint
        assert server.etcdctl("get", "/key", "--print-value-only") == "value\n"


def test_a_wiped_server_has_forgotten_everything() -> None:
    with EtcdServer() as server:
        server.etcdctl("put", "/key", "value")
        with pytest.raises(EtcdError, match="is running"):
            server.wipe()
        server.kill()
        server.wipe()
        server.start()
        assert server.etcdctl("get", "/key") == ""


def test_nothing_is_left_behind() -> None:
    with EtcdServer() as server:
        directory = server._directory
        assert directory.is_dir()
    assert not server.running
    assert not directory.exists()


def test_it_dies_with_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", ORPHAN_MAKER], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        directory = next(word for word in arguments_of(pid) if word.startswith("--data-dir=")).partition("=")[
            2
        ]
        descriptor = os.pidfd_open(pid)
        parent.kill()
    signal.sigtimedwait([signal.SIGCHLD], 0)
    assert ends(descriptor)
    subprocess.run(["rm", "-r", str(Path(directory).parent)], check=True)


def arguments_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def ends(descriptor: int) -> bool:
    """Whether the process of a pidfd ends soon."""
    import select  # noqa: PLC0415 - for this only

    try:
        readable, _, _ = select.select([descriptor], [], [], 10)
        return bool(readable)
    finally:
        os.close(descriptor)


def test_a_failure_to_start_tells_what_etcd_said() -> None:
    server = EtcdServer(arguments=["--election-timeout=1"])
    try:
        with pytest.raises(EtcdError, match=r"election-timeout.* should be"):
            server.start()
    finally:
        server.close()


def test_a_prefix_that_does_not_exist_is_an_error() -> None:
    server = EtcdServer(command_prefix=["/no/such/program"])
    try:
        with pytest.raises(EtcdError, match="cannot start etcd"):
            server.start()
    finally:
        server.close()


def test_a_chosen_port_that_is_taken_is_an_error() -> None:
    with EtcdServer() as first:
        second = EtcdServer(port=int(first.endpoint.rpartition(":")[2]))
        try:
            with pytest.raises(EtcdError, match="address already in use"):
                second.start()
        finally:
            second.close()


def test_a_free_port_that_was_taken_meanwhile_is_replaced() -> None:
    with EtcdServer() as first, EtcdServer() as second:
        second.stop()
        second._port = first._port
        second.start()
        assert second.endpoint != first.endpoint


def test_a_change_tells_the_revision_that_it_made() -> None:
    with EtcdServer() as server:
        first = server.change("put", "/a", "1")
        assert server.change("del", "/a") == first + 1
        index = server.change("set", "/a", "1", api=2)
        assert server.change("rm", "/a", api=2) == index + 1


def test_a_failing_etcdctl_is_an_error() -> None:
    with EtcdServer() as server, pytest.raises(EtcdError, match="etcdctl get failed"):
        server.etcdctl("get")


def test_ipv6_addresses_stand_in_brackets() -> None:
    server = EtcdServer(listen="::1", port=free_port("::1"))
    try:
        assert server.client_url.startswith("http://[::1]:")
        server.start()
    finally:
        server.close()


def test_a_frozen_server_does_not_answer_until_it_is_thawed() -> None:
    with EtcdServer() as server:
        server.freeze()
        with pytest.raises(EtcdError):
            server.etcdctl("get", "/key", "--command-timeout=100ms")
        server.thaw()
        server.etcdctl("get", "/key")


def test_the_members_of_a_cluster_know_each_other() -> None:
    members = cluster(3)
    try:
        members[0].etcdctl("put", "/key", "value")
        members[1].kill()
        assert members[2].etcdctl("get", "/key", "--print-value-only") == "value\n"
        assert len(members[0].etcdctl("member", "list").splitlines()) == 3
    finally:
        for member in members:
            member.close()


def test_one_member_of_a_cluster_leads() -> None:
    members = cluster(3)
    try:
        assert sum(member.leads() for member in members) == 1
    finally:
        for member in members:
            member.close()


def test_a_learner_has_the_data_and_no_vote() -> None:
    members = cluster(1)
    try:
        members[0].etcdctl("put", "/key", "value")
        members.append(add_learner(members))
        listed = members[0].etcdctl("member", "list").splitlines()
        assert sum(line.endswith(", true") for line in listed) == 1  # the column of learners
        with pytest.raises(EtcdError, match="learner"):
            members[1].etcdctl("get", "/key")
    finally:
        for member in members:
            member.close()


def test_a_backup_brings_the_old_content_back(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    with EtcdServer() as server:
        server.etcdctl("put", "/key", "old")
        server.save_snapshot(backup)
        server.etcdctl("put", "/key", "new")
        server.stop()
        server.restore_snapshot(backup)
        server.start()
        assert server.etcdctl("get", "/key", "--print-value-only") == "old\n"


def test_ports_are_free_ones_that_no_client_is_given() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert 1024 < free_port() < lowest
