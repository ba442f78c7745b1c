"""Schemas of single values: what a field may hold, with the words that an editor shows beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from catflap.model.names import (
    IDENTIFIER_PATTERN,
    INTERFACE_NAME_PATTERN,
    INTERFACE_PATTERN,
    LABEL_NAME_PATTERN,
    PORT_NAME_PATTERN,
)
from catflap.model.resources import MAX_PORT, PROTOCOL_NUMBERS
from catflap.model.rule_values import MAX_OCTET

Schema: TypeAlias = dict[str, Any]

_OCTET: Final = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4: Final = rf"{_OCTET}(\.{_OCTET}){{3}}"
_IPV6: Final = rf"([0-9A-Fa-f]{{0,4}}:){{2,8}}([0-9A-Fa-f]{{0,4}}|{_IPV4})"
_PREFIX4: Final = rf"(/0*([0-9]|[12][0-9]|3[0-2])|/{_IPV4})?"
_PREFIX6: Final = r"(/0*([0-9]|[1-9][0-9]|1[01][0-9]|12[0-8]))?"
_PROTOCOL_WORDS: Final = {"icmpv6": "ICMPv6", "udplite": "UDPLite"}  # the others are written in capitals


def text(about: str, pattern: str = "", **more: Any) -> Schema:
    """A string."""
    return {"description": about, "type": "string", **({"pattern": pattern} if pattern else {}), **more}


def flag(about: str, **more: Any) -> Schema:
    """True or false."""
    return {"description": about, "type": "boolean", **more}


def number(about: str, **more: Any) -> Schema:
    """Any number."""
    return {"description": about, "type": "number", **more}


def whole(about: str, low: int, high: int) -> Schema:
    """A whole number within limits."""
    return {"description": about, "type": "integer", "minimum": low, "maximum": high}


def words(about: str, allowed: Iterable[str], **more: Any) -> Schema:
    """One of several words, exactly as they are written."""
    return {"description": about, "enum": list(allowed), **more}


def items(about: str, of: Schema, **more: Any) -> Schema:
    """A list."""
    return {"description": about, "type": "array", "items": of, **more}


def record(
    about: str, fields: Mapping[str, Schema], required: Sequence[str] = (), *, closed: bool = True
) -> Schema:
    """An object with these fields and, if it is closed, no others. Fields that are not required may be null."""
    properties = {name: each if name in required else or_null(each) for name, each in fields.items()}
    schema: Schema = {"description": about, "type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    if closed:
        schema["additionalProperties"] = False
    return schema


def or_null(schema: Schema) -> Schema:
    """The same where nothing at all may stand as well, as in ``field:`` with no value after it."""
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        allowed = schema["enum"]
        return schema if None in allowed else {**schema, "enum": [*allowed, None]}
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    return schema


def labels(about: str) -> Schema:
    """Labels: names and values."""
    return {
        "description": about,
        "type": "object",
        "propertyNames": {"pattern": whole_text(LABEL_NAME_PATTERN)},
        "additionalProperties": {"type": "string"},
    }


def whole_text(pattern: str) -> str:
    """A pattern for all of a text: schemas look for patterns anywhere in it."""
    return f"^({pattern})$"


def identifier(about: str) -> Schema:
    """The name of an object."""
    return text(about, whole_text(IDENTIFIER_PATTERN))


def name_or_empty(about: str, **more: Any) -> Schema:
    """The name of an object, or an empty text, which counts as nothing."""
    return text(about, whole_text(f"|{IDENTIFIER_PATTERN}"), **more)


def interface(about: str) -> Schema:
    """The name of an interface or a pattern of names; empty text counts as nothing."""
    return text(about, whole_text(f"|{INTERFACE_NAME_PATTERN}|{INTERFACE_PATTERN}"))


def address(about: str) -> Schema:
    """A plain address; empty text counts as nothing."""
    return text(about, whole_text(f"|{_IPV4}|{_IPV6}"))


def addresses(about: str) -> Schema:
    """A list of plain addresses."""
    return items(
        about, text("An IPv4 or IPv6 address, without a prefix length.", whole_text(f"{_IPV4}|{_IPV6}"))
    )


def networks(about: str) -> Schema:
    """A list of CIDRs and addresses."""
    one = text(
        "A CIDR or a plain address, of IPv4 or IPv6.", whole_text(f"{_IPV4}{_PREFIX4}|{_IPV6}{_PREFIX6}")
    )
    return items(about, one)


def protocol(about: str) -> Schema:
    """A protocol: its name in any case, or its number."""
    names = [_PROTOCOL_WORDS.get(name, name.upper()) for name in PROTOCOL_NUMBERS]
    return {
        "description": about,
        "anyOf": [
            {"enum": names},
            {"type": "integer", "minimum": 1, "maximum": MAX_OCTET},
            {
                "type": "string",
                "pattern": whole_text("|".join([*map(any_case, PROTOCOL_NUMBERS), "[1-9][0-9]{0,2}"])),
            },
        ],
    }


def any_case(word: str) -> str:
    """A pattern of a word in any case: the patterns of editors have no option for it."""
    return "".join(f"[{each.upper()}{each.lower()}]" if each.isalpha() else each for each in word)


def octet(about: str) -> Schema:
    """A number from 0 to 255."""
    return whole(about, 0, MAX_OCTET)


def ports(about: str) -> Schema:
    """A list of port numbers, ranges and names."""
    one = {
        "description": "A port (443), a range ('8000:8080') or the name of a port of endpoints.",
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": MAX_PORT},
            {"type": "string", "pattern": whole_text(rf"[0-9]{{1,5}}(:[0-9]{{1,5}})?|{PORT_NAME_PATTERN}")},
        ],
    }
    return items(about, one)


def selector(about: str) -> Schema:
    """A selector."""
    return text(f'{about} A selector such as: role == "webserver" && has(environment).')


def unsupported(about: str) -> Schema:
    """A field of other tools that cannot be honoured: it must be empty."""
    return {"description": about, "enum": [None, False, 0, "", [], {}]}


def anything(about: str) -> Schema:
    """What nobody looks at."""
    return {"description": about}
