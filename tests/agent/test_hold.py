from __future__ import annotations

import logging

import pytest

from catflap.agent.hold import Hold
from catflap.model.changes import ChangeHeader, write_change_header


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def header(done: int = 3, started: str = "2026-01-01T00:00:00Z") -> bytes:
    return write_change_header(
        ChangeHeader(id="x1", author="op@desk", started=started, objects=4000, steps=32, done=done)
    )


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_changes_are_held_back_until_the_header_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    hold = Hold()
    assert not hold.take(None, enforcing=True)
    for done in range(3):
        assert hold.take(header(done), enforcing=True)
    assert hold.reason == "op@desk is writing a change of several steps"
    assert not hold.take(None, enforcing=True)
    assert hold.reason is None
    began, ended = caplog.messages
    assert "op@desk has made 0 of 32 steps of a change of 4000 objects that began" in began
    assert ended == "The change of op@desk has ended: taking it over"
    assert {record.levelno for record in caplog.records} == {logging.INFO}  # nobody has to do anything


def test_reminders_name_the_step_that_it_is_at(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    hold = Hold(clock)
    hold.take(header(0), enforcing=True)
    hold.take(header(5), enforcing=True)
    clock.now += 14
    hold.remind()
    assert len(caplog.messages) == 1
    clock.now += 47
    hold.remind()
    hold.remind()
    assert sum("has made 5 of 32 steps" in text for text in caplog.messages) == 1
    assert "back for 61 s" in caplog.messages[-1]
    assert "'catflap apply --recover finish' or 'catflap apply --recover undo'" in caplog.messages[-1]
    assert caplog.records[-1].levelno == logging.WARNING


def test_without_a_change_there_is_nothing_to_remind_of(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    hold = Hold(clock)
    clock.now += 100
    hold.remind()
    assert not caplog.messages


def test_an_agent_that_enforces_nothing_does_not_wait(caplog: pytest.LogCaptureFixture) -> None:
    hold = Hold()
    assert not hold.take(header(), enforcing=False)
    assert "nothing is enforced yet" in caplog.messages[-1]
    assert hold.take(header(4), enforcing=True)


@pytest.mark.parametrize("raw", [b"", b"{}", b"\xff", b"null", b"[" * 10_000])
def test_what_is_no_header_holds_nothing_back_and_is_named_once(
    raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    hold = Hold()
    for _ in range(3):
        assert not hold.take(raw, enforcing=True)
    assert len(caplog.messages) == 1
    assert "Ignoring /calico/v1/catflap/change, which describes no change" in caplog.messages[0]


@pytest.mark.parametrize("started", ["yesterday", "2026-01-01T00:00:00", "9999-12-31T00:00:00Z", ""])
def test_a_strange_time_is_no_obstacle(started: str, caplog: pytest.LogCaptureFixture) -> None:
    assert Hold().take(header(started=started), enforcing=True)
    assert "a change of 4000 objects that began " in caplog.messages[-1]
