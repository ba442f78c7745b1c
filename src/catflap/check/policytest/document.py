"""PolicyTest documents: what may stand in them, and what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

from catflap.check.source import SourceObject
from catflap.model.addresses import canonical_address
from catflap.model.fields import Fields
from catflap.model.names import suggestion
from catflap.model.resources import (
    ICMP,
    ICMP_VERSIONS,
    ICMPV6,
    MAX_PORT,
    PORT_PROTOCOLS,
    TCP,
    Direction,
    IcmpMatch,
)
from catflap.model.rule_values import MAX_OCTET, parse_protocol
from catflap.model.selector import Selector
from catflap.model.validation import Reasons, is_integer, show
from catflap.verdict.result import Outcome

_ECHO_REQUESTS: Mapping[int, IcmpMatch] = {ICMP: IcmpMatch(8, 0), ICMPV6: IcmpMatch(128, 0)}
_DIRECTIONS = {direction.lower(): direction for direction in Direction}
_HOST_LENGTHS = ("/32", "/128")


class AddressEnd(msgspec.Struct, frozen=True):
    """Somebody outside: no policy is looked at for this end."""

    address: str


class EndpointEnd(msgspec.Struct, frozen=True):
    """The endpoint of that name; ``address`` stands in for its own addresses."""

    name: str
    address: str | None = None


class InterfaceEnd(msgspec.Struct, frozen=True):
    """Whatever polices that interface of that host."""

    host: str
    interface: str
    address: str | None = None


class SelectorEnd(msgspec.Struct, frozen=True):
    """All endpoints that a selector matches, or with ``any`` at least one of them."""

    selector: Selector
    any: bool = False


End: TypeAlias = AddressEnd | EndpointEnd | InterfaceEnd | SelectorEnd


class PolicyTest(msgspec.Struct, frozen=True, kw_only=True):
    """One test. Without ports and ICMP it is about the protocol as such.

    ``by`` names who must have decided: ``tier/policy``, ``tier/policy#rule`` or a reason code. With a ``direction``
    only that end's policy is looked at.
    """

    source: SourceObject
    field: str
    name: str
    origin: End
    target: End
    protocol: int
    ports: tuple[int | None, ...]
    icmp: IcmpMatch | None
    expect: Outcome
    by: str | None
    direction: Direction | None


def parse_tests(source: SourceObject) -> list[PolicyTest]:
    """The tests of a document.

    Raises:
        InvalidObjectError: with every reason.
    """
    reasons = Reasons()
    document = Fields(source.value, "", reasons)
    document.skip("apiVersion", "kind")
    metadata, spec = document.object("metadata"), document.object("spec")
    if not metadata.text("name"):
        metadata.refuse("name", "is missing.")
    metadata.skip("annotations", "labels")
    tests = [
        _test(source, Fields(item, spec.path(place), reasons), place) for place, item in spec.items("tests")
    ]
    if not tests:
        spec.refuse("tests", "has no test: such a document promises nothing.")
    for part in (metadata, spec, document):
        part.close()
    reasons.raise_if_any()
    return tests


def _test(source: SourceObject, fields: Fields, place: str) -> PolicyTest:
    protocol = _protocol(fields)
    test = PolicyTest(
        source=source,
        field=f"spec.{place}",
        name=fields.text("name") or "",
        origin=_end(fields, "from"),
        target=_end(fields, "to"),
        protocol=protocol,
        ports=_ports(fields, protocol),
        icmp=_icmp(fields, protocol),
        expect=Outcome(_word(fields, "expect", [each.value for each in Outcome]) or Outcome.DENY),
        by=fields.text("by"),
        direction=_DIRECTIONS.get(_word(fields, "direction", _DIRECTIONS, required=False) or ""),
    )
    fields.close()
    return test


def _word(fields: Fields, name: str, words: Iterable[str], *, required: bool = True) -> str | None:
    """One of several words, in any case; None if it is missing or none of them."""
    written = fields.text(name)
    if written is None:
        if required:
            fields.refuse(name, f"is missing; write {' or '.join(words)}.")
        return None
    if written.lower() in words:
        return written.lower()
    fields.refuse(name, f"{show(written)} is none; write {' or '.join(words)}.{suggestion(written, words)}")
    return None


def _protocol(fields: Fields) -> int:
    written = fields.value("protocol")
    if written is None:
        return TCP
    protocol = parse_protocol(written.lower() if isinstance(written, str) else written)
    if protocol is None:
        fields.refuse(
            "protocol", f"{show(written)} is none; write tcp, udp, icmp, icmpv6, sctp, udplite or 1-255."
        )
    return protocol or TCP


def _ports(fields: Fields, protocol: int) -> tuple[int | None, ...]:
    """The destination ports; a single None where the protocol has none."""
    ports = []
    for place, written in fields.items("ports"):
        if is_integer(written) and 0 <= written <= MAX_PORT:
            ports.append(written)
        else:
            fields.refuse(place, f"{show(written)} is not a port; write a number up to {MAX_PORT}.")
    if protocol in PORT_PROTOCOLS:
        if not ports:
            fields.refuse("ports", "is missing; list the destination ports.")
        return tuple(ports)
    if ports:
        fields.refuse("ports", "needs a protocol with ports.")
    return (None,)


def _icmp(fields: Fields, protocol: int) -> IcmpMatch | None:
    """As written, else an echo request; None where the protocol is not ICMP."""
    written = fields.value("icmp")
    icmp = fields.object("icmp")
    icmp_type, code = _octet(icmp, "type"), _octet(icmp, "code")
    icmp.close()
    if written is None:
        return _ECHO_REQUESTS.get(protocol)
    if protocol not in ICMP_VERSIONS:
        fields.refuse("icmp", "needs protocol icmp or icmpv6.")
    if icmp_type is None:
        icmp.refuse("type", "is missing.")
        return None
    return IcmpMatch(icmp_type, code or 0)


def _octet(fields: Fields, name: str) -> int | None:
    written = fields.value(name)
    if written is None or (is_integer(written) and 0 <= written <= MAX_OCTET):
        return written
    fields.refuse(name, f"expected a number from 0 to {MAX_OCTET}, got {show(written)}.")
    return None


def _end(fields: Fields, name: str) -> End:
    """One end: text is an address or the name of an endpoint, an object says which of all it is."""
    written = fields.value(name)
    if isinstance(written, str) and written:
        address = _address(written)
        return AddressEnd(address) if address else EndpointEnd(written)
    if not isinstance(written, dict):
        found = "is missing" if written is None else f"{show(written)} is none"
        fields.refuse(
            name, f"{found}; write an address, the name of an endpoint, or an object with a selector."
        )
        return EndpointEnd("")
    return _end_object(fields, name)


def _end_object(fields: Fields, name: str) -> End:
    end = fields.object(name)
    endpoint, host, interface = end.text("endpoint"), end.text("host"), end.text("interface")
    selector, any_member = end.selector("selector"), end.flag("any")
    address = _written_address(end)
    end.close()
    match endpoint, host, interface, selector, address:
        case None, None, None, Selector(), None:
            return SelectorEnd(selector, any_member is True)
        case str(), None, None, None, _ if any_member is None:
            return EndpointEnd(endpoint, address)
        case None, str(), str(), None, _ if any_member is None:
            return InterfaceEnd(host, interface, address)
        case None, None, None, None, str() if any_member is None:
            return AddressEnd(address)
        case _:
            fields.refuse(
                name,
                "write one of: selector (and any), endpoint (and address), host and interface (and address), address.",
            )
            return EndpointEnd("")


def _written_address(end: Fields) -> str | None:
    written = end.text("address")
    address = _address(written) if written else None
    if written is not None and address is None:
        end.refuse("address", f"{show(written)} is not the address of one host.")
    return address


def _address(text: str) -> str | None:
    """The canonical address; also of a network of one host."""
    for length in _HOST_LENGTHS:
        text = text.removesuffix(length)
    try:
        return canonical_address(text)
    except ValueError:
        return None
