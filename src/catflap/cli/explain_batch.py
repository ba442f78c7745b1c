"""Many packets at once: a line of JSON in, a line of JSON out, without ado."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import msgspec

from catflap.cli.answers import answer
from catflap.cli.notes import assumptions
from catflap.cli.packets import PacketError, read_line
from catflap.cli.questions import Asker, Question
from catflap.verdict.evaluate import Context, Evaluator
from catflap.verdict.result import Verdict

# A host, and the interface and address that are assumed to belong together.
_View: TypeAlias = tuple[str, str, str | None]


class Batch:
    """Answers line after line; hosts are prepared once.

    Attributes:
        failed: how many lines could not be answered.
    """

    def __init__(self, asker: Asker, *, trace: bool = False) -> None:
        self._asker = asker
        self._trace = trace
        self._evaluators: dict[_View, Evaluator] = {}
        self.failed = 0

    def answers(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """One line of JSON for every line that is not blank."""
        for number, line in enumerate(lines, start=1):
            if not line.isspace():
                yield msgspec.json.encode(self._answer(number, line))

    def _answer(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            question = self._asker.question(read_line(line))
            verdict = self._verdict(question)
        except (PacketError, ValueError) as error:
            self.failed += 1
            return {"id": _id(line, number), "error": str(error)}
        notes = [*question.notes, *assumptions(question)]
        data = answer(question, verdict)
        data["id"] = number if question.id is None else question.id
        return {**data, "notes": notes} if notes else data

    def _verdict(self, question: Question) -> Verdict:
        evaluator = self._evaluator(question)
        if not self._trace:
            return evaluator.evaluate(question.packet)
        host, packet = question.host, question.packet
        host.policy(packet.interface, question.local)  # so that the engine speaks for this host
        return evaluator.explain(packet, Context(owners=host.engine.owners))

    def _evaluator(self, question: Question) -> Evaluator:
        host, interface = question.host, question.packet.interface
        assumed = host.expecting(interface, question.local) is not None
        view = (host.name, interface, question.local) if assumed else (host.name, "", None)
        if view not in self._evaluators:
            self._evaluators[view] = Evaluator(host.policy(*view[1:]))
        return self._evaluators[view]


def _id(line: bytes, number: int) -> Any:
    """The id of a line that is otherwise not understood; its number where it has none."""
    try:
        found = msgspec.json.decode(line).get("id")
    except (ValueError, RecursionError, AttributeError):
        found = None
    return number if found is None else found
