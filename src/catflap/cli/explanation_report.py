"""Shows an explanation to people: the answer first, then who polices the packet, how it was decided, and what was near.

At most 100 columns, in colour only on a terminal. Long lists are cut to what is worth reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from catflap.cli.answers import decider, rule_title
from catflap.cli.explanation import Coverage, Explanation
from catflap.cli.owners import Owner
from catflap.cli.questions import UNNAMED
from catflap.lab.report import report_console
from catflap.verdict.packet import Packet, Path
from catflap.verdict.result import Outcome, Step, Verdict

MOST_STEPS: Final = 12  # of one list that did not match
MOST_INVALID: Final = 10
MOST_BETWEEN: Final = 5  # deciders between the one that decides and the one that would decide otherwise

_INDENT: Final = 2
_MARKS: Final = {True: ("✓ ", "green"), False: ("✗ ", "red"), None: ("", "")}
_QUESTIONS: Final = {  # of a stage, by the sentence of the reference; empty: not worth a word where the answer is no
    "stage-accepted": "",
    "state-established": "established",
    "failsafe-allow": "failsafe port",
    "failsafe-reply": "reply of a failsafe port",
    "icmpv6-allow": "essential ICMPv6",
    "state-invalid": "invalid",
    "workload-mac": "other MAC address",
    "workload-service": "DHCP, DNS or essential ICMPv6",
}
_STYLES: Final = {Outcome.ALLOW: "bold green", Outcome.DENY: "bold red"}


def show(explanation: Explanation, console: Console | None = None) -> None:
    """Print an explanation."""
    report = _Report(console or report_console())
    verdict, packet = explanation.verdict, explanation.question.packet
    style = _STYLES[verdict.outcome]
    report.line(0, Text.assemble((verdict.outcome.upper(), style), f"  {packet}"))
    report.line(1, f"{packet.state} packet, {_way(packet)} of host {explanation.question.host.name}")
    report.line(1, Text(decider(verdict) + (", and the sender is told" if verdict.answered else ""), style))
    report.section("Endpoint", (line for item in explanation.coverage for line in _coverage(item)))
    report.section("Other end", (line for item in explanation.owners for line in _owner(item)))
    report.trace(verdict.trace)
    report.section("Overruled", _overruled(explanation))
    report.section("Not asked, and would decide otherwise", _near(explanation))
    report.section("Invalid objects", _invalid(explanation))
    report.section("Notes", explanation.notes)


def _way(packet: Packet) -> str:
    if packet.path is Path.FORWARD:
        return f"forwarded from {packet.interface} to {packet.out_interface}"
    interface = "the interface" if packet.interface == UNNAMED else packet.interface
    return f"{packet.path} on {interface}"


def _coverage(item: Coverage) -> Iterator[str]:
    interface = "the interface" if item.interface == UNNAMED else item.interface
    if item.endpoint is None:
        yield f"{interface}: none polices it"
    else:
        yield f"{interface}: {item.because}"
        own = [f"{name}={value}" for name, value in item.labels.items() if name not in item.inherited]
        yield f"  labels: {' '.join(own) or 'none'}"
        if item.inherited:
            inherited = (f"{name}={item.labels[name]}" for name in item.inherited)
            yield f"  from its profiles: {' '.join(inherited)}"
    for other in item.others:
        yield f"  loses: {other}"


def _owner(owner: Owner) -> Iterator[str]:
    yield f"{owner.address}: {owner.title}"
    yield f"  labels: {' '.join(f'{name}={value}' for name, value in owner.labels.items()) or 'none'}"


def _overruled(explanation: Explanation) -> Iterator[str]:
    if not explanation.overruled:
        return
    *between, other = explanation.overruled
    yield f"{rule_title(other)} would {_verb(other)} it, but {_decides_first(explanation.verdict)}."
    if between:
        listed = [_decider(item) for item in between[:MOST_BETWEEN]]
        if len(between) > MOST_BETWEEN:
            listed.append(f"{len(between) - MOST_BETWEEN} more")
        yield f"Between them: {'; '.join(listed)}."


def _decides_first(verdict: Verdict) -> str:
    return f"{_decider(verdict)} {'before that' if verdict.rule is None else 'decides first'}"


def _decider(verdict: Verdict) -> str:
    return f"tier {verdict.tier} ends with Deny" if verdict.rule is None else rule_title(verdict)


def _near(explanation: Explanation) -> Iterator[str]:
    for item in explanation.near:
        yield f"{rule_title(item.verdict)} would {_verb(item.verdict)} it"
        yield f"  {item.mismatch}"
    if explanation.near_left_out:
        yield f"and {explanation.near_left_out} more policies"


def _invalid(explanation: Explanation) -> Iterator[str]:
    yield from explanation.invalid[:MOST_INVALID]
    if len(explanation.invalid) > MOST_INVALID:
        yield f"and {len(explanation.invalid) - MOST_INVALID} more objects"


def _verb(verdict: Verdict) -> str:
    return str(verdict.outcome)


class _Report:
    """Lines with indentation that holds when they wrap."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def line(self, level: int, text: str | Text) -> None:
        """Print one line, or more where it is long, all with the same indentation."""
        if isinstance(text, str):
            level += (len(text) - len(text.lstrip())) // _INDENT
            text = Text(text.lstrip())
        indent = " " * (level * _INDENT)
        for part in text.wrap(self._console, self._console.width - len(indent)):
            part.rstrip()
            self._console.print(Text(indent).append_text(part))

    def section(self, title: str, lines: Iterable[str]) -> None:
        """Print a title and lines, or nothing where there are none."""
        listed = list(lines)
        if listed:
            self._console.print()
            self.line(0, Text(title, "bold"))
            for each in listed:
                self.line(1, each)

    def trace(self, stages: Sequence[Step]) -> None:
        """Print the way of the packet: the stages that asked anything, with the ids of the policy reference."""
        asking = [stage for stage in stages if stage.steps]
        if asking:
            self._console.print()
            self.line(0, Text("How it was decided", "bold"))
            self._steps(1, asking)

    def _steps(self, level: int, steps: Sequence[Step]) -> None:
        asked, rest = _split(steps)
        if asked:
            self.line(level, Text.assemble(_MARKS[False], ", ".join(asked)))
        shown = condensed(rest)
        if len(shown) < len(rest):
            self.line(level, f"✗ {len(rest) - len(shown)} that do not match")
        for step in shown:
            nearly = " (nearly)" if _is_near(step) else ""
            reference = f" [{step.sentence}]" if step.sentence and step.matched is not False else ""
            self.line(
                level, Text.assemble(_MARKS[step.matched], step.text, (nearly, "yellow"), (reference, "dim"))
            )
            if _is_worth_opening(step):
                self._steps(level + 1, step.steps)


