"""Builds all forms from the one version in `catflap.__version__`, and says what was made."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from distribution import bundle, deb, project, rpm
from distribution.tree import Tree

FORMS = ("wheel", "deb", "rpm", "bundle")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build; the exit status is 1 where a tool is missing or refuses."""
    parser = argparse.ArgumentParser(prog="python -m distribution", description="Build packages into dist/.")
    parser.add_argument("forms", nargs="*", metavar="FORM", help=f"of {', '.join(FORMS)} (default: all)")
    parser.add_argument(
        "--output", type=Path, default=project.ROOT / "dist", help="where to (default: dist/)"
    )
    parser.add_argument(
        "--python",
        action="append",
        metavar="3.N",
        help="which Pythons they run with (repeatable; default: all)",
    )
    options = parser.parse_args(arguments)
    if unknown := set(options.forms) - set(FORMS):
        parser.error(f"there is no form {', '.join(sorted(unknown))}")
    try:
        for made in build(
            options.forms or FORMS, options.output.absolute(), options.python or project.PYTHONS
        ):
            print(f"{made.stat().st_size / 1e6:6.1f} MB  {made.name}")
    except project.BuildError as error:
        print(f"make dist: {error}", file=sys.stderr)
        return 1
    return 0


def build(forms: Sequence[str], output: Path, pythons: Sequence[str]) -> list[Path]:
    """Build some forms, and return their files.

    Args:
        forms: of `FORMS`; the wheel is always made, since all others hold what is in it.
        output: a directory, which is made.
        pythons: such as ``3.11``; the environments for these are inside of packages.

    Raises:
        BuildError: a tool is missing or refuses.
    """
    os.environ["SOURCE_DATE_EPOCH"] = str(
        project.epoch()
    )  # for all tools: the same again from the same commit
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="catflap-dist-") as directory:
        work = Path(directory)
        _say("wheel and sdist")
        sdist, wheel = project.build_wheel(work, output)
        made = [sdist, wheel]
        if set(forms) != {"wheel"}:
            _say(f"environments for Python {', '.join(pythons)}")
            environments = project.build_environments(work / "environments", wheel, pythons)
            for form in (deb, rpm, bundle):
                if form.FORM in forms:
                    _say(form.FORM)
                    tree = Tree(work / form.FORM / "tree", form.PREFIX, environments)
                    made.append(form.build(tree, work / form.FORM, output))
    return made


def _say(what: str) -> None:
    print(f"building {what}…", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
