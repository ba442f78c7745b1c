"""What hosts make of some content: all of its resources, what is wrong with it, and every host that it speaks of."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import msgspec

from catflap.agent.config import Configuration, Source, Value, resolve
from catflap.agent.mirror import Mirror
from catflap.agent.store_configuration import store_sources
from catflap.cli.content import Content
from catflap.cli.hosts import Addresses, Host, KnownInterfaces, Resources
from catflap.model import ConfigurationValues, HostEndpoint, Problem, Resource, ResourceKey, decode
from catflap.model.names import suggestion
from catflap.model.resources import Node, WorkloadEndpoint
from catflap.store import Snapshot


class Here(msgspec.Struct, frozen=True):
    """The host that the command runs on: its name, its agent's local configuration, and its interfaces."""

    name: str
    sources: tuple[Source, ...]
    interfaces: Addresses


class World:
    """All resources of some content, and the hosts that they speak of.

    Args:
        content: where the resources are from.
        here: this host, if it is to be one of the world's.
        interfaces: interfaces that every other host is said to have, beside those that its Node object names.

    Attributes:
        resources: all that are valid.
        problems: one for each invalid object.
    """

    def __init__(
        self, content: Content, here: Here | None = None, interfaces: Addresses | None = None
    ) -> None:
        self.content = content
        self.here = here
        self._interfaces = interfaces or {}
        self._hosts: dict[str, Host] = {}
        resources: dict[ResourceKey, Resource] = {}
        problems = list(content.problems)
        for path, value in sorted(content.entries.items()):
            decoded = decode(path, value)
            problems.extend(decoded.problems)
            for change in decoded.changes:
                if change.resource is not None:
                    resources[change.key] = change.resource
        self.resources = Resources(resources)
        self.problems = tuple(problems)

    @functools.cached_property
    def hosts(self) -> list[str]:
        """The names of all hosts that anything speaks of, sorted."""
        return sorted(set(self._host_names()))

    @property
    def only_host(self) -> str | None:
        """The host that must be meant where none is named: this one, or the only one that there is."""
        if self.here is not None:
            return self.here.name
        return self.hosts[0] if len(self.hosts) == 1 else None

    def _host_names(self) -> Iterator[str]:
        if self.here is not None:
            yield self.here.name
        for resource in self.resources.items.values():
            match resource:
                case HostEndpoint(node=str(name)) | WorkloadEndpoint(node=name) | Node(name=name):
                    yield name
                case ConfigurationValues(host=str(name)):
                    yield name
                case _:
                    pass

    def host(self, name: str) -> Host:
        """One host, which need not be known to anything."""
        if name not in self._hosts:
            self._hosts[name] = self._assemble(name)
        return self._hosts[name]

    def unknown(self, name: str) -> str:
        """That nothing speaks of a host, and which one may be meant; empty where something does."""
        if name in self.hosts:
            return ""
        return f"No object of {self.content.origin} names the host {name}.{suggestion(name, self.hosts)}"

    def _assemble(self, name: str) -> Host:
        if self.here is not None and name == self.here.name:
            sources, known = self.here.sources, KnownInterfaces(self.here.interfaces, complete=True)
        else:
            sources = (Source((Value("FelixHostname", name, "the command line"),), in_store=False),)
            reported = self._node_interfaces(name)
            known = KnownInterfaces({**reported, **self._interfaces}, complete=bool(reported))
        configuration, warnings = self._configuration(name, sources)
        return Host(name, configuration, self.resources, known, (*self._notes(name), *warnings))

    def _configuration(self, name: str, local: tuple[Source, ...]) -> tuple[Configuration, list[str]]:
        stored = {
            key: item
            for key, item in self.resources.of(ConfigurationValues).items()
            if key.scope in ("", name)
        }
        return resolve((*local, *store_sources(stored)))

    def _node_interfaces(self, name: str) -> Addresses:
        return {
            interface: frozenset(addresses)
            for item in self.resources.of(Node).values()
            if item.name == name
            for interface, addresses in item.interfaces.items()
        }

    def _notes(self, name: str) -> Iterator[str]:
        if unknown := self.unknown(name):
            yield unknown
        if self._not_ready is not None:
            yield f"Agents do not act on {self.content.origin} yet: {self._not_ready}"

    @functools.cached_property
    def _not_ready(self) -> str | None:
        mirror = Mirror()
        mirror.take(Snapshot(0, dict(self.content.entries)))
        return mirror.not_ready_reason()

    def describe(self, problem: Problem) -> str:
        """What is wrong with an invalid object, and where it stands: its file, or else its path in the store."""
        where = self.content.files.get(problem.path, (problem.path,))[0]
        place = "" if where in problem.subject else f"{where}: "
        return f"{place}{problem.subject} is invalid, {problem.consequence}: {' '.join(problem.reasons)}"
