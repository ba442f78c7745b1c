"""The project as packages see it: its version, its wheel, and environments in which it runs."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import catflap

ROOT: Final = Path(__file__).resolve().parent.parent
FILES: Final = Path(__file__).resolve().parent / "files"
VERSION: Final = catflap.__version__
PYTHONS: Final = ("3.11", "3.12", "3.13")
MACHINE: Final = platform.machine()
# What the extension modules may need of the C library: that of the oldest distributions with a Python as above.
GLIBC: Final = ("2_28", "2_27", "2_26", "2_24", "2_17", "2_12", "2_5")
_WHEEL: Final = "from setuptools import build_meta; import sys; print(build_meta.build_{}(sys.argv[1]))"


class BuildError(Exception):
    """A tool is missing or refuses. The text says which one, and what it said."""


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a tool and return what it printed.

    Raises:
        BuildError: it is missing, or refuses.
    """
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise BuildError(f"{command[0]} is not installed: run 'scripts/setup dist'") from None
    if done.returncode:
        raise BuildError(f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def epoch() -> int:
    """The time of everything that is built, in seconds: as SOURCE_DATE_EPOCH says, else that of the last commit."""
    if named := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(named)
    return int(run("git", "log", "-1", "--format=%ct", cwd=ROOT))


def pythons_in_words(pythons: Sequence[str]) -> str:
    """Such as ``Python 3.11 or 3.12``."""
    *others, last = pythons
    return f"Python {', '.join(others)}{' or ' if others else ''}{last}"


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in place of ``@NAME@``."""
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def build_wheel(work: Path, output: Path) -> tuple[Path, Path]:
    """Build the sdist from a copy of the checkout, and the wheel from the sdist, so that this holds all it needs."""
    source = work / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", source / "src", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, source)
    sdist = output / _built("sdist", source, output)
    unpacked = work / "sdist"
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    (tree,) = unpacked.iterdir()
    return sdist, output / _built("wheel", tree, output)


def _built(what: str, source: Path, output: Path) -> str:
    return run(sys.executable, "-c", _WHEEL.format(what), output, cwd=source).splitlines()[-1]


def build_environments(directory: Path, wheel: Path, pythons: Sequence[str]) -> Path:
    """Make a virtual environment for each Python, without that Python: it need not be on this machine.

    They can be moved: a Python finds its environment by the link that it was started with.

    Returns:
        The directory that holds them.
    """
    for python in pythons:
        environment = directory / f"python{python}"
        packages = environment / "lib" / f"python{python}" / "site-packages"
        packages.mkdir(parents=True)
        _install(packages, python, "-r", str(ROOT / "requirements.txt"))
        _install(packages, python, str(wheel))
        shutil.rmtree(
            packages / "bin", ignore_errors=True
        )  # commands of libraries, for another Python's path
        for trace in packages.glob("*.dist-info/direct_url.json"):
            trace.unlink()  # where it was built
        (environment / "bin").mkdir()
        (environment / "bin" / "python").symlink_to(f"/usr/bin/python{python}")
        (environment / "pyvenv.cfg").write_text(
            f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {python}\n", encoding="ascii"
        )
    return directory


def _install(target: Path, python: str, *what: str) -> None:
    """Install pinned packages as they are, for a Python and a C library that may be other ones than this machine's."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-compile"]
    platforms = [f"--platform=manylinux_{glibc}_{MACHINE}" for glibc in GLIBC]
    choice = ["--no-deps", "--only-binary=:all:", "--implementation=cp", f"--python-version={python}"]
    run(
        *pip,
        *choice,
        *platforms,
        f"--platform=manylinux2014_{MACHINE}",
        "--upgrade",
        f"--target={target}",
        *what,
    )
