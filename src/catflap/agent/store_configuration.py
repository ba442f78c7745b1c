"""The agent's configuration with the part that the store keeps, which may change at any time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from catflap.agent.config import (
    GLOBAL_SOURCE,
    HOST_SOURCE,
    Configuration,
    ConfigurationError,
    Source,
    resolve,
    store_source,
)
from catflap.agent.parameters import PARAMETERS
from catflap.model import ConfigurationValues, Kind, ResourceKey

log = logging.getLogger(__name__)

# What takes effect only when the agent starts.
FIXED = tuple(name for name in PARAMETERS if name.startswith(("felixhostname", "datastore", "etcd")))


class StoreConfiguration:
    """Merges the sources outside of the store with what the store says, now and after each change.

    Args:
        read_local: reads the environment and the file, the strongest first; raises ConfigurationError.
    """

    def __init__(self, read_local: Callable[[], tuple[Source, ...]]) -> None:
        self._read_local = read_local
        self._local = read_local()
        self._stored: dict[ResourceKey, ConfigurationValues] = {}
        self._warned: list[str] = []
        self.current = resolve(self._local)[0]

    def take(self, key: ResourceKey, values: ConfigurationValues | None) -> bool:
        """Remember what the store says; returns whether that concerns this host."""
        if key.kind is not Kind.CONFIGURATION or key.scope not in ("", self.current["FelixHostname"]):
            return False
        if values is None:
            return self._stored.pop(key, None) is not None
        self._stored[key] = values
        return True

    def reload(self) -> None:
        """Read the sources outside of the store again; a bad one is reported and what held stays."""
        try:
            local = self._read_local()
            resolve(local)
        except ConfigurationError as error:
            log.error("Keeping the previous configuration: %s", error)  # noqa: TRY400  # no traceback for users
            return
        self._local = local

    def resolve(self) -> None:
        """Compute the configuration anew, and log warnings that were not logged before."""
        current, warnings = resolve((*self._local, *store_sources(self._stored)), self.current)
        self.current, fixed = self._keep_fixed(current)
        warnings += fixed
        for warning in warnings:
            if warning not in self._warned:
                log.warning(warning)
        self._warned = warnings

    def _keep_fixed(self, new: Configuration) -> tuple[Configuration, list[str]]:
        """What says who the agent is and where its store is cannot change while it runs."""
        held = {
            name: self.current.settings[name]
            for name in FIXED
            if self.current.settings[name].value != new.settings[name].value
        }
        warnings = [
            f"A new value for {PARAMETERS[name].name} takes effect when the agent is restarted"
            for name in held
        ]
        return Configuration({**new.settings, **held}), warnings


def store_sources(stored: Mapping[ResourceKey, ConfigurationValues]) -> tuple[Source, Source]:
    """What a store says to one host, as two sources: to this host alone, then to all.

    Args:
        stored: the parameters for all hosts (their keys without scope) and for this one, in both encodings.
    """
    return _merged(stored, HOST_SOURCE, of_host=True), _merged(stored, GLOBAL_SOURCE, of_host=False)


def _merged(stored: Mapping[ResourceKey, ConfigurationValues], title: str, *, of_host: bool) -> Source:
    """Both encodings as one source; the newer one's value replaces the older one's, whatever the name's case."""
    named: dict[str, tuple[str, object]] = {}
    for key in sorted(stored, key=lambda key: (key.encoding, key)):
        if bool(key.scope) is of_host:
            for name, raw in stored[key].values.items():
                named[name.lower()] = name, raw
    return store_source(dict(named.values()), title)
