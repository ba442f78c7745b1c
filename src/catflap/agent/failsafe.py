"""The failsafe lists, as text in configuration and as JSON in resources.

A slip in these lists can lock an administrator out, so nothing is guessed: an entry that cannot be read makes the
whole list invalid, and only the word ``none`` (or an explicit empty JSON list) empties it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from catflap.model.addresses import canonical_network
from catflap.model.resources import MAX_PORT, SCTP, TCP, UDP, PortRange
from catflap.policy.host_policy import FailsafePort

DEFAULT_INBOUND = (FailsafePort(TCP, PortRange(22, 22)),)
DEFAULT_OUTBOUND = tuple(FailsafePort(TCP, PortRange(port, port)) for port in (2379, 2380, 4001, 7001))

_PROTOCOLS = {"tcp": TCP, "udp": UDP, "sctp": SCTP}
_NAMES = {number: name for name, number in _PROTOCOLS.items()}
_FORMS = "use PORT, PORT-PORT, PROTOCOL:PORT or PROTOCOL:CIDR:PORT with tcp, udp or sctp, or none"


def parse_failsafe(raw: object) -> tuple[FailsafePort, ...]:
    """Read a failsafe list.

    Args:
        raw: text such as ``22, udp:68, tcp:10.0.0.0/8:22, tcp:6000-6010`` or ``none``; or, from a v3 resource, a list
            of ``{"protocol": "TCP", "port": 22, "net": "10.0.0.0/8"}``.

    Returns:
        The entries in their order, without duplicates.

    Raises:
        ValueError: the reason, with the entry that is wrong.
    """
    if isinstance(raw, str):
        if raw.strip().lower() == "none":
            return ()
        entries = [_parse_text(item.strip()) for item in raw.split(",") if item.strip()]
        if not entries:
            raise ValueError(f"the list is empty: {_FORMS}")
    elif isinstance(raw, Sequence):
        entries = [_parse_object(item) for item in raw]
    else:
        raise ValueError(f"expected text or a list, not {raw!r}")  # noqa: TRY004  # one error type for bad values
    return tuple(dict.fromkeys(entries))


def format_failsafe(entries: Sequence[FailsafePort]) -> str:
    """The canonical text of a list; reading it gives the same list."""
    return ",".join(_format(entry) for entry in entries) or "none"


def _format(entry: FailsafePort) -> str:
    net = f"{entry.net}:" if entry.net else ""
    return f"{_NAMES[entry.protocol]}:{net}{entry.ports}"


def _parse_text(item: str) -> FailsafePort:
    head, _, port = item.rpartition(":")
    protocol, _, net = head.partition(":")
    return FailsafePort(_protocol(protocol or "tcp", item), _ports(port, item), _net(net, item))


def _parse_object(item: object) -> FailsafePort:
    if not isinstance(item, Mapping):
        raise ValueError(f"expected an object with protocol and port, not {item!r}")  # noqa: TRY004  # one error type
    unknown = sorted(str(name) for name in item.keys() - {"protocol", "port", "net"})
    if unknown:
        raise ValueError(f"unknown fields {unknown} in {dict(item)!r}: use protocol, port and net")
    port, net = item.get("port"), item.get("net")
    return FailsafePort(
        _protocol(str(item.get("protocol", "tcp")), item),
        _ports("" if isinstance(port, bool) else str(port), item),
        _net("" if net is None else str(net), item),
    )


def _protocol(name: str, item: object) -> int:
    number = _PROTOCOLS.get(name.strip().lower())
    if number is None:
        raise ValueError(f"unknown protocol {name!r} in {item!r}: {_FORMS}")
    return number


def _ports(text: str, item: object) -> PortRange:
    first, dash, last = (part.strip() for part in text.partition("-"))
    if not _is_number(first) or (dash and not _is_number(last)):
        raise ValueError(f"invalid port in {item!r}: {_FORMS}")
    ports = PortRange(int(first), int(last or first))
    if not 1 <= ports.first <= ports.last <= MAX_PORT:
        raise ValueError(f"out-of-range port {text} in {item!r}: ports are 1 to {MAX_PORT}")
    return ports


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(MAX_PORT))


def _net(text: str, item: object) -> str | None:
    text = text.strip().replace("[", "").replace("]", "")
    if not text:
        return None
    try:
        return canonical_network(text)
    except ValueError as error:
        raise ValueError(f"invalid network in {item!r}: {error}") from None
