"""The record of how a verdict came to be, kept only when somebody wants to read it.

A recorder takes steps as an author writes headings: each has a level, and those of a deeper level that follow belong
to it. Stages have level 1; what is asked in a stage, and its tiers, level 2; policies and profiles level 3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from catflap.model.resources import ResourceKey
from catflap.verdict.header import Header
from catflap.verdict.match import Clause, Rule
from catflap.verdict.networks import Address
from catflap.verdict.result import Stage, Step

STAGE, TOPIC, RULES = 1, 2, 3

# From the id of an IP set and an address to the titles of the objects that put it there.
Owners: TypeAlias = Callable[[str, str], Sequence[str]]


class Recorder:
    """Takes no notes: the recorder of those who want nothing but the verdict."""

    def stage(self, stage: Stage, interface: str, endpoint: ResourceKey | None) -> None:
        """Note that a stage begins, and which endpoint polices its interface."""

    def no_stage(self, stage: Stage, interface: str) -> None:
        """Note that an interface has nothing in a stage."""

    def step(self, level: int, text: str, sentence: str, matched: bool | None = None) -> None:
        """Note a step. ``sentence`` is the id of the sentence of the reference that it follows."""

    def rules(self, title: str, rules: Sequence[Rule], deciding: Rule | None, header: Header) -> None:
        """Note how the rules of a policy or profile compare with a packet, up to the one that decides."""


def nobody(_set_id: str, _address: str) -> Sequence[str]:
    """The owners of an address where they are not known."""
    return ()


class TraceRecorder(Recorder):
    """Notes everything."""

    def __init__(self, owners: Owners) -> None:
        self._owners = owners
        self._root = _Draft(0, Step(""))
        self._open = [self._root]  # the root, and those that the next step may belong to

    def trace(self) -> tuple[Step, ...]:
        """What was noted."""
        return self._root.finish().steps

    def stage(self, stage: Stage, interface: str, endpoint: ResourceKey | None) -> None:
        """Note the stage."""
        policed = "" if endpoint is None else f", policed by {endpoint}"
        self.step(STAGE, f"{stage}: {interface}{policed}", "stage-order")

    def no_stage(self, stage: Stage, interface: str) -> None:
        """Note the lack of it."""
        self.step(STAGE, f"{stage}: nothing on {interface}", "stage-absent")

    def step(self, level: int, text: str, sentence: str, matched: bool | None = None) -> None:
        """Note a step."""
        self._add(level, Step(text, matched, sentence=sentence))

    def rules(self, title: str, rules: Sequence[Rule], deciding: Rule | None, header: Header) -> None:
        """Note how the rules compare, each with its clauses."""
        steps = []
        for rule in rules:
            steps.append(self._rule(rule, header))
            if rule is deciding:
                break
        self._add(RULES, Step(title, deciding is not None, tuple(steps), sentence="action-first"))

    def _add(self, level: int, step: Step) -> None:
        while self._open[-1].level >= level:
            self._open.pop()
        draft = _Draft(level, step)
        self._open[-1].drafts.append(draft)
        self._open.append(draft)

    def _rule(self, rule: Rule, header: Header) -> Step:
        name = f"rule {rule.number} ({rule.action})"
        steps = tuple(self._clause(clause, header) for clause in rule.clauses)
        failing = [step for step in steps if not step.matched]
        if not failing:
            text = f"{name} matches" if steps else f"{name} matches every packet"
            return Step(text, matched=True, steps=steps, sentence="match-all")
        text = f"{name}: {failing[0].text}"
        return Step(text, matched=False, steps=steps, near_miss=len(failing) == 1, sentence="match-all")

    def _clause(self, clause: Clause, header: Header) -> Step:
        value = clause.value(header)
        if value is None:
            return Step(f"the packet has no {clause.about}", matched=False, sentence=clause.sentence)
        contained = clause.contains(value)
        verb = "is" if contained else "is not"
        text = f"{clause.about} {clause.show(value)} {verb} {clause.wanted}"
        if contained:
            text += self._owned(clause, value) + (", which the rule excludes" if clause.negated else "")
        return Step(text, clause.holds(header), sentence=clause.sentence)

    def _owned(self, clause: Clause, value: object) -> str:
        """Who put the address into the set, in parentheses."""
        if clause.set_id is None or not isinstance(value, Address):
            return ""
        owners = self._owners(clause.set_id, value.text)
        return f" ({', '.join(owners)})" if owners else ""


class _Draft:
    """A step that may still get steps of its own."""

    def __init__(self, level: int, step: Step) -> None:
        self.level = level
        self.drafts: list[_Draft] = []
        self._step = step

    def finish(self) -> Step:
        steps = (*self._step.steps, *(draft.finish() for draft in self.drafts))
        return msgspec.structs.replace(self._step, steps=steps)
