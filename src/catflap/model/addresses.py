"""Addresses, networks and Ethernet addresses as stored, to canonical text.

IPv4 takes four decimal numbers without leading zeros. The short and octal forms that C libraries accept (``10.1``,
``010.0.0.1``) are refused, since readers disagree about what they mean.
"""

from __future__ import annotations

import ipaddress
import re

from catflap.model.resources import IpVersion

_DECIMAL_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_CANONICAL_IPV4 = re.compile(rf"{_DECIMAL_OCTET}(?:\.{_DECIMAL_OCTET}){{3}}")
_DIGITS_AND_DOTS = re.compile(r"[0-9.]+")
_OCTETS = re.compile(r"[0-9a-f]{1,2}([:-])[0-9a-f]{1,2}(?:\1[0-9a-f]{1,2}){4}")
_DIGIT_GROUPS = re.compile(r"[0-9a-f]{12}|[0-9a-f]{6}-[0-9a-f]{6}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}")


def canonical_address(text: str, version: IpVersion | None = None) -> str:
    """The canonical text of a plain address.

    Raises:
        ValueError: it is not an address, or not one of ``version``. The text is a sentence that explains, or empty.
    """
    if version != 6 and _CANONICAL_IPV4.fullmatch(text):  # noqa: PLR2004 - IPv6
        return text  # nearly every stored address is one, and `ipaddress` takes five times as long to say so
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(_explanation(text, "A plain address has no prefix length.")) from None
    _refuse_zone(text)
    _check_version(address.version, version)
    return str(address)


def canonical_network(text: str, version: IpVersion | None = None) -> str:
    """The canonical text of a CIDR or plain address, host bits cleared.

    Raises:
        ValueError: it is neither, or not one of ``version``. The text is a sentence that explains, or empty.
    """
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(_explanation(text, "The prefix length is not one.")) from None
    _refuse_zone(text)
    mask = text.partition("/")[2]
    if "." in mask and mask != str(network.netmask):
        raise ValueError("A wildcard mask is ambiguous: write a prefix length.")
    _check_version(network.version, version)
    return str(network)


def address_part(text: str, version: IpVersion | None = None) -> str:
    """The canonical text of the address in a CIDR, or of a plain address.

    Raises:
        ValueError: it is neither, or not one of ``version``. The text is a sentence that explains, or empty.
    """
    canonical_network(text, version)
    return canonical_address(text.partition("/")[0])


def canonical_mac(text: str) -> str:
    """The canonical text of an Ethernet address: lower case, colons, two digits each.

    Any usual notation is understood: ``00:16:3E:00:00:01``, ``0:16:3e:0:0:1``, ``00-16-3e-00-00-01``,
    ``0016.3e00.0001``, ``00163e-000001``, ``00163e000001``.

    Raises:
        ValueError: it is none. The text is a sentence that explains.
    """
    folded = text.lower()
    if _OCTETS.fullmatch(folded):
        return ":".join(octet.zfill(2) for octet in folded.replace("-", ":").split(":"))
    if _DIGIT_GROUPS.fullmatch(folded):
        return bytes.fromhex(folded.replace("-", "").replace(".", "")).hex(":")
    raise ValueError("It takes six octets in hexadecimal, such as '00:16:3e:00:00:01'.")


def _refuse_zone(text: str) -> None:
    if "%" in text:
        raise ValueError("An address with a zone belongs to one host only.")


def _check_version(found: int, wanted: IpVersion | None) -> None:
    if wanted not in (None, found):
        raise ValueError(f"It is IPv{found}, not IPv{wanted}.")


def _explanation(text: str, wrong_prefix: str) -> str:
    address, slash, _ = text.partition("/")
    try:
        ipaddress.ip_address(address)
    except ValueError:
        if _DIGITS_AND_DOTS.fullmatch(address):
            return "IPv4 addresses take four decimal numbers without leading zeros."
        return ""
    return wrong_prefix if slash else ""
