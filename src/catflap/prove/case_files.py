"""A failing case as files: what is needed to repeat it, and what a person needs to understand it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from catflap.nft import compile_policy
from catflap.prove.compare import Mismatch
from catflap.prove.oracle import Follower
from catflap.prove.proof import Case
from catflap.prove.sample import Sample
from catflap.prove.world import World
from catflap.verdict.evaluate import explain
from catflap.verdict.result import Step

_SAMPLES: Final = "packets.yaml"
_REPORT: Final = "report.txt"
_RULES: Final = "rules.nft"


def save(case: Case, mismatches: tuple[Mismatch, ...], folder: Path) -> None:
    """Write a case; ``mismatches`` are what it gave when it was last done.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, world in enumerate(case.worlds, start=1):
        _write(folder / f"world-{number}.yaml", msgspec.to_builtins(world))
    _write(folder / _SAMPLES, msgspec.to_builtins(case.samples))
    (folder / _RULES).write_text(_rules(case), encoding="utf-8")
    (folder / _REPORT).write_text(report(case, mismatches), encoding="utf-8")


def load(folder: Path) -> Case:
    """Read what `save` wrote.

    Raises:
        OSError: The folder has no case.
        msgspec.ValidationError: A file does not hold what it should.
    """
    worlds = [
        msgspec.convert(_read(path), World)
        for path in sorted(folder.glob("world-*.yaml"), key=lambda path: int(path.stem.partition("-")[2]))
    ]
    samples = msgspec.convert(_read(folder / _SAMPLES), tuple[Sample, ...])
    return Case(tuple(worlds), samples, "")


def report(case: Case, mismatches: tuple[Mismatch, ...]) -> str:
    """What the kernel did and what the evaluator says, with its trace."""
    lines = [case.difference]
    for mismatch in mismatches:
        lines += ["", *_about(case, mismatch)]
    return "\n".join(lines) + "\n"


def _about(case: Case, mismatch: Mismatch) -> Iterator[str]:
    verdict = explain(_policy(case), mismatch.question.packet)
    yield mismatch.difference
    yield f"packet:    {_fields(mismatch.question.packet)}"
    yield f"kernel:    {_fields(mismatch.fate)}"
    decider = " ".join(filter(None, (verdict.tier, verdict.policy)))
    yield f"evaluator: {verdict.outcome} {verdict.reason} at {verdict.stage} {decider}".rstrip()
    yield from _steps(verdict.trace, "  ")


def _fields(value: msgspec.Struct) -> str:
    """The fields that are not empty."""
    found = msgspec.to_builtins(value)
    return ", ".join(f"{name} {text}" for name, text in found.items() if text is not None)


def _steps(steps: tuple[Step, ...], indent: str) -> Iterator[str]:
    signs = {True: "+", False: "-", None: " "}
    for step in steps:
        yield f"{indent}{signs[step.matched]} {step.text}"
        yield from _steps(step.steps, indent + "  ")


def _policy(case: Case) -> Any:
    follower = Follower()
    for world in case.worlds:
        policy = follower.follow(world)
    return policy


def _rules(case: Case) -> str:
    return compile_policy(_policy(case), case.worlds[-1].style).rule_set.text()


def _write(path: Path, value: Any) -> None:
    path.write_text(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
