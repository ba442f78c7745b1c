"""Who made a commit: the process of the thread that the kernel names. It may be gone at any moment, so ask at once."""

from __future__ import annotations

from pathlib import Path

import msgspec

from catflap.nft.nfnetlink import Generation

_MAX_COMMAND = 200  # characters


class Writer(msgspec.Struct, frozen=True):
    """A process, as far as it is known: ``command`` is empty where it was gone, or is not in our process namespace."""

    process: int
    name: str
    command: str = ""

    def __str__(self) -> str:
        return f"process {self.process} ({self.command or self.name})"


def writer_of(generation: Generation, proc: Path = Path("/proc")) -> Writer:
    """The maker of a generation. Never fails.

    In a process namespace of its own the agent sees other processes under these numbers: only one that has the name
    that the kernel tells is believed.
    """
    thread = proc / str(generation.thread)
    try:
        if (thread / "comm").read_text(errors="replace").removesuffix("\n") != generation.name:
            return Writer(generation.thread, generation.name)
        command = (thread / "cmdline").read_bytes()
        status = (thread / "status").read_text(errors="replace")
    except OSError:
        return Writer(generation.thread, generation.name)
    groups = (line.split()[1] for line in status.splitlines() if line.startswith("Tgid:"))
    return Writer(int(next(groups, generation.thread)), generation.name, _readable(command))


def _readable(command: bytes) -> str:
    """A command line on one line, whatever is in it: it goes into a log."""
    words = command.rstrip(b"\0").decode(errors="replace").split("\0")
    line = "".join(letter if letter.isprintable() else "?" for letter in " ".join(words))
    return line if len(line) <= _MAX_COMMAND else line[:_MAX_COMMAND] + "…"
