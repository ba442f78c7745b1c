"""The page of all configuration parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from scripts.reference.tables import code, page, table

from catflap.agent.failsafe import parse_failsafe
from catflap.agent.parameter_values import (
    LOG_LEVELS,
    NumberBetween,
    OneOf,
    read_address,
    read_endpoints,
    read_flag,
    read_labels,
    read_log_level,
    read_mark_bit,
    read_prefixes,
    read_workload_to_host,
)
from catflap.agent.parameters import PARAMETERS, WITHOUT_EFFECT, Parameter
from catflap.agent.store_configuration import FIXED

_INTRO: Final = """
The first source that names a parameter wins:

1. the environment: `FELIX_` and the name in capitals, such as `FELIX_ETCDENDPOINTS`;
2. the INI file, `/etc/calico/felix.cfg` or that of `catflap agent -c FILE`, in any section;
3. what the store says to this host: `/calico/v1/host/HOST/config/NAME`, or a `FelixConfiguration` called `node.HOST`;
4. what the store says to all hosts: `/calico/v1/config/NAME`, or the `FelixConfiguration` called `default`.

Names are read in any case; resources write the first letter small. A bad value in the environment or the file ends the agent before it touches
anything. One in the store is reported, and the value before it stays. The log says for each parameter which value holds and which source it is from.

*Where*: `all` is all four sources, `host` the environment and the file only. *Takes effect*: `live` is at once, without a restart and without a gap
(a changed file is read again on SIGHUP); `start` is when the agent starts, `boot` when the host boots. More about some of them stands in
[what an agent tells](agent.md#parameters-of-this-page).
"""
_FAILSAFE: Final = "a list of `PORT`, `PORT-PORT`, `PROTOCOL:PORT`, `PROTOCOL:NETWORK:PORT`; or `none`"


def configuration_page() -> str:
    """The page."""
    header = ("parameter", "meaning", "default", "takes", "unit", "where", "takes effect")
    rows = [_row(key, each) for key, each in PARAMETERS.items()]
    reasons = [(code(name), reason) for name, reason in sorted(WITHOUT_EFFECT.items())]
    return page(
        "Configuration",
        _INTRO,
        "## Parameters",
        table(header, rows),
        "## Parameters of other agents that mean nothing here",
        "They are read, and answered in the log with the reason. Names are shown in small letters.",
        table(("parameter", "why it has no effect"), reasons),
    )


def _row(key: str, parameter: Parameter) -> tuple[str, ...]:
    return (
        code(parameter.name),
        parameter.description,
        _default(key, parameter),
        takes(parameter),
        unit(parameter),
        "all" if parameter.in_store else "host",
        _when(key),
    )


def _when(key: str) -> str:
    if key == "bootaction":
        return "boot"
    return "start" if key in FIXED else "live"


def _default(key: str, parameter: Parameter) -> str:
    if key == "felixhostname":
        return "the system's host name"
    shown = parameter.show(parameter.default())
    if shown in (None, "", ()):
        return "none"
    return code(str(shown).lower() if isinstance(shown, bool) else shown)


def takes(parameter: Parameter) -> str:
    """The values that a parameter takes, for people."""
    match parameter.parse:
        case NumberBetween(low=low, high=high):
            return f"a whole number, {max(low, 0)} to {high}"
        case OneOf(words=words):
            return ", ".join(map(code, words))
        case reader:
            return _TAKES.get(reader, "text")


def unit(parameter: Parameter) -> str:
    """The unit of a number."""
    counts_seconds = isinstance(parameter.parse, NumberBetween) and parameter.description.startswith(
        "Seconds"
    )
    return "s" if counts_seconds else "-"


_TAKES: Final[Mapping[object, str]] = {
    parse_failsafe: _FAILSAFE,
    read_flag: "`true` or `false`",
    read_log_level: ", ".join(map(code, LOG_LEVELS)),
    read_labels: "`name=value,name=value`",
    read_mark_bit: "a number such as `0xff000000`; its lowest bit is used",
    read_prefixes: "prefixes with commas between them, or `none`",
    read_workload_to_host: "`DROP`, `RETURN` or `ACCEPT`",
    read_address: "`HOST:PORT`",
    read_endpoints: "URLs with commas between them",
}