def _split(steps: Sequence[Step]) -> tuple[list[str], list[Step]]:
    """What a stage asks before policy in few words, as far as the answer is no; and all other steps."""
    asked = [step for step in steps if step.matched is False and step.sentence in _QUESTIONS]
    words = [_QUESTIONS[step.sentence] for step in asked if step.sentence is not None]
    return [word for word in words if word], [step for step in steps if step not in asked]


def _is_worth_opening(step: Step) -> bool:
    """Not a rule that does not match: its line names the first clause that fails."""
    return step.matched is not False or any(below.steps for below in step.steps)


def condensed(steps: Sequence[Step]) -> Sequence[Step]:
    """Of many steps those that matched, and as many near misses as fit."""
    if len(steps) <= MOST_STEPS:
        return steps
    kept = [number for number, step in enumerate(steps) if step.matched is not False]
    near = [number for number, step in enumerate(steps) if step.matched is False and _nearly(step)]
    chosen = {*kept, *near[: max(0, MOST_STEPS - len(kept))]}
    return [step for number, step in enumerate(steps) if number in chosen]


def _nearly(step: Step) -> bool:
    return _is_near(step) or any(map(_nearly, step.steps))


def _is_near(step: Step) -> bool:
    """Whether one clause of a rule fails and others do match; the IP version is none that people have written."""
    return step.near_miss and any(
        clause.matched and clause.sentence != "match-version" for clause in step.steps
    )
