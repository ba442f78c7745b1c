"""Packets as people and programs describe them: ``tcp 10.0.0.1:4242 > 10.0.0.2:80``, or one JSON object a line.

Both become a `Draft`, in which anything but protocol and addresses may be missing. Pure: what is missing is not
filled in here, since that may need to know the hosts.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

import msgspec

from catflap.model.names import suggestion
from catflap.model.resources import MAX_PORT, PROTOCOL_NUMBERS
from catflap.verdict.packet import ConnectionState, Path

FORMS: Final = (
    "write, in quotes, 'tcp 10.0.0.1:4242 > 10.0.0.2:80', 'udp [2001:db8::1]:53 > [2001:db8::2]:999',"
    " 'icmp 10.0.0.1 > 10.0.0.2 type 8 code 0', or names of endpoints in place of addresses"
)

Port = Annotated[int, msgspec.Meta(ge=0, le=MAX_PORT)]
Byte = Annotated[int, msgspec.Meta(ge=0, le=255)]

_PACKET = re.compile(
    r"\s*(?P<proto>\S+)\s+(?P<src>[^\s>]+)\s*>\s*(?P<dst>[^\s>]+)(?P<icmp>(\s+(type|code)\s+\d+)*)\s*"
)
_ICMP = re.compile(r"(type|code)\s+(\d+)")
_BRACKETED = re.compile(r"\[(?P<address>[^\[\]]+)\](:(?P<port>\d+))?")
_PLAIN = re.compile(r"(?P<address>[^:\[\]]+)(:(?P<port>\d+))?")


class PacketError(ValueError):
    """A packet cannot be understood. The text says why, and what to write."""


class Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A packet as described; the fields are those of a line of a batch. ``id`` is whatever the asker likes.

    ``src`` and ``dst`` are addresses, or names of endpoints.
    """

    proto: str | int
    src: str
    dst: str
    id: Any = None
    host: str | None = None
    interface: str | None = None
    out_interface: str | None = None
    direction: Path | None = None
    sport: Port | None = None
    dport: Port | None = None
    icmp_type: Byte | None = None
    icmp_code: Byte | None = None
    state: ConnectionState | None = None


_DECODER = msgspec.json.Decoder(Draft)


def read_line(line: bytes) -> Draft:
    """One line of a batch.

    Raises:
        PacketError: it is not JSON, or a field is missing, unknown or of a wrong type.
    """
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise PacketError(str(error)) from None


def read_text(text: str) -> Draft:
    """A packet as people write it.

    Raises:
        PacketError: it is written in another way, or a number is out of range.
    """
    match = _PACKET.fullmatch(text)
    if match is None:
        raise PacketError(f"{text!r} is not a packet: {FORMS}")
    icmp = dict(_ICMP.findall(match["icmp"]))
    src, sport = _end(match["src"])
    dst, dport = _end(match["dst"])
    fields = {
        "proto": match["proto"],
        "src": src,
        "dst": dst,
        "sport": sport,
        "dport": dport,
        "icmp_type": icmp.get("type"),
        "icmp_code": icmp.get("code"),
    }
    try:
        return msgspec.convert(fields, Draft, strict=False)
    except msgspec.ValidationError as error:
        raise PacketError(f"{text!r} is not a packet: {error}") from None


def _end(text: str) -> tuple[str, str | None]:
    """Address or name, and port, of one end."""
    match = _BRACKETED.fullmatch(text) or _PLAIN.fullmatch(text)
    if match is not None:
        return match["address"], match["port"]
    return text, None  # an IPv6 address without brackets, or nonsense: whoever reads addresses will tell


def protocol_number(name: str | int) -> int:
    """The IP protocol number for a name or number.

    Raises:
        PacketError: it is none.
    """
    number = PROTOCOL_NUMBERS.get(name.lower()) if isinstance(name, str) else name
    if number is None and isinstance(name, str) and name.isascii() and name.isdigit():
        number = int(name)
    if number is None or not 0 <= number <= 255:  # noqa: PLR2004  # the field has eight bits
        known = ", ".join(PROTOCOL_NUMBERS)
        raise PacketError(
            f"{name!r} is not a protocol: use {known} or a number.{suggestion(name, PROTOCOL_NUMBERS)}"
        )
    return number
