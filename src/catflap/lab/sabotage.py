"""Agents that are killed in a chosen instant, or that seem to be of another version, to see what becomes of packets.

Python reads ``sitecustomize`` before anything else: the environments made here let it change this installation's code
in memory, in the processes that get them and in no others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_KILLED: Final = """
import os, signal
from catflap.nft.libnftables import LibNftables

left = {before}

def killing(program):
    def wrapped(self, what):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        program(self, what)
    return wrapped

LibNftables.run = killing(LibNftables.run)
LibNftables.change_elements = killing(LibNftables.change_elements)
"""

_OTHER_VERSION: Final = """
from catflap.nft import stages

chain = stages.interface_chain
stages.interface_chain = lambda word, interface: "other-" + chain(word, interface)
"""


def killed_before(directory: Path, transaction: int) -> dict[str, str]:
    """An environment in which a process is killed before its transaction of that number, from 1, with the kernel."""
    return _environment(directory / f"killed-before-{transaction}", _KILLED.format(before=transaction))


def other_version(directory: Path) -> dict[str, str]:
    """An environment in which rule sets have other chains, as those of another version may have."""
    return _environment(directory / "other-version", _OTHER_VERSION)


def _environment(directory: Path, program: str) -> dict[str, str]:
    directory.mkdir(exist_ok=True)
    (directory / "sitecustomize.py").write_text(program, encoding="utf-8")
    return {"PYTHONPATH": str(directory)}
