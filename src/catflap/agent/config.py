"""The agent's configuration: four sources and the defaults, the first source that names a parameter wins.

Environment before file before per-host before global configuration in the store. A bad value in the environment or
the file is an error before anything is touched; a bad value in the store is reported and the previous value kept,
since one slip in a store must not stop a fleet of agents.
"""

from __future__ import annotations

import configparser
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from catflap.agent.parameters import PARAMETERS, WITHOUT_EFFECT, Parameter
from catflap.model.validation import show

log = logging.getLogger(__name__)

DEFAULT_FILE = Path("/etc/calico/felix.cfg")
ENVIRONMENT_PREFIX = "FELIX_"
HOST_SOURCE = "Host specific etcd configuration"
GLOBAL_SOURCE = "Global etcd configuration"


class ConfigurationError(Exception):
    """The environment or the configuration file is invalid. The text has one line for each reason."""


class Value(msgspec.Struct, frozen=True):
    """One parameter as one source writes it: the name as written, the raw value, and the source's title."""

    name: str
    raw: object
    source: str


class Setting(msgspec.Struct, frozen=True):
    """The value that holds; ``source`` is None for a default."""

    value: Any
    source: str | None = None


class Source(msgspec.Struct, frozen=True):
    """All values of one source, the strongest source first in a list of them."""

    values: tuple[Value, ...]
    in_store: bool


class Configuration:
    """The settings that hold, by lower-case parameter name, with typed access to those the agent uses."""

    def __init__(self, settings: Mapping[str, Setting]) -> None:
        self.settings = settings

    def __getitem__(self, name: str) -> Any:
        """The value of a parameter, whatever the case of its name."""
        return self.settings[name.lower()].value

    def line(self, name: str) -> str:
        """The line of one parameter, in the format of the guide."""
        parameter, setting = PARAMETERS[name], self.settings[name]
        shown = parameter.show(setting.value)
        return f"Parameter {parameter.name} ({parameter.description}) has value {shown!r} read from {setting.source}"

    def changed(self, other: Configuration) -> list[str]:
        """The parameters whose value or source differs."""
        return [name for name, setting in self.settings.items() if other.settings[name] != setting]


def environment_source(environment: Mapping[str, str]) -> Source:
    """The values of ``FELIX_<PARAMETER>`` variables."""
    return Source(
        tuple(
            Value(name.removeprefix(ENVIRONMENT_PREFIX), raw, f"Environment variable {name}")
            for name, raw in sorted(environment.items())
            if name.startswith(ENVIRONMENT_PREFIX)
        ),
        in_store=False,
    )


def file_source(path: Path, *, required: bool) -> Source:
    """The values of an INI file; section names do not matter, a later value replaces an earlier one.

    Args:
        path: the file.
        required: whether a missing file is an error; the default file may be missing.

    Raises:
        ConfigurationError: the file is missing though required, cannot be read or is no INI file.
    """
    # No section is special: [DEFAULT] is read like any other, in its place.
    parser = configparser.ConfigParser(interpolation=None, strict=False, default_section="")
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # keep names as written, for messages
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except FileNotFoundError:
        if required:
            raise ConfigurationError(f"Configuration file {path} does not exist") from None
    except configparser.MissingSectionHeaderError as error:
        raise ConfigurationError(
            f"Configuration file {path}, line {error.lineno}: a section must come first, such as [global]"
        ) from None
    except (OSError, UnicodeError, configparser.Error) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"Configuration file {path} cannot be read: {reason}") from None
    values = {
        name.lower(): Value(name, raw, f"Configuration file {path}")
        for section in parser.sections()
        for name, raw in parser[section].items()
    }
    return Source(tuple(values.values()), in_store=False)


def store_source(values: Mapping[str, object], title: str) -> Source:
    """Per-host or global values of the store."""
    return Source(tuple(Value(name, raw, title) for name, raw in sorted(values.items())), in_store=True)


class _Resolution:
    """One pass over all sources."""

    def __init__(self, previous: Configuration | None) -> None:
        self.previous = previous
        self.settings: dict[str, Setting] = {}
        self.warnings: list[str] = []
        self.errors: list[str] = []
        self.kept: set[str] = set()

    def take(self, value: Value, *, in_store: bool) -> None:
        key = value.name.lower()
        parameter = PARAMETERS.get(key)
        if parameter is None or (in_store and not parameter.in_store):
            self.warnings.append(_unexpected(value, parameter))
        elif isinstance(value.raw, str) and not value.raw.strip():
            self.warnings.append(f"Ignoring empty value for {_title(parameter)}, read from {value.source}")
        elif key in self.kept:
            return
        elif key in self.settings:
            self.warnings.append(
                f"Ignore '{value.source}' value for {_title(parameter)} - already set from"
                f" '{self.settings[key].source}'"
            )
        else:
            self._set(key, parameter, value, in_store=in_store)

    def _set(self, key: str, parameter: Parameter, value: Value, *, in_store: bool) -> None:
        try:
            self.settings[key] = Setting(parameter.parse(value.raw), value.source)
        except ValueError as error:
            message = f"{error} (value {_shown(value)} for {_title(parameter)}, read from {value.source})"
            if not in_store:
                self.errors.append(f"Bad configuration value: {message}")
                return
            self.warnings.append(f"Bad configuration value, {self._keep_previous(key)}: {message}")

    def _keep_previous(self, key: str) -> str:
        """Let the value stay that some source gave before, if any; says what becomes of the bad one."""
        if self.previous is None or self.previous.settings[key].source is None:
            return "it is ignored"
        self.settings[key] = self.previous.settings[key]
        self.kept.add(key)
        return "the previous value is kept"


def resolve(
    sources: Sequence[Source], previous: Configuration | None = None
) -> tuple[Configuration, list[str]]:
    """The configuration that the sources give together, and warnings for people.

    Args:
        sources: the strongest first.
        previous: the configuration that held until now; its value stays where a store's new value is bad.

    Raises:
        ConfigurationError: a source outside of the store has bad values; every one is named.
    """
    resolution = _Resolution(previous)
    for source in sources:
        for value in source.values:
            resolution.take(value, in_store=source.in_store)
    if resolution.errors:
        raise ConfigurationError("\n".join(resolution.errors))
    settings = {
        key: resolution.settings.get(key) or Setting(parameter.default())
        for key, parameter in PARAMETERS.items()
    }
    return Configuration(settings), resolution.warnings


def log_configuration(configuration: Configuration, previous: Configuration | None) -> None:
    """Log every parameter (the guide tells users to look for these lines), or those that have changed."""
    names = configuration.settings if previous is None else configuration.changed(previous)
    for name in names:
        log.info(configuration.line(name))


def _title(parameter: Parameter) -> str:
    return f"{parameter.name} ({parameter.description})"


def _unexpected(value: Value, parameter: Parameter | None) -> str:
    reason = WITHOUT_EFFECT.get(value.name.lower())
    if reason is not None:
        return f"Parameter {value.name}, read from {value.source}, has no effect: {reason}"
    if parameter is not None:
        return f"Ignoring {parameter.name}, read from {value.source}: set it in the environment or the file"
    return f"Got unexpected config item {value.name}={_shown(value)}, read from {value.source}"


def _shown(value: Value) -> str:
    """The raw value for a message, unless the name looks like a secret's, mistyped ones included."""
    secret = any(word in value.name.lower() for word in ("pass", "word", "secret", "token"))
    return "(hidden)" if secret else show(value.raw)
