"""Starts a command under what a unit allows: stands in for systemd, where that is not the first process.

Only the standard library: it runs with the Python of a packaged root. Not a copy of all that systemd does, but of what
may keep an agent from working: capabilities, no new privileges, read-only files, system calls, address families, and
memory that may be written and executed.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

ALLOW, REFUSE = 0x7FFF0000, 0x00050001  # SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(EPERM)
EQUAL, MASKED_EQUAL = 4, 7
PROT_WRITE, PROT_EXEC = 2, 4
MOST_FAMILIES = 64
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}


class Comparison(ctypes.Structure):
    """What an argument of a system call is compared with."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


def read_unit(path: Path) -> dict[str, list[str]]:
    """All values of each setting, in order."""
    settings = defaultdict(list)
    for line in path.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            settings[name].append(value)
    return settings


def system_calls(values: Iterable[str]) -> list[str]:
    """The names that ``SystemCallFilter`` leaves; sets are asked from systemd's own tool."""
    names: set[str] = set()
    for value in values:
        listed = {name for word in value.removeprefix("~").split() for name in _expanded(word)}
        names = names - listed if value.startswith("~") else names | listed
    return sorted(names)


def _expanded(word: str) -> set[str]:
    if not word.startswith("@"):
        return {word}
    listed = subprocess.run(
        ["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True
    )
    words = [line.strip() for line in listed.stdout.splitlines()[1:]]
    return {name for each in words if each and not each.startswith("#") for name in _expanded(each)}


def protect_files(settings: dict[str, list[str]]) -> None:
    """ProtectSystem=strict, the unit's own directories, and ProtectKernelTunables but for ReadWritePaths."""
    own = [
        f"{parent}/{settings[f'{kind}Directory'][-1]}"
        for kind, parent in (("State", "/var/lib"), ("Runtime", "/run"), ("Logs", "/var/log"))
        if settings[f"{kind}Directory"]
    ]
    writable = [*own, *(path.lstrip("-") for path in settings["ReadWritePaths"])]
    for directory in own:
        Path(directory).mkdir(parents=True, exist_ok=True)
    _mount("--make-rprivate", "/")
    _mount("--bind", "/proc/sys", "/proc/sys")
    for path in writable:
        _mount("--bind", path, path)
    for path in ("/", "/run", "/var/log", "/proc/sys"):
        _mount("-o", "remount,bind,ro", path)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


class Filter:
    """A seccomp filter.

    Args:
        default: what becomes of calls that no rule names.
    """

    def __init__(self, default: int) -> None:
        self._library = ctypes.CDLL("libseccomp.so.2")
        self._library.seccomp_init.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(self._library.seccomp_init(ctypes.c_uint32(default)))

    def rule(self, action: int, call: str, *comparisons: Comparison) -> None:
        """Add a rule; calls that this machine does not have are left out."""
        number = self._library.seccomp_syscall_resolve_name(call.encode())
        array = (Comparison * len(comparisons))(*comparisons)
        if number >= 0 and self._library.seccomp_rule_add_array(
            self._context, ctypes.c_uint32(action), number, len(comparisons), array
        ):
            raise OSError(f"no rule for {call}")

    def load(self) -> None:
        """Put it in force, for good."""
        if self._library.seccomp_load(self._context):
            raise OSError("the filter cannot be loaded")


def filter_calls(names: Iterable[str], families: Iterable[str]) -> None:
    """SystemCallFilter, RestrictAddressFamilies and MemoryDenyWriteExecute."""
    arguments = Filter(ALLOW)
    both = PROT_WRITE | PROT_EXEC
    arguments.rule(REFUSE, "mmap", Comparison(2, MASKED_EQUAL, both, both))
    arguments.rule(REFUSE, "mprotect", Comparison(2, MASKED_EQUAL, PROT_EXEC, PROT_EXEC))
    for family in set(range(MOST_FAMILIES)) - {FAMILIES[name] for name in families}:
        arguments.rule(REFUSE, "socket", Comparison(0, EQUAL, family, 0))
    arguments.load()
    calls = Filter(REFUSE)
    for name in names:
        calls.rule(ALLOW, name)
    calls.load()


def main(unit: str, *command: str) -> None:
    """Become the command; ``-`` as the unit is the second step, with fewer rights already."""
    if unit == "-":
        filter_calls(json.loads(command[0]), json.loads(command[1]))
        os.execvp(command[2], command[2:])  # noqa: S606  # a list of arguments
    settings = read_unit(Path(unit))
    names = json.dumps(system_calls(settings["SystemCallFilter"]))
    families = json.dumps(settings["RestrictAddressFamilies"][-1].split())
    protect_files(settings)
    for each in settings["Environment"]:
        name, _, value = each.partition("=")
        os.environ[name] = value
    kept = "".join(
        f",+{name.removeprefix('CAP_').lower()}" for name in settings["CapabilityBoundingSet"][-1].split()
    )
    again = [sys.executable, __file__, "-", names, families, *(command or settings["ExecStart"][-1].split())]
    privileges = ["setpriv", "--no-new-privs", f"--bounding-set=-all{kept}", "--inh-caps=-all", "--"]
    os.execvp(privileges[0], [*privileges, *again])  # noqa: S606  # the same


if __name__ == "__main__":
    main(*sys.argv[1:])
