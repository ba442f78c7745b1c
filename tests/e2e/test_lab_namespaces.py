from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from catflap.lab.namespaces import NAMESPACES, Lab, LabError, sweep
from catflap.lab.processes import processes_inside
from catflap.lab.topology import GuideNetwork

if TYPE_CHECKING:
    from collections.abc import Iterator

OWNER = """
import subprocess, sys
from catflap.lab.namespaces import Lab
from catflap.lab.topology import GuideNetwork
with Lab() as lab:
    network = GuideNetwork.build(lab)
    command = [*network.host.command_prefix, "sh", "-c", "echo $$; exec sleep 600"]
    subprocess.Popen(command)  # prints its number once it is inside
    sys.stdin.read()
"""


@contextmanager
def owner_of_a_lab() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process with a lab, and the number of another one inside of it."""
    command = [sys.executable, "-c", OWNER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        try:
            yield owner, int(owner.stdout.readline())
        finally:
            owner.kill()


def namespaces_of(pid: int) -> list[str]:
    return [path.name for path in NAMESPACES.glob(f"catflap-{pid}-*")]


def runs(pid: int) -> bool:
    """A process that has ended counts as such even while nobody has asked for its exit status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def machine() -> list[str]:
    """The state of the network namespace that the tests run in."""
    questions = ("ip -d -o link", "ip -br address", "ip route", "ip -6 route", "ip rule", "nft list ruleset")
    return [
        subprocess.run(question.split(), check=True, capture_output=True, text=True).stdout
        for question in questions
    ]


def test_after_kill_the_next_lab_removes_what_is_left() -> None:
    with owner_of_a_lab() as (owner, inside):
        owner.kill()
        owner.wait()
        assert len(namespaces_of(owner.pid)) == 6
        assert runs(inside)
        with Lab():
            assert namespaces_of(owner.pid) == []
            assert not runs(inside)


def test_a_lab_whose_owner_lives_is_left_alone() -> None:
    with owner_of_a_lab() as (owner, inside):
        assert not any(str(owner.pid) in name for name in sweep())
        assert len(namespaces_of(owner.pid)) == 6
        assert runs(inside)


@pytest.mark.parametrize(
    ("number", "exit_status"),
    [
        (signal.SIGINT, -signal.SIGINT),
        (signal.SIGTERM, 128 + signal.SIGTERM),
        (signal.SIGHUP, 128 + signal.SIGHUP),
    ],
)
def test_a_signal_leaves_nothing_behind(number: signal.Signals, exit_status: int) -> None:
    with owner_of_a_lab() as (owner, inside):
        owner.send_signal(number)
        assert owner.wait() == exit_status
        assert namespaces_of(owner.pid) == []
        assert not runs(inside)


def test_only_processes_inside_are_ended() -> None:
    with subprocess.Popen(["sleep", "600"]) as outside:
        with Lab() as lab:
            (host,) = lab.add("host")
            with subprocess.Popen(
                [*host.command_prefix, "sh", "-c", "echo; sleep 600"], stdout=subprocess.PIPE
            ) as inside:
                assert inside.stdout is not None
                inside.stdout.readline()
                assert inside.pid in processes_inside([host.path])
                lab.__exit__(None, None, None)
                assert inside.wait() == -signal.SIGKILL
        assert outside.poll() is None
        outside.kill()


def test_the_machine_is_untouched() -> None:
    before = machine()
    with Lab() as lab:
        network = GuideNetwork.build(lab)
        network.host.run("nft", "add", "table", "inet", "mine")
        network.set_forwarding(enabled=True)
        assert machine() == before
    assert machine() == before


def test_two_labs_do_not_meet(lab: Lab) -> None:
    (host,) = lab.add("host")
    with Lab() as other:
        (its_host,) = other.add("host")
        assert its_host.name != host.name
    assert host.path.exists()
    assert not its_host.path.exists()


def test_namespaces_are_empty_but_for_a_loopback_that_is_up(lab: Lab) -> None:
    (host,) = lab.add("host")
    assert host.run("ip", "-br", "link").split()[:2] == ["lo", "UNKNOWN"]


def test_a_program_that_fails_is_named_with_what_it_said(lab: Lab) -> None:
    (host,) = lab.add("host")
    with pytest.raises(
        LabError, match=r"nft add rule.* failed with exit status 1: .*No such file or directory"
    ):
        host.run("nft", "add", "rule", "inet", "nowhere", "input", "accept")


def test_a_wrong_ip_command_is_reported(lab: Lab) -> None:
    (host,) = lab.add("host")
    with pytest.raises(LabError, match='Cannot find device "eth9"'):
        host.set_link("eth9", up=True)


def test_an_unknown_kernel_parameter_is_named(lab: Lab) -> None:
    (host,) = lab.add("host")
    with pytest.raises(LabError, match="cannot set sysctl net/ipv4/nonsense=1: No such file"):
        host.sysctl({"net/ipv4/nonsense": 1})
