#!/usr/bin/env python3
"""Draw docs/demo.svg: the first two steps of the demo, as a real run on this machine prints them.

Needs root, as the demo does. The picture names no font to be loaded from anywhere.
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

from catflap.lab.demo import Demo
from catflap.lab.guide import STAGES
from catflap.lab.report import MAX_WIDTH

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "demo.svg"
TITLE = "catflap lab demo"
FONTS_AND_NOTES = re.compile(r"<!--.*?-->\s*|@font-face \{\{.*?\}\}\s*", re.DOTALL)


def svg_format() -> str:
    """The library's own format without the fonts that it would load, and without the note of who drew it."""
    default = inspect.signature(Console.export_svg).parameters["code_format"].default
    return FONTS_AND_NOTES.sub("", default).replace("Fira Code, monospace", "monospace")


def draw() -> str:
    """Run the demo's first two steps and return the picture.

    Raises:
        RuntimeError: a packet went another way than expected; such a run is no picture of the project.
    """
    console = Console(
        record=True, file=io.StringIO(), width=MAX_WIDTH, force_terminal=True, highlight=False, _environ={}
    )
    demo = Demo("dir", console, STAGES[:2])
    asyncio.run(demo.run())
    if not demo.as_expected:
        raise RuntimeError("packets went another way than expected: look at `catflap lab demo`")
    return console.export_svg(title=TITLE, code_format=svg_format(), unique_id="demo") + "\n"


def main() -> int:
    """Draw in place, or where ``--out`` says."""
    parser = argparse.ArgumentParser(description="draw a picture of the demo from a real run")
    parser.add_argument("--out", type=Path, default=PICTURE, help="the written file")
    parser.parse_args().out.write_text(draw(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
