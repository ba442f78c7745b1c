"""Values that several kinds of objects hold: addresses, networks, protocols, profiles, named ports.

Each is read from `Fields`, so a reason for a refusal says where the value stands.
"""

from __future__ import annotations

from collections.abc import Callable

from catflap.model.addresses import address_part, canonical_address, canonical_mac, canonical_network
from catflap.model.fields import Fields
from catflap.model.names import is_identifier, is_port_name
from catflap.model.resources import MAX_PORT, PORT_PROTOCOLS, EndpointPort
from catflap.model.rule_values import parse_protocol
from catflap.model.validation import is_integer, show

PORTLESS = "needs a protocol with ports: TCP, UDP, SCTP or UDPLite."


def addresses(fields: Fields, name: str) -> tuple[str, ...]:
    """A list of plain addresses, each once."""
    return _each(fields, name, canonical_address, "an IP address")


def address_parts(fields: Fields, name: str) -> tuple[str, ...]:
    """The addresses in a list of CIDRs and plain addresses, each once."""
    return _each(fields, name, address_part, "a CIDR")


def networks(fields: Fields, name: str) -> tuple[str, ...]:
    """A list of CIDRs and plain addresses, each once; both IP versions may stand in one list."""
    return _each(fields, name, canonical_network, "a CIDR")


def _each(fields: Fields, name: str, canonical: Callable[[str], str], what: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for place, text in fields.texts(name):
        value = _canonical(fields, place, text, canonical, what)
        if value is not None:
            found[value] = None
    return tuple(found)


def address(fields: Fields, name: str, canonical: Callable[[str], str] = canonical_address) -> str | None:
    """A plain address; empty text is absent."""
    text = fields.text(name)
    return _canonical(fields, name, text, canonical, "an IP address") if text else None


def mac(fields: Fields, name: str) -> str | None:
    """An Ethernet address; empty text is absent."""
    text = fields.text(name)
    return _canonical(fields, name, text, canonical_mac, "a MAC address") if text else None


def _canonical(
    fields: Fields, place: str, text: str, canonical: Callable[[str], str], what: str
) -> str | None:
    try:
        return canonical(text)
    except ValueError as error:
        fields.refuse(place, f"{show(text)} is not {what}. {error}".rstrip())
        return None


def protocol(fields: Fields, name: str) -> int | None:
    """A protocol name in any case, or a number from 1 to 255."""
    written = fields.value(name)
    number = parse_protocol(written.lower() if isinstance(written, str) else written)
    if number is None and written is not None:
        fields.refuse(name, f"{show(written)} is none; write TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite or 1-255.")
    return number


def profile_names(fields: Fields, name: str) -> tuple[str, ...]:
    """Names of profiles, in order."""
    names = tuple(fields.texts(name))
    for place, text in names:
        if not is_identifier(text):
            fields.refuse(place, f"{show(text)} is not the name of a profile.")
    return tuple(text for _, text in names)


def endpoint_ports(fields: Fields, *, of_workload: bool = False) -> tuple[EndpointPort, ...]:
    """The list ``ports``. What other tools note about ports of workloads (also without a name) is skipped."""
    ports = []
    for item in fields.objects("ports"):
        if of_workload:
            item.skip("hostPort", "hostIP")
        port = _endpoint_port(item)
        if port.name:
            ports.append(port)
        elif not of_workload:
            item.refuse("name", "is missing.")
        item.close()
    return tuple(ports)


def _endpoint_port(item: Fields) -> EndpointPort:
    name, number, port = item.text("name"), protocol(item, "protocol"), item.value("port")
    if name and not is_port_name(name):
        item.refuse(
            "name", f"{show(name)} is no name; use letters, digits, '.', '-', '_', and at least one letter."
        )
    if number not in PORT_PROTOCOLS:
        item.refuse("protocol", PORTLESS)
    if not is_integer(port) or not 1 <= port <= MAX_PORT:
        item.refuse("port", f"expected a number from 1 to {MAX_PORT}, got {show(port)}.")
        port = 1
    return EndpointPort(name or "", number or 0, port)
