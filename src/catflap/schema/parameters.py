"""Schemas of the parameters of a FelixConfiguration, from the table of parameters that the agent reads them with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from catflap.agent.failsafe import parse_failsafe
from catflap.agent.parameter_values import (
    LOG_LEVELS,
    NumberBetween,
    OneOf,
    read_flag,
    read_labels,
    read_log_level,
    read_mark_bit,
    read_workload_to_host,
)
from catflap.agent.parameters import PARAMETERS, Parameter
from catflap.schema import values as v

_NUMBER: Final = r"^\s*([-+]?[0-9][0-9A-Fa-fxXoObB_]*)?\s*$"  # in any base
_TRUTH: Final = ("true", "false", "yes", "no", "y", "n", "t", "f", "1", "0", "")


def resource_name(parameter: Parameter) -> str:
    """As resources write it: the first letter is small."""
    return parameter.name[:1].lower() + parameter.name[1:]


def parameter_schemas() -> Mapping[str, v.Schema]:
    """The schemas of all parameters that a store may set, by their names in resources."""
    return {resource_name(each): parameter_schema(each) for each in PARAMETERS.values() if each.in_store}


def parameter_schema(parameter: Parameter) -> v.Schema:
    """What a parameter takes. Empty text counts as not set."""
    about = f"{parameter.description}. Default: {parameter.show(parameter.default())}."
    match parameter.parse:
        case NumberBetween(low=low, high=high):
            number = {"type": "integer", "minimum": low, "maximum": high}
            return {"description": about, "anyOf": [number, {"type": "string", "pattern": _NUMBER}]}
        case OneOf(words=words):
            return _any_case(about, words)
        case reader if reader is read_flag:
            return {"description": about, "anyOf": [{"type": "boolean"}, _any_case("", _TRUTH)]}
        case reader if reader is read_log_level:
            return _any_case(about, LOG_LEVELS)
        case reader if reader is read_workload_to_host:
            return _any_case(about, ("drop", "return", "accept"))
        case reader if reader is read_mark_bit:
            return {
                "description": about,
                "anyOf": [{"type": "integer"}, {"type": "string", "pattern": _NUMBER}],
            }
        case reader if reader is read_labels:
            return {"description": about, "anyOf": [{"type": "string"}, v.labels("Labels.")]}
        case reader if reader is parse_failsafe:
            return _failsafe(about)
    return v.text(about)


def _any_case(about: str, words: Iterable[str]) -> v.Schema:
    """Words in any case, with blanks around them or nothing at all; editors offer them as they are."""
    words = tuple(words)
    pattern = r"^\s*(" + "|".join(v.any_case(word) for word in words) + r")?\s*$"
    return {"description": about, "anyOf": [{"enum": [*words]}, {"type": "string", "pattern": pattern}]}


def _failsafe(about: str) -> v.Schema:
    entry = {
        "type": "object",
        "properties": {
            "protocol": _any_case(
                "The protocol; tcp where it is left out.", ("tcp", "udp", "sctp", "TCP", "UDP", "SCTP")
            ),
            "port": {
                "description": "A port, or a range such as '6000-6010'.",
                "anyOf": [{"type": "integer", "minimum": 1, "maximum": 65535}, {"type": "string"}],
            },
            "net": {"description": "Only to or from this network."},
        },
        "required": ["port"],
        "additionalProperties": False,
    }
    return {
        "description": f"{about} 'none', or an empty list, disables them.",
        "anyOf": [{"type": "string"}, {"type": "array", "items": entry}],
    }
