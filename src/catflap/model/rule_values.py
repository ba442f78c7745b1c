"""Values that rules of both encodings hold: IP versions, protocols, numbers of one octet."""

from __future__ import annotations

import re
from typing import Final

from catflap.model.resources import PROTOCOL_NUMBERS, IpVersion
from catflap.model.validation import is_integer

MAX_OCTET: Final = 255  # protocol numbers, ICMP types and ICMP codes take one octet

_PROTOCOL_NUMBER = re.compile(r"[1-9][0-9]{0,2}")


def parse_ip_version(written: object) -> IpVersion | None:
    """The number 4 or 6; None for anything else."""
    if is_integer(written):
        if written == 4:  # noqa: PLR2004 - IPv4
            return 4
        if written == 6:  # noqa: PLR2004 - IPv6
            return 6
    return None


def parse_protocol(written: object) -> int | None:
    """A lower-case protocol name, or a number from 1 to 255 (also as text); None for anything else."""
    if isinstance(written, str):
        if written in PROTOCOL_NUMBERS:
            return PROTOCOL_NUMBERS[written]
        written = int(written) if _PROTOCOL_NUMBER.fullmatch(written) else None
    return written if is_integer(written) and 1 <= written <= MAX_OCTET else None
