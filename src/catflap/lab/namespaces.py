"""Throw-away network namespaces, named ``catflap-<owner>-<role>`` so that ``ip netns exec`` can look into them.

They go with the lab that made them: at its end, on Ctrl-C, on SIGTERM and SIGHUP, and where it was killed outright
at the start of the next lab. Nothing here may change the network namespace that the process itself lives in.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import msgspec

from catflap.lab import claims
from catflap.lab.processes import kill_inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import FrameType, TracebackType

NAMESPACES: Final = Path("/run/netns")

# Addresses and errors without delay: no duplicate address detection, no limit on ICMP errors ("unreachable").
SYSCTLS: Final[Mapping[str, int]] = {
    "net/ipv6/conf/all/accept_dad": 0,
    "net/ipv6/conf/default/accept_dad": 0,
    "net/ipv4/icmp_ratelimit": 0,
    "net/ipv6/icmp/ratelimit": 0,
    "net/ipv4/ip_forward": 0,  # a new namespace inherits the machine's
}

_NAME: Final = re.compile(r"catflap-(?P<label>\d+(?:\.\d+)?)-.+")
_CLONE_NEWNET: Final = 0x40000000
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """The lab cannot do what it was asked. The text says what, why and what to do."""


class Namespace(msgspec.Struct, frozen=True):
    """A network namespace of the lab. ``role`` says what it stands for, ``name`` is what ``ip netns`` calls it."""

    name: str
    role: str

    @property
    def path(self) -> Path:
        """The file that stands for it."""
        return NAMESPACES / self.name

    @property
    def command_prefix(self) -> tuple[str, ...]:
        """What to put before a command so that it runs inside."""
        return ("ip", "netns", "exec", self.name)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Put the current thread inside. Never await within: other tasks would be inside, too."""
        origin = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            target = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _set_namespace(target)
                yield
            finally:
                os.close(target)
                _set_namespace(origin)
        finally:
            os.close(origin)

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A non-blocking socket that stays in this namespace, whoever uses it."""
        with self.entered():
            made = socket.socket(family, kind, protocol)
        made.settimeout(0)
        return made

    def ip(self, *commands: str) -> None:
        """Run commands of the ``ip`` program, such as ``link set eth0 up``, in one go.

        Raises:
            LabError: One of them failed; those before it are done.
        """
        _ip_batch(("-n", self.name), commands)

    def run(self, *command: str, stdin: str = "") -> str:
        """Run a program inside, wait for it, and return what it printed.

        Raises:
            LabError: It failed.
        """
        return _run((*self.command_prefix, *command), stdin)

    def sysctl(self, settings: Mapping[str, int]) -> None:
        """Set kernel parameters of this namespace, named by their path below ``/proc/sys``.

        Raises:
            LabError: The kernel does not have or not accept one of them.
        """
        with self.entered():
            for name, value in settings.items():
                try:
                    Path("/proc/sys", name).write_text(f"{value}\n", encoding="ascii")
                except OSError as error:
                    raise LabError(
                        f"{self.name}: cannot set sysctl {name}={value}: {error.strerror}"
                    ) from error

    def set_link(self, interface: str, *, up: bool) -> None:
        """Set an interface up or down."""
        self.ip(f"link set {interface} {'up' if up else 'down'}")

    def rename_interface(self, old: str, new: str) -> None:
        """Give an interface another name while it stays up (Linux 6.2 or newer)."""
        self.ip(f"link set {old} name {new}")

    def delete_interface(self, interface: str) -> None:
        """Remove an interface, and the other end of its cable."""
        self.ip(f"link delete {interface}")

    def add_addresses(self, interface: str, addresses: Iterable[str]) -> None:
        """Give an interface addresses, each with its prefix length; they work at once."""
        self.ip(*(f"address add {address} dev {interface}{_nodad(address)}" for address in addresses))

    def move_address(self, address: str, old: str, new: str) -> None:
        """Take an address, with its prefix length, from one interface to another."""
        self.ip(
            f"address delete {address} dev {old}",
            f"address add {address} dev {new}{_nodad(address)}",
        )


class Lab:
    """Owns namespaces until it is left. Entering it first clears away what dead labs left over.

    While it is entered in the main thread, SIGTERM and SIGHUP end the process in an orderly way, as Ctrl-C does.

    Raises:
        LabError: On entering: network namespaces are not permitted here.
    """

    def __init__(self) -> None:
        self.namespaces: list[Namespace] = []
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        if os.geteuid() != 0:
            raise LabError("the lab makes network namespaces, which only root may: run it as root")
        with ExitStack() as stack:
            stack.enter_context(_orderly_end())
            sweep()
            self._claim = claims.Claim()
            stack.callback(self._claim.release)
            stack.callback(self._remove_namespaces)
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._cleanup.__exit__(kind, error, traceback)

    def add(self, *roles: str) -> list[Namespace]:
        """Make a namespace for each role, with its loopback interface up.

        Raises:
            LabError: The kernel refuses.
        """
        made = [Namespace(f"catflap-{self._claim.label}-{role}", role) for role in roles]
        self.namespaces += made
        _ip_batch((), [f"netns add {namespace.name}" for namespace in made])
        for namespace in made:
            namespace.sysctl(SYSCTLS)
            namespace.set_link("lo", up=True)
        return made

    def _remove_namespaces(self) -> None:
        _remove(namespace.name for namespace in self.namespaces)
        self.namespaces.clear()


def sweep() -> list[str]:
    """Remove the namespaces of labs that are no more, and the processes inside.

    Returns:
        The names of the namespaces removed.
    """
    owned: dict[str, list[str]] = {label: [] for label in claims.labels()}
    for name in _names():
        if match := _NAME.fullmatch(name):
            owned.setdefault(match["label"], []).append(name)
    removed: list[str] = []
    for label, names in owned.items():
        with claims.abandoned(label) as is_abandoned:
            if is_abandoned:
                _remove(names)
                removed += names
    return removed


def _names() -> list[str]:
    return sorted(path.name for path in NAMESPACES.iterdir()) if NAMESPACES.is_dir() else []


def _remove(names: Iterable[str]) -> None:
    existing = [name for name in names if (NAMESPACES / name).exists()]
    if existing:
        kill_inside(NAMESPACES / name for name in existing)
        _ip_batch((), [f"netns delete {name}" for name in existing])


@contextmanager
def _orderly_end() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the stack, where nobody else handles them."""
    mine = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if threading.current_thread() is threading.main_thread()
        and signal.getsignal(number) is signal.SIG_DFL
    ]
    try:
        for number in mine:
            signal.signal(number, _exit)
        yield
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)


def _exit(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _nodad(address: str) -> str:
    return " nodad" if ":" in address else ""


def _set_namespace(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _CLONE_NEWNET) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise LabError(f"cannot enter a network namespace: {reason}; the lab needs CAP_SYS_ADMIN")


def _ip_batch(options: tuple[str, ...], commands: Iterable[str]) -> None:
    _run(("ip", *options, "-batch", "-"), "".join(f"{command}\n" for command in commands))


def _run(command: tuple[str, ...], stdin: str) -> str:
    """Run a program out of reach of the terminal's Ctrl-C, which must not stop it half-way."""
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, check=False, process_group=0
        )
    except FileNotFoundError as error:
        raise LabError(f"{command[0]} is not installed: install it (Debian: iproute2)") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).replace("\n", "; ")
        raise LabError(f"`{' '.join(command)}` failed with exit status {done.returncode}: {said}")
    return done.stdout
