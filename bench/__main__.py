"""Runs every benchmark in a network namespace of its own and prints the tables.

``python -m bench NAME [ARGUMENT…]`` runs one of them only, such as ``loss 60``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from bench.facts import machine_facts
from bench.fleet import ENCODINGS
from catflap.lab.namespaces import Lab, LabError


class Benchmark(NamedTuple):
    """A module that prints rows of what, measured and target. It gets the name of its namespace, then ``arguments``."""

    module: str
    title: str
    arguments: tuple[str, ...] = ()


BENCHMARKS = (
    Benchmark("bench.agent_latency", "The agent: 10 endpoints, 10 policies, etcd with the v3 API"),
    Benchmark("bench.idle", "An idle agent: 10 endpoints, 10 policies, etcd with the v3 API", ("60",)),
    Benchmark("bench.scrape", "A scrape of the metrics: 2,000 policies"),
    Benchmark("bench.interfaces", "A host with 10,000 interfaces", ("10000",)),
    Benchmark("bench.repair", "Self-repair: 10 endpoints, 10 policies, each kind of damage 200 times"),
    *(
        Benchmark("bench.store_speed", f"Stores: {title}", (part,))
        for part, title in (
            ("load", "an agent's first load, etcd with the v3 API"),
            ("changes", "changes, etcd with the v3 API"),
            ("directory", "a directory"),
        )
    ),
    *(
        Benchmark("bench.watchers", f"1,000 followers, etcd with the v3 API, {way}", (way,))
        for way in ("direct", "through one grpc-proxy")
    ),
    Benchmark("bench.status_load", "The reports of 1,000 agents, etcd with the v3 API"),
    Benchmark("bench.loss", "Packets lost and leaked, at 20,000/s allowed and 20,000/s denied", ("3",)),
    Benchmark("bench.kernel_changes", "The kernel: 200 policies of 10 rules, large sets"),
    Benchmark("bench.packet_rate", "What a policy costs a packet: new flows per second, one processor"),
    Benchmark("bench.recheck", "Existing connections, rechecked: 22 policies, a tenth to be ended"),
    Benchmark("bench.decoding", "Decoding: from the bytes of the store to resources"),
    *(
        Benchmark(
            "bench.scale",
            f"Scale, {encoding}: 100,000 endpoints, 2,000 policies, 200 of them here",
            (encoding,),
        )
        for encoding in ENCODINGS
    ),
)


def main(only: Sequence[str] = ()) -> int:
    """Run them, or the one with a name (and other arguments than its own); returns the exit code."""
    console = Console(width=100, highlight=False)
    for name, fact in machine_facts().items():
        console.print(f"{name:10} {fact}")
    for benchmark in _chosen(*only) if only else BENCHMARKS:
        try:
            rows = _rows(console, benchmark)
        except LabError as error:
            console.print(f"bench: {error}")
            return 3
        table = Table("what", "measured", "target", title=benchmark.title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    return 0


def _chosen(name: str, *arguments: str) -> list[Benchmark]:
    found = [each for each in BENCHMARKS if each.module == f"bench.{name}"]
    if not found:
        names = ", ".join(dict.fromkeys(each.module.removeprefix("bench.") for each in BENCHMARKS))
        raise SystemExit(f"bench: there is no {name}, but {names}")
    return [found[0]._replace(arguments=arguments)] if arguments else found


def _rows(console: Console, benchmark: Benchmark) -> list[list[str]]:
    with Lab() as lab, console.status(f"measuring: {benchmark.title}"):
        (namespace,) = lab.add("bench")
        command = (sys.executable, "-m", benchmark.module, namespace.name, *benchmark.arguments)
        rows: list[list[str]] = json.loads(namespace.run(*command))
        return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
