#!/usr/bin/env python3
"""Draw docs/demo.svg and docs/explain.svg: the first steps of the demo, and an explanation, as real runs print them.

Needs root, as the demo does. The pictures name no font to be loaded from anywhere.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import io
import re
import sys
from pathlib import Path

from rich.console import Console

from catflap.cli.content import read_files
from catflap.cli.explanation import explain
from catflap.cli.explanation_report import show
from catflap.cli.packets import read_text
from catflap.cli.questions import Asker, Defaults
from catflap.cli.world import World
from catflap.lab.demo import Demo
from catflap.lab.guide import STAGES
from catflap.lab.report import MAX_WIDTH

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = "examples/02-webserver"
PACKET = "tcp 203.0.113.9 > web1-management:80"
FONTS_AND_NOTES = re.compile(r"<!--.*?-->\s*|@font-face \{\{.*?\}\}\s*", re.DOTALL)


def svg_format() -> str:
    """The library's own format without the fonts that it would load, and without the note of who drew it."""
    default = inspect.signature(Console.export_svg).parameters["code_format"].default
    return FONTS_AND_NOTES.sub("", default).replace("Fira Code, monospace", "monospace")


def new_console() -> Console:
    """A terminal that remembers what it shows."""
    return Console(
        record=True, file=io.StringIO(), width=MAX_WIDTH, force_terminal=True, highlight=False, _environ={}
    )


def draw_demo() -> str:
    """Run the demo's first two steps and return the picture.

    Raises:
        RuntimeError: a packet went another way than expected; such a run is no picture of the project.
    """
    console = new_console()
    demo = Demo("dir", console, STAGES[:2])
    asyncio.run(demo.run())
    if not demo.as_expected:
        raise RuntimeError("packets went another way than expected: look at `catflap lab demo`")
    return console.export_svg(title="catflap lab demo", code_format=svg_format(), unique_id="demo") + "\n"


def draw_explanation() -> str:
    """Explain a packet of an example and return the picture."""
    console = new_console()
    world = World(read_files([ROOT / EXAMPLE]))
    show(explain(world, Asker(world, Defaults()).question(read_text(PACKET))), console)
    title = f"catflap explain {EXAMPLE} '{PACKET}'"
    return console.export_svg(title=title, code_format=svg_format(), unique_id="explain") + "\n"


def main() -> int:
    """Draw in place, or where ``--out`` says."""
    parser = argparse.ArgumentParser(description="draw pictures of real runs")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "docs", help="the directory that they are written to"
    )
    directory = parser.parse_args().out
    (directory / "demo.svg").write_text(draw_demo(), encoding="utf-8")
    (directory / "explain.svg").write_text(draw_explanation(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
