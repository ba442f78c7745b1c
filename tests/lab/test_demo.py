from __future__ import annotations

import signal

import pytest

from catflap.lab import demo
from catflap.lab.demo import Demo, DemoError
from catflap.lab.guide import QUESTIONS, Stage
from catflap.lab.namespaces import LabError, Namespace

ROLES = {
    role: Namespace(f"catflap-7-{role}", role) for role in ("host", "mgmt", "web", "stranger", "neighbour")
}
STAGE = Stage("title", "explanation", denied=frozenset({"http"}), only_v4=frozenset({"ping"}))


def test_every_question_is_asked_with_both_ip_versions() -> None:
    expectations = list(demo._expectations(STAGE, ROLES))
    assert len(expectations) == 2 * len(QUESTIONS)
    answers = {
        (each.probe.service, each.probe.ip_version): each.allowed
        for each in expectations
        if (each.probe.source.role, each.probe.to) == ("mgmt", "host eth0")
    }
    assert {version: answers["tcp/80", version] for version in (4, 6)} == {4: False, 6: False}
    assert {version: answers["icmp", version] for version in (4, 6)} == {4: True, 6: False}
    assert {version: answers["tcp/22", version] for version in (4, 6)} == {4: True, 6: True}


def test_what_keeps_the_demo_from_running_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: Demo) -> None:
        raise LabError("no namespaces here")

    monkeypatch.setattr(Demo, "run", fail)
    with pytest.raises(DemoError, match="no namespaces here"):
        demo.run("dir")


def test_ctrl_c_ends_what_does_not_await(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT)

    async def block(_: Demo) -> None:
        signal.raise_signal(signal.SIGINT)
        pytest.fail("went on after Ctrl-C")

    monkeypatch.setattr(Demo, "run", block)
    with pytest.raises(KeyboardInterrupt):
        demo.run("dir")
    assert signal.getsignal(signal.SIGINT) is before
