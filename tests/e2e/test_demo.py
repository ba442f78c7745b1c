"""The demo as users run it: what it shows, and that nothing of it stays, however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from catflap.lab.agent import catflap_command
from catflap.lab.guide import NEIGHBOUR_QUESTIONS, QUESTIONS, STAGES
from catflap.lab.namespaces import NAMESPACES
from catflap.lab.scratch import SCRATCH

from .documents import drawn_lines, transcript, without_blanks

TIMEOUT = 60.0
PROBES = [2 * len(QUESTIONS) + 2 * stage.neighbour * len(NEIGHBOUR_QUESTIONS) for stage in STAGES]
UNPRIVILEGED = """
import locale, os, shutil, sys  # locale, shutil: argparse loads them late, when this user may not read them any more
from catflap.cli.main import main
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
sys.exit(main(sys.argv[1:]))
"""
WRONG = """
import sys
from catflap.lab import demo, guide
from msgspec.structs import replace
first, second = guide.STAGES[:2]
stages = (first, replace(second, denied=second.denied - {"http"}))
sys.exit(0 if demo.run("dir", stages).as_expected else 1)
"""


@contextlib.asynccontextmanager
async def started(*command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process with a group of its own, as a terminal gives it."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        process_group=0,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def run(*command: str) -> tuple[int, str, str]:
    async with started(*command) as process, asyncio.timeout(TIMEOUT):
        stdout, stderr = await process.communicate()
        assert process.returncode is not None
        return process.returncode, stdout.decode(), stderr.decode()


def demo(*arguments: str) -> tuple[str, ...]:
    return catflap_command("lab", "demo", *arguments)


def machine() -> dict[str, object]:
    """This machine's own links, addresses, routes and rule set, without what changes by itself."""

    def shown(*command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return {
        "links": shown("ip", "-o", "link"),
        "addresses": re.sub(r"\d+sec", "", shown("ip", "-o", "address")),
        "routes": shown("ip", "route") + shown("ip", "-6", "route"),
        "rule set": shown("nft", "-s", "list", "ruleset"),
        "forwarding": Path("/proc/sys/net/ipv4/ip_forward").read_text(),
    }


def left_by(pid: int) -> list[str]:
    """Namespaces, files and processes that belong to the lab of a process."""
    mark = re.compile(rf"catflap-{pid}(\.\d+)?-|{SCRATCH}/{pid}(\.\d+)?(/|$)")
    files = [*NAMESPACES.iterdir(), *SCRATCH.iterdir()]
    found = [str(path) for path in files if mark.search(str(path))]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            command = path.read_text().replace("\0", " ")
            found += [command] if mark.search(command) else []
    return found


def temporary_files() -> set[str]:
    return {
        str(path)
        for folder in ("/tmp", "/dev/shm", "/var/tmp")
        for path in Path(folder).glob("catflap-*")
        if not path.name.startswith("catflap-etcd-")  # those of other tests
    }


@pytest.fixture(scope="module")
def results() -> dict[str, tuple[int, str, str]]:
    """The demo with each store, all at once, and once more as a table; what the machine was before and after."""

    async def everything() -> dict[str, tuple[int, str, str]]:
        runs = {store: demo("--store", store, "-o", "json") for store in ("dir", "etcd", "etcd2")}
        runs["table"] = demo()
        done = await asyncio.gather(*(run(*command) for command in runs.values()))
        return dict(zip(runs, done, strict=True))

    before = machine()
    made = asyncio.run(everything())
    assert machine() == before
    return made


@pytest.mark.parametrize("store", ["dir", "etcd", "etcd2"])
def test_every_packet_goes_the_way_the_guide_says(
    results: dict[str, tuple[int, str, str]], store: str
) -> None:
    status, stdout, stderr = results[store]
    assert (status, stderr) == (0, "")
    result: dict[str, Any] = json.loads(stdout)
    assert result["as_expected"] is True
    assert [stage["stage"] for stage in result["stages"]] == [stage.title for stage in STAGES]
    assert [len(stage["probes"]) for stage in result["stages"]] == PROBES
    assert all(probe["as_expected"] for stage in result["stages"] for probe in stage["probes"])
    assert 0 < sum(stage["seconds"] for stage in result["stages"]) < result["seconds"]


def test_the_table_tells_commands_expectations_and_time(results: dict[str, tuple[int, str, str]]) -> None:
    status, stdout, stderr = results["table"]
    assert (status, stderr) == (0, "")
    lines = stdout.splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    assert max(map(len, lines)) <= 100
    assert "!" not in stdout
    assert [line for line in lines if line.startswith("  $ catflap init --store dir:")]
    assert "mgmt      host eth0  icmp      IPv4 only  allowed  denied   <- changed" in lines
    assert re.fullmatch(r"Took \d+\.\d s; everything was taken away again\.", lines[-2])
    assert lines[-1] == "Every packet went the way the guide says."


def without_what_differs(lines: list[str]) -> list[str]:
    """Neither durations nor the numbers of processes."""
    return [re.sub(r"\d+\.\d ?s|(?<=-files/)\d+(\.\d+)?", "N", line.rstrip()) for line in lines]


def is_excerpt(lines: list[str], whole: list[str]) -> bool:
    """Whether all lines are there, in this order."""
    rest = iter(without_what_differs(whole))
    return all(line in rest for line in without_what_differs(lines))


def test_the_transcript_in_the_readme_is_real(results: dict[str, tuple[int, str, str]]) -> None:
    shown = transcript("README.md", "4. A host endpoint by expected IP: eth1")
    assert len(shown) > 20
    assert is_excerpt(shown, results["table"][1].splitlines())
    assert not is_excerpt([*shown, shown[0]], results["table"][1].splitlines())


def test_the_picture_is_real(results: dict[str, tuple[int, str, str]]) -> None:
    lines = drawn_lines("docs/demo.svg")
    assert len(lines) > 40
    assert is_excerpt(lines, [without_blanks(line) for line in results["table"][1].splitlines()])


async def test_a_packet_that_goes_another_way_is_marked_and_makes_the_answer_no() -> None:
    status, stdout, _ = await run(sys.executable, "-c", WRONG)
    assert status == 1
    marked = [line.split() for line in stdout.splitlines() if " ! " in line]
    assert marked == [
        ["mgmt", "host", "eth0", "tcp/80", "allowed", "!", "denied", "!", "denied", "<-", "changed"]
    ]
    assert re.search(
        r"^28 of 30 probes as expected, in \d\.\d s; the others are marked with !$", stdout, re.MULTILINE
    )
    assert stdout.splitlines()[-1].startswith("Some packets went another way")


async def interrupted(number: signal.Signals, store: str, *, group: bool) -> tuple[int, int, str]:
    """Send a signal to a demo in the middle of its second stage; its process id, exit status and stderr."""
    async with started(*demo("--store", store)) as process, asyncio.timeout(TIMEOUT):
        assert process.stdout is not None
        await process.stdout.readuntil(b"\n2. ")
        assert left_by(process.pid)
        (os.killpg if group else os.kill)(process.pid, number)
        _, stderr = await process.communicate()
        assert process.returncode is not None
        return process.pid, process.returncode, stderr.decode()


@pytest.mark.parametrize(
    ("number", "group", "expected"),
    [
        (signal.SIGINT, True, (130, "catflap: interrupted\n")),
        (signal.SIGTERM, False, (143, "")),
        (signal.SIGHUP, True, (129, "")),
    ],
    ids=["Ctrl-C", "SIGTERM", "terminal closed"],
)
@pytest.mark.parametrize("store", ["dir", "etcd"])
async def test_nothing_stays_when_it_is_interrupted(
    number: signal.Signals, group: bool, expected: tuple[int, str], store: str
) -> None:
    files = temporary_files()
    pid, status, stderr = await interrupted(number, store, group=group)
    assert (status, stderr) == expected
    assert left_by(pid) == []
    assert temporary_files() <= files


@pytest.mark.parametrize("by", ["demo", "sweep"])
async def test_the_next_lab_removes_what_killed_ones_left(by: str) -> None:
    files = temporary_files()
    (dir_pid, status, _), (etcd_pid, _, _) = await asyncio.gather(
        interrupted(signal.SIGKILL, "dir", group=False), interrupted(signal.SIGKILL, "etcd", group=False)
    )
    assert status == -signal.SIGKILL
    if by == "demo":
        await interrupted(signal.SIGTERM, "dir", group=False)
    else:
        status, stdout, stderr = await run(*catflap_command("lab", "sweep"))
        assert (status, bool(stdout), stderr) == (0, True, "")
    assert left_by(dir_pid) == left_by(etcd_pid) == []
    assert temporary_files() <= files


@pytest.mark.parametrize("action", ["demo", "sweep"])
async def test_without_root_one_line_says_what_is_needed(action: str) -> None:
    answer = await run(sys.executable, "-c", UNPRIVILEGED, "lab", action)
    needed = f"catflap: catflap lab {action} needs root, to create network namespaces: run it with sudo\n"
    assert answer == (2, "", needed)
