from __future__ import annotations

import os

import pytest

from catflap.lab import demo, namespaces, scratch
from catflap.lab.demo import DemoError

from .conftest import Run


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.mark.parametrize("action", ["demo", "sweep"])
def test_ordinary_users_are_told_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, run: Run, action: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    needed = f"catflap: catflap lab {action} needs root, to create network namespaces: run it with sudo\n"
    assert run("lab", action) == (2, "", needed)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ("dir", False, "")),
        (
            ["--store", "etcd2", "-o", "yaml"],
            ("etcd2", True, "as_expected: true\nseconds: 1.5\nstages: []\n"),
        ),
    ],
)
def test_the_demo_is_told_where_to_keep_policy_and_whether_people_watch(
    monkeypatch: pytest.MonkeyPatch, run: Run, arguments: list[str], expected: tuple[str, bool, str]
) -> None:
    calls: list[tuple[str, bool]] = []

    def note(store: str, *, quiet: bool) -> demo.Result:
        calls.append((store, quiet))
        return demo.Result(as_expected=True, seconds=1.5, stages=())

    monkeypatch.setattr(demo, "run", note)
    status, stdout, _ = run("lab", "demo", *arguments)
    assert status == 0
    assert [(*call, stdout) for call in calls] == [expected]


def test_a_packet_that_went_another_way_makes_the_answer_no(
    monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setattr(demo, "run", lambda *_, quiet: demo.Result(as_expected=quiet, seconds=0, stages=()))
    assert run("lab", "demo") == (1, "", "")


def test_a_demo_that_cannot_be_run_says_why(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    def fail(*_: object, **__: object) -> None:
        raise DemoError("cannot start etcd")

    monkeypatch.setattr(demo, "run", fail)
    assert run("lab", "demo") == (3, "", "catflap: cannot start etcd\n")


@pytest.mark.parametrize(
    ("left", "files", "printed"),
    [
        ([], [], "nothing was left behind\n"),
        (["catflap-7-host"], ["/run/x/7"], "removed catflap-7-host\nremoved /run/x/7\n"),
    ],
)
def test_sweep_tells_what_it_removed(
    monkeypatch: pytest.MonkeyPatch, run: Run, left: list[str], files: list[str], printed: str
) -> None:
    monkeypatch.setattr(namespaces, "sweep", lambda: left)
    monkeypatch.setattr(scratch, "sweep", lambda: files)
    assert run("lab", "sweep") == (0, printed, "")
