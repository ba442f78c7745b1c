"""Runs a proof on several hosts side by side, each in a process of its own, until enough was proved."""

from __future__ import annotations

import itertools
import multiprocessing
import queue
import signal
import time
import traceback
from collections.abc import Iterator, Sequence
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final

import msgspec

from catflap.prove import case_files
from catflap.prove.coverage import Coverage
from catflap.prove.kernel import KernelHost, ProverError
from catflap.prove.proof import PACKETS_PER_WORLD, Case, SeriesResult, prove_series, repeat
from catflap.prove.shrink import shrink

_POLL: Final = 0.2  # seconds


class Plan(msgspec.Struct, frozen=True):
    """What to prove. It ends when ``seconds`` have passed or ``worlds`` were proved, whichever comes first.

    ``seed``: the same one proves the same worlds, in any number of processes. ``failures``: the folder for what fails.
    """

    seed: str
    seconds: float | None = None
    worlds: int | None = None
    packets: int = PACKETS_PER_WORLD
    jobs: int = 2
    failures: Path = Path("proof-failures")
    most_failures: int = 5


class Finding(msgspec.Struct, frozen=True):
    """One series: what it covered, and where its failure was written to, if it failed."""

    result: SeriesResult
    folder: Path | None = None


class Proof:
    """A running proof: iterate over it for the findings as they come; afterwards ``coverage`` and ``failed`` hold all.

    Raises:
        ProverError: while iterating: a process could not go on.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.coverage = Coverage()
        self.failed: list[Finding] = []
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it runs already."""
        return time.monotonic() - self.started

    def __iter__(self) -> Iterator[Finding]:
        context = multiprocessing.get_context("spawn")
        results: Any = context.Queue()
        stop = context.Event()
        workers = [
            context.Process(target=_work, args=(number, self.plan, stop, results), daemon=True)
            for number in range(self.plan.jobs)
        ]
        for worker in workers:
            worker.start()
        try:
            while not self._enough:
                finding = _next(results, workers)
                if finding is not None:
                    self._add(finding)
                    yield finding
        finally:
            stop.set()
            self._finish(results, workers)

    @property
    def _enough(self) -> bool:
        plan = self.plan
        return (
            (plan.seconds is not None and self.seconds >= plan.seconds)
            or (plan.worlds is not None and self.coverage.worlds >= plan.worlds)
            or len(self.failed) >= plan.most_failures
        )

    def _add(self, finding: Finding) -> None:
        self.coverage.add(finding.result.coverage)
        if finding.result.case:
            self.failed.append(finding)

    def _finish(self, results: Any, workers: Sequence[BaseProcess]) -> None:
        """Wait for the last series of every worker, which count as well."""
        while any(worker.is_alive() for worker in workers):
            try:
                found = results.get(timeout=_POLL)
            except queue.Empty:
                continue
            if isinstance(found, Finding):
                self._add(found)


def _next(results: Any, workers: Sequence[BaseProcess]) -> Finding | None:
    try:
        found = results.get(timeout=_POLL)
    except queue.Empty:
        if not any(worker.is_alive() for worker in workers):
            raise ProverError("all processes of the proof have ended before it was done") from None
        return None
    if isinstance(found, Finding):
        return found
    raise ProverError(f"a process of the proof failed:\n{found}")


def _work(number: int, plan: Plan, stop: Event, results: Any) -> None:
    """Prove every series whose turn it is. The parent decides when to stop; Ctrl-C is for the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent, seed = multiprocessing.parent_process(), "none yet"
    try:
        with KernelHost() as host:
            for index in itertools.count(number, plan.jobs):
                if stop.is_set() or parent is None or not parent.is_alive():
                    return
                seed = f"{plan.seed}/{index}"
                results.put(_finding(host, seed, plan))
    except Exception:  # noqa: BLE001  # whatever it is, the parent has to hear of it
        results.put(f"series {seed}:\n{traceback.format_exc()}")


def _finding(host: KernelHost, seed: str, plan: Plan) -> Finding:
    result = prove_series(host, seed, packets=plan.packets)
    if result.case is None:
        return Finding(result)
    folder = plan.failures / seed.replace("/", "-")
    keep(host, result.case, folder)
    return Finding(result, folder)


def keep(host: KernelHost, case: Case, folder: Path) -> Case:
    """Make a failing case small and write it down.

    Raises:
        OSError: The folder cannot be written.
    """
    if fails(host, case):
        case = shrink(case, lambda smaller: fails(host, smaller))
    mismatches = repeat(host, case)
    case_files.save(case, mismatches if isinstance(mismatches, tuple) else (), folder)
    return case


def fails(host: KernelHost, case: Case) -> bool:
    """Whether a case fails in its own way: packets that go wrong, or (without packets) a refused policy."""
    found = repeat(host, case)
    return bool(found) and isinstance(found, str) != bool(case.samples)
