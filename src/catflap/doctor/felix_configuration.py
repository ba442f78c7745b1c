"""What the configuration of Calico's old agent means to Catflap: what it does not know, and what it reads otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from catflap.agent.config import Source
from catflap.agent.parameters import PARAMETERS, WITHOUT_EFFECT
from catflap.doctor.finding import Finding, Level
from catflap.model.names import suggestion

CHECK: Final = "felix-configuration"
_FAILSAFE: Final = ("failsafeinboundhostports", "failsafeoutboundhostports")

# What works without it in the old agent and has no counterpart here: people may rely on it.
_MISSED: Final = frozenset({"ipinipenabled", "metadataaddr", "metadataport", "dropactionoverride"})


def source_findings(sources: tuple[Source, ...]) -> Iterator[Finding]:
    """What differs in the environment and the file, and where the store is looked for."""
    values = [value for source in sources for value in source.values]
    for value in values:
        yield from value_findings(value.name, value.raw, value.source, in_store=False)
    if values and not any(value.name.lower() == "datastoretype" for value in values):
        yield Finding(
            Level.PROBLEM,
            CHECK,
            "DatastoreType",
            "is not set: the old agent reads etcd's v2 API, and Catflap the v3 API, which has other keys",
            "set DatastoreType = etcdv2 to begin with, or copy the keys to the v3 API first",
        )


def stored_value_findings(values: Mapping[str, str], source: str) -> Iterator[Finding]:
    """What differs in parameters of the store."""
    for name, raw in values.items():
        yield from value_findings(name, raw, source, in_store=True)


def value_findings(name: str, raw: object, source: str, *, in_store: bool) -> Iterator[Finding]:
    """What differs in one parameter."""
    key = name.lower()
    parameter, title = PARAMETERS.get(key), f"{name}, {source}"
    if parameter is None:
        yield _unknown(name, title)
    elif isinstance(raw, str) and not raw.strip():
        yield from _empty(key, title)
    elif in_store and not parameter.in_store:
        yield Finding(
            Level.WARNING,
            CHECK,
            title,
            "is not taken from the store",
            "set it in the host's environment or file",
        )
    else:
        try:
            parameter.parse(raw)
        except ValueError as error:
            message = f"has a value that Catflap refuses: {error}"
            yield Finding(Level.PROBLEM, CHECK, title, message, "correct it before the agent starts")


def _unknown(name: str, title: str) -> Finding:
    reason = WITHOUT_EFFECT.get(name.lower())
    if reason is None:
        hint = suggestion(name, [each.name for each in PARAMETERS.values()])
        return Finding(
            Level.WARNING, CHECK, title, f"is not known, and has no effect.{hint}", "remove or correct it"
        )
    level = Level.WARNING if name.lower() in _MISSED else Level.NOTE
    return Finding(level, CHECK, title, f"has no effect: {reason}", "remove it when the old agent is gone")


def _empty(key: str, title: str) -> Iterator[Finding]:
    if key in _FAILSAFE:
        yield Finding(
            Level.WARNING,
            CHECK,
            title,
            "is empty: that disabled the list, and now counts as not set, so the default ports stay open",
            "write none to disable it",
        )
