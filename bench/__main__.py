"""Runs every benchmark in a network namespace of its own and prints the tables."""

from __future__ import annotations

import json
import sys

from rich.console import Console
from rich.table import Table

from bench.facts import machine_facts
from catflap.lab.namespaces import Lab, LabError

BENCHMARKS = {"bench.agent_latency": "10 endpoints, 10 policies, etcd with the v3 API"}


def main() -> int:
    """Run them; returns the exit code."""
    console = Console(width=100, highlight=False)
    for name, fact in machine_facts().items():
        console.print(f"{name:10} {fact}")
    for module, title in BENCHMARKS.items():
        try:
            with Lab() as lab, console.status(f"measuring: {title}"):
                (namespace,) = lab.add("bench")
                rows = json.loads(namespace.run(sys.executable, "-m", module, namespace.name))
        except LabError as error:
            console.print(f"bench: {error}")
            return 3
        table = Table("what", "measured", "target", title=title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
