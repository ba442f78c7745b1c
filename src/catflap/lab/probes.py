"""Asks with real packets whether one namespace reaches an address: TCP, UDP and ICMP echo, IPv4 and IPv6.

All probes run side by side in this process: a socket is made inside of a namespace and stays there, so nothing is
started for it and a table of 60 takes no longer than its slowest. It must never judge what an outcome means.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import struct
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from catflap.lab.icmp import echo_request, is_echo_reply
from catflap.lab.namespaces import Namespace
from catflap.model.resources import IpVersion, ip_version_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DEFAULT_SILENCE: Final = 0.5
Transport: TypeAlias = Literal["tcp", "udp", "icmp"]

_FAMILY: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_ICMP: Final = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}
_RECEIVE_ERRORS: Final = {
    4: (socket.IPPROTO_IP, 11),
    6: (socket.IPPROTO_IPV6, 25),
}  # IP_RECVERR, IPV6_RECVERR
_SOCKET_KIND: Final = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM, "icmp": socket.SOCK_RAW}


class Outcome(StrEnum):
    """What came of a probe."""

    ALLOWED = "allowed"
    REFUSED = "refused"  # a TCP reset or "port unreachable": nobody listens there, or a firewall pretends so
    UNREACHABLE = "unreachable"  # any other ICMP error, or no route: somebody said no
    DENIED = "denied"  # silence, or the sender's own host dropped it

    @property
    def reached(self) -> bool:
        """Whether the packet arrived and an answer came back."""
        return self in (Outcome.ALLOWED, Outcome.REFUSED)


class Probe(msgspec.Struct, frozen=True):
    """A question: does a packet from ``source`` to ``destination`` arrive, and its answer come back?

    ``icmp`` is an echo request of the destination's IP version, without port. Source port 0 leaves the choice to
    the kernel. ``to`` names the destination for people.
    """

    source: Namespace
    destination: str
    protocol: Transport
    port: int = 0
    source_port: int = 0
    to: str = ""

    @property
    def ip_version(self) -> IpVersion:
        """The IP version of the destination."""
        return ip_version_of(self.destination)

    @property
    def service(self) -> str:
        """Protocol and port, such as ``tcp/22``."""
        return self.protocol if self.protocol == "icmp" else f"{self.protocol}/{self.port}"


class Expectation(msgspec.Struct, frozen=True):
    """A probe, and whether it should get through."""

    probe: Probe
    allowed: bool


class Measurement(msgspec.Struct, frozen=True):
    """What was expected and what happened."""

    expectation: Expectation
    outcome: Outcome

    @property
    def as_expected(self) -> bool:
        """Whether the two agree; a refused connection counts as one that got through."""
        return self.outcome.reached == self.expectation.allowed


async def run_probes(probes: Iterable[Probe], *, silence: float = DEFAULT_SILENCE) -> list[Outcome]:
    """Run all probes at once. ``silence``: after how many seconds without an answer a probe counts as denied.

    Raises:
        OSError: A probe could not be sent for a reason of its own, such as a source port in use.
    """
    return list(await asyncio.gather(*(_run(probe, silence) for probe in probes)))


async def measure(
    expectations: Sequence[Expectation], *, silence: float = DEFAULT_SILENCE
) -> list[Measurement]:
    """Run all probes at once, and once more, with twice the time, those with another outcome than expected."""
    first = await _measure_once(expectations, silence)
    differing = [each.expectation for each in first if not each.as_expected]
    second = iter(await _measure_once(differing, 2 * silence))
    return [each if each.as_expected else next(second) for each in first]


async def _measure_once(expectations: Sequence[Expectation], silence: float) -> list[Measurement]:
    outcomes = await run_probes((each.probe for each in expectations), silence=silence)
    return [Measurement(*pair) for pair in zip(expectations, outcomes, strict=True)]


async def _run(probe: Probe, silence: float) -> Outcome:
    with _open(probe) as made:
        _prepare(probe, made)
        try:
            async with asyncio.timeout(silence):
                await _ask(probe, made)
        except TimeoutError:
            return Outcome.DENIED
        except OSError as error:
            if error.errno not in _OUTCOME_OF_ERROR:
                raise
            return _OUTCOME_OF_ERROR[error.errno]
    return Outcome.ALLOWED


_OUTCOME_OF_ERROR: Final[Mapping[int | None, Outcome]] = {
    errno.ECONNREFUSED: Outcome.REFUSED,
    errno.EPERM: Outcome.DENIED,  # dropped on the way out of the sender's own host
    errno.EHOSTUNREACH: Outcome.UNREACHABLE,
    errno.ENETUNREACH: Outcome.UNREACHABLE,
    errno.ENOPROTOOPT: Outcome.UNREACHABLE,
    errno.EACCES: Outcome.UNREACHABLE,  # ICMPv6 "administratively prohibited"
}


def _open(probe: Probe) -> socket.socket:
    protocol = _ICMP[probe.ip_version] if probe.protocol == "icmp" else 0
    return probe.source.socket(_FAMILY[probe.ip_version], _SOCKET_KIND[probe.protocol], protocol)


def _prepare(probe: Probe, made: socket.socket) -> None:
    if probe.protocol == "tcp":
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Closing sends a reset: no state is left behind that could stand in the way of the same ports.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        made.setsockopt(*_RECEIVE_ERRORS[probe.ip_version], 1)
    if probe.source_port:
        made.bind(("", probe.source_port))


async def _ask(probe: Probe, made: socket.socket) -> None:
    """Return when the answer is there; wait for ever if none comes.

    Raises:
        OSError: The kernel or an ICMP error says that it did not work.
    """
    loop = asyncio.get_running_loop()
    if probe.protocol == "tcp":
        await loop.sock_connect(made, (probe.destination, probe.port))
        _raise_queued_error(made)
        return
    made.connect((probe.destination, probe.port))  # sends nothing, but ICMP errors now come to this socket
    token = os.urandom(16)  # tells the answer from those to other probes
    is_icmp = probe.protocol == "icmp"
    await loop.sock_sendall(made, echo_request(probe.ip_version, token) if is_icmp else token)
    while True:
        received = await loop.sock_recv(made, 2048)
        if is_echo_reply(probe.ip_version, token, received) if is_icmp else received == token:
            return


def _raise_queued_error(made: socket.socket) -> None:
    """Raise the ICMP error that answered a connection attempt before connect(2) had let go of the socket.

    Between namespaces an answer can be that fast. The kernel then fails the attempt only a second later, but queues
    the error at once (IP_RECVERR in ip(7)), and that wakes whoever waits for the connection.
    """
    with contextlib.suppress(BlockingIOError):
        _, ancillary, _, _ = made.recvmsg(0, 512, socket.MSG_ERRQUEUE)
        (number,) = struct.unpack_from("=I", ancillary[0][2])  # struct sock_extended_err
        raise OSError(number, os.strerror(number))
