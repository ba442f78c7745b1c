from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from catflap.cli.main import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line in this process; its exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(arguments)
        except SystemExit as end:  # argparse ends so
            code = end.code if isinstance(end.code, int) else 1
        return code, *capsys.readouterr()

    return run


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set where the tests run must not matter."""
    for name in os.environ:
        if name.startswith(("FELIX_", "CATFLAP_")):
            monkeypatch.delenv(name)


def modules_after(statement: str) -> set[str]:
    """The modules that a new interpreter has imported after a statement."""
    program = (
        f"import sys\ntry:\n    {statement}\nexcept SystemExit:\n    pass\nprint('\\nMODULES', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("MODULES ")[2].split())
