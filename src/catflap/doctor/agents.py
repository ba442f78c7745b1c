"""Who else polices this network namespace: a second Catflap, or an agent of Calico that is still at work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from catflap.doctor.finding import Finding, Level
from catflap.doctor.port import Process

_CALICO: Final = frozenset({"calico-felix", "calico-node"})
_CHECK: Final = "agents"


def catflap_agents(processes: Sequence[Process]) -> list[Process]:
    """The agents of Catflap."""
    return [each for each in processes if _program(each)[:2] == ["catflap", "agent"]]


def calico_agents(processes: Sequence[Process]) -> list[Process]:
    """The agents of Calico, of any age."""
    return [each for each in processes if _program(each)[:1] and _program(each)[0] in _CALICO]


def agent_findings(processes: Sequence[Process]) -> Iterator[Finding]:
    """What is the matter with who is at work."""
    ours = catflap_agents(processes)
    if len(ours) > 1:
        yield Finding(
            Level.PROBLEM,
            _CHECK,
            "catflap agent",
            f"runs {len(ours)} times in this network namespace (processes {_numbers(ours)}), each against the others",
            "stop all but one; containers that share the host's network need no agent of their own",
        )
    for each in calico_agents(processes):
        yield Finding(
            Level.PROBLEM,
            _CHECK,
            f"process {each.pid}",
            f"is Calico's agent ({_program(each)[0]}) at work on the same interfaces: a packet has to pass both",
            "stop and disable it, unless both are wanted; then catflap doctor --remove-leftovers",
        )


def _program(process: Process) -> list[str]:
    """The program's name and what follows; the interpreter of a script and its options are left out."""
    words = list(process.command)
    if words and PurePosixPath(words[0]).name.startswith("python"):
        words = words[1:]
        while words and words[0].startswith("-"):
            words = words[1:]
    return [PurePosixPath(words[0]).name, *words[1:]] if words else []


def _numbers(processes: Sequence[Process]) -> str:
    return ", ".join(str(each.pid) for each in processes)
