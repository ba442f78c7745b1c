"""Some reporters of the product's own in one process, for `bench.status_load`. It runs until it is killed.

``python -m bench.report_worker URL FIRST COUNT INTERVAL``: hosts ``hostFIRST`` and so on. A line on its input, the
number of a revision, is what all of them enforce from then on.
"""

from __future__ import annotations

import asyncio
import random
import sys
from functools import partial

from msgspec.structs import replace

from catflap.agent.config import environment_source, resolve
from catflap.agent.document import HostDocument, InterfaceReport, StoreReport, Titles
from catflap.agent.report import Reporter
from catflap.store import open_store

POLICIES = Titles(listed=tuple(f"default/policy-{number}" for number in range(10)))


def document(name: str) -> HostDocument:
    """What a host with two interfaces and ten policies reports: about 1.5 kB."""
    interfaces = tuple(
        InterfaceReport(
            interface=f"eth{number}",
            endpoint=f"host endpoint {name}/eth{number}",
            revision=1,
            since="2026-01-01T00:00:00Z",
            ingress=POLICIES,
            egress=POLICIES,
        )
        for number in range(2)
    )
    return HostDocument(
        version="bench",
        store=StoreReport(state="in-sync", revision_seen=1),
        revision_enforced=1,
        interfaces=interfaces,
        interfaces_total=2,
        endpoints=2,
    )


async def main(url: str, first: int, count: int, interval: int) -> None:
    """Report for ever; each host has a store of its own, as agents have, and begins at a random time."""
    documents = {f"host{number}": document(f"host{number}") for number in range(first, first + count)}
    settings = {"FELIX_REPORTINGINTERVALSECS": str(interval), "FELIX_REPORTINGTTLSECS": str(interval * 3)}
    configuration, _ = resolve((environment_source(settings),))
    reporters = [Reporter(open_store(url), name, partial(documents.__getitem__, name)) for name in documents]

    async def run(reporter: Reporter) -> None:
        await asyncio.sleep(random.uniform(0, interval))
        reporter.configure(configuration)
        await reporter.run()

    tasks = [asyncio.create_task(run(each)) for each in reporters]
    while line := await asyncio.to_thread(sys.stdin.readline):
        for name, before in documents.items():
            documents[name] = replace(before, revision_enforced=int(line))
        for each in reporters:
            each.changed()
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
