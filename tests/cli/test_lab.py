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
    [([], ("dir", "table")), (["--store", "etcd2", "-o", "json"], ("etcd2", "json"))],
)
def test_the_demo_is_told_where_to_keep_policy_and_what_to_print(
    monkeypatch: pytest.MonkeyPatch, run: Run, arguments: list[str], expected: tuple[str, str]
) -> None:
    calls: list[tuple[str, str]] = []

    def note(store: str, output: str) -> bool:
        calls.append((store, output))
        return True

    monkeypatch.setattr(demo, "run", note)
    assert run("lab", "demo", *arguments) == (0, "", "")
    assert calls == [expected]


def test_a_packet_that_went_another_way_makes_the_answer_no(
    monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setattr(demo, "run", lambda *_: False)
    assert run("lab", "demo") == (1, "", "")


def test_a_demo_that_cannot_be_run_says_why(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    def fail(*_: object) -> bool:
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
