"""The log line of a problem."""

from __future__ import annotations

from catflap.model.decoded import MAX_RAW, Problem


def test_the_message_names_every_reason_and_what_was_read() -> None:
    problem = Problem("/key", "tier x", ("One.", "Two."), "{\n}")

    assert problem.message == "Validation failed for tier x, treating as missing: One. Two.; '{\\n}'"


def test_long_input_is_cut() -> None:
    message = Problem("/key", "tier x", ("One.",), "y" * 5 * MAX_RAW).message

    assert message.endswith(f"{'y' * 10}… ({5 * MAX_RAW} characters)'")
    assert len(message) < MAX_RAW + 200
