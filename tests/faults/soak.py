"""A real agent for an hour under a random fault every 30 s: ``make soak TIME=3600 SEED=1``.

The host of the guide follows a cluster of three members, while a fleet's objects change without pause. It ends with
the right rule set in the kernel, without growth of memory, file descriptors or threads, and with a log that can be
read; otherwise the exit status is 1. Every fault is a line of the progress.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from pathlib import Path
from typing import Final

from tests.faults import soak_log
from tests.faults.agent_host import Host, agent_host
from tests.faults.processes import WriterProcess
from tests.faults.soak_faults import Fault, faults
from tests.faults.usage import Usage, growth, usage_of
from tests.faults.writer import Work

from catflap.lab.namespaces import LabError
from catflap.lab.server_process import ServerError

BACK_WITHIN: Final = 60.0  # seconds from the end of a fault to a new policy in the kernel
WARNINGS: Final = 3  # lines for each fault: a log that says everything many times is not read
LOG: Final = Path("build", "soak.log")
HEADING: Final = (
    f"{'time':>6}  {'fault':<44} {'for':>6} {'back':>6}  {'memory':>7} {'files':>5} {'threads':>7}"
)


class Soak:
    """One run. ``seed`` decides which faults come when."""

    def __init__(self, host: Host, seed: int) -> None:
        self._host = host
        self._random = random.Random(seed)
        self._begun = time.monotonic()
        self._usage: list[Usage] = []
        self.complaints: list[str] = []

    async def run(self, seconds: float, every: float) -> None:
        """Do faults for that long, one each ``every`` seconds, or as soon as the one before is over."""
        print(HEADING, flush=True)
        deadline = time.monotonic() + seconds
        waiting: list[Fault] = []
        while time.monotonic() < deadline:
            began = time.monotonic()
            waiting = waiting or self._random.sample(faults(), len(faults()))
            await self._suffer(waiting.pop())
            await asyncio.sleep(max(0.0, began + every - time.monotonic()))

    async def last(self) -> None:
        """Wait until the kernel shows a policy that was written after everything else."""
        if await self._host.catches_up(BACK_WITHIN) is None:
            self.complaints.append("the last policy did not come into force")

    async def _suffer(self, fault: Fault) -> None:
        began = time.monotonic()
        try:
            await fault.happen(self._host, self._random)
        except (LabError, ServerError) as error:  # an hour's run goes on
            self.complaints.append(f"'{fault.name}' itself failed: {error}")
        ended = time.monotonic()
        back = await self._host.catches_up(BACK_WITHIN)
        usage = usage_of(self._host.agent.pid)
        self._usage.append(usage)
        shown = "never" if back is None else f"{back:.1f} s"
        print(
            f"{began - self._begun:5.0f}s  {fault.name:<44} {ended - began:4.1f} s {shown:>6}"
            f"  {usage.memory >> 20:4} MB {usage.files:>5} {usage.threads:>7}",
            flush=True,
        )
        if back is None:
            self.complaints.append(f"after '{fault.name}' no new policy came into force in {BACK_WITHIN:g} s")

    def judge(self, log_file: Path) -> list[str]:
        """Compare the kernel with what a fresh agent makes of the same store; look at resources and log."""
        complaints = [*self.complaints, *growth(self._usage)]
        summary = soak_log.summarise(log_file.read_text(encoding="utf-8", errors="replace").splitlines())
        print(soak_log.as_text(summary))
        complaints += [f"the log has '{shape.words}'" for shape in summary if shape.alarming]
        if (warnings := soak_log.count_of(summary, "WARNING", "ERROR")) > len(self._usage) * WARNINGS:
            complaints.append(f"{warnings} warnings in the log are too many for {len(self._usage)} faults")
        complaints += [f"{key} is missing in the store" for key in self._host.missing_reports()]
        too_much, missing = self._host.difference()
        complaints += [f"too much in the kernel: {item}" for item in sorted(too_much)[:5]]
        complaints += [f"missing in the kernel: {item}" for item in sorted(missing)[:5]]
        print(f"rule set: {'OTHER than' if too_much or missing else 'equal to'} a fresh agent's")
        return complaints


async def soak(seconds: float, every: float, seed: int, log_file: Path) -> list[str]:
    """Run it all; returns what is wrong."""
    with agent_host(log_file) as host:
        work = Work(access=host.access, policy=True, pause=0.05, seed=seed)
        run = Soak(host, seed)
        async with WriterProcess(work, host.network.mgmt.command_prefix) as writer:
            await run.run(seconds, every)
            await writer.stop()
        await run.last()
        print(f"{len(writer.acknowledged)} writes were acknowledged")
        return await asyncio.to_thread(run.judge, log_file)


def main() -> int:
    """Read the command line, run, and tell what is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--time", type=float, default=3600, help="seconds (default: 3600)")
    parser.add_argument("--every", type=float, default=30, help="seconds from fault to fault (default: 30)")
    parser.add_argument("--seed", type=int, default=1, help="decides the order of the faults (default: 1)")
    parser.add_argument("--log", type=Path, default=LOG, help=f"the agent's log (default: {LOG})")
    options = parser.parse_args()
    options.log.parent.mkdir(exist_ok=True)
    options.log.unlink(missing_ok=True)
    complaints = asyncio.run(soak(options.time, options.every, options.seed, options.log.absolute()))
    for complaint in complaints:
        print(f"WRONG: {complaint}")
    print("the soak has failed" if complaints else "all well")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
