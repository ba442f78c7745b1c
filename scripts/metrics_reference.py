#!/usr/bin/env python3
"""Write the tables of docs/reference/metrics.md from the agent's table of metrics. A test holds the file to it."""

from __future__ import annotations

from pathlib import Path

from catflap.agent.metric_table import GROUPS, reference

FILE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "metrics.md"


def main() -> None:
    """Replace everything from the first table's heading on."""
    begin = f"## {next(iter(GROUPS))}\n"
    before, _, _ = FILE.read_text(encoding="utf-8").partition(begin)
    FILE.write_text(before + reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
