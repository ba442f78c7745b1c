"""Shared helpers for tests of the agent."""

from __future__ import annotations

from collections.abc import Mapping

from catflap.agent.config import Source, environment_source
from catflap.host import Interfaces, WorkloadLink


def local_sources(**environment: str) -> tuple[Source, ...]:
    """Sources outside of the store: an environment without a file."""
    return (environment_source({f"FELIX_{name.upper()}": value for name, value in environment.items()}),)


class MemoryLinks:
    """Notes what workload interfaces were asked for, and answers with the prepared problems or faults."""

    def __init__(self) -> None:
        self.calls: list[Mapping[str, WorkloadLink | None]] = []
        self.answers: list[list[str] | Exception] = []

    def reconcile(self, wanted: Mapping[str, WorkloadLink | None], _interfaces: Interfaces) -> list[str]:
        self.calls.append(wanted)
        answer = self.answers.pop(0) if self.answers else []
        if isinstance(answer, Exception):
            raise answer
        return answer
