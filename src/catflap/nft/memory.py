"""A fake of the kernel's nf_tables for tests and dry runs: it understands just the commands that we generate.

It enforces what the kernel enforces, in the same order: nothing refers to what is missing, nothing in use goes away,
a transaction happens entirely or not at all. Tests hold it to the real one. It knows no packets and no other table.
"""

from __future__ import annotations

import ipaddress
import re
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from catflap.nft.content import CounterValue, Outline
from catflap.nft.names import digest
from catflap.nft.nfnetlink import Generation
from catflap.nft.parse import AddBlock, ChangeElements, DeleteTable, Elements, Remove, parse
from catflap.nft.port import ElementChange, NftError
from catflap.nft.ruleset import (
    CONCATENATION,
    FAMILY,
    INTERVAL,
    TABLE_NAME,
    Chain,
    NftSet,
    RuleSet,
    SetOrMap,
    VerdictMap,
)

_STRING = re.compile(r'"[^"]*"')
_REFERENCE = re.compile(r"(@)(\S+)|(jump|goto|counter name) (\S+)")

_WORDS = {"@": "set", "jump": "chain", "goto": "chain", "counter name": "counter"}
_SPACES = {"set": "set", "map": "set", "chain": "chain", "counter": "counter"}  # of names

_EMPTY: Mapping[str, dict[str, Any]] = {
    "set": {"elements": frozenset()},
    "map": {"elements": {}},
    "chain": {"rules": ()},
}


class MemoryNft:
    """A network namespace that holds nothing at first. Implements `Nft`."""

    def __init__(self) -> None:
        self._table: _Table | None = None
        self._generation = 1

    @property
    def rule_set(self) -> RuleSet:
        """What the table holds; no table and an empty table look alike."""
        table = self._table or _Table()
        return RuleSet(table.sets, table.maps, table.chains, frozenset(table.counters))

    def run(self, commands: str) -> None:
        """Run nft text as one transaction. See `Nft.run`."""
        table = self._table and _Table(self._table)
        for command in parse(commands):
            if isinstance(command, AddBlock):
                table = table or _Table()
                table.add(command)
            elif table is None:
                raise NftError("No such file or directory: the table")
            elif isinstance(command, DeleteTable):
                table = None
            elif isinstance(command, ChangeElements):
                table.change(command)
            else:
                table.remove(command)
        self._table = table
        self._generation += bool(commands)

    def check(self, commands: str) -> None:
        """Whether `run` would work. See `Nft.check`."""
        before = self._table, self._generation
        try:
            self.run(commands)
        finally:
            self._table, self._generation = before

    def change_elements(self, changes: Sequence[ElementChange]) -> None:
        """Change elements as one transaction. See `Nft.change_elements`."""
        if self._table is None:
            raise NftError("No such file or directory: the table")
        table = _Table(self._table)
        for change in changes:
            table.change(ChangeElements("delete", change.name, dict.fromkeys(change.removed, "")))
            added = {key: change.verdicts.get(key, "") for key in change.added}
            table.change(ChangeElements("add", change.name, added))
        self._table = table
        self._generation += 1

    def list_table(self) -> Mapping[str, Any] | None:
        """The table as nft's document, without rules. See `Nft.list_table`."""
        return None if self._table is None else {"nftables": list(self._table.document())}

    def close(self) -> None:
        """Nothing is to be given back."""

    def generation(self) -> Generation:
        """The number of transactions. See `NftContent.generation`."""
        return Generation(self._generation, threading.get_native_id(), threading.current_thread().name)

    def outline(self) -> Outline | None:
        """The table without rules and elements. See `NftContent.outline`."""
        table = self._table
        if table is None:
            return None
        return Outline(
            hooks={chain.name: chain.hook for chain in table.chains.values()},
            sets={item.name: replace(item, elements=frozenset(), comment="") for item in table.sets.values()},
            maps={item.name: replace(item, elements={}) for item in table.maps.values()},
            counters=frozenset(table.counters),
        )

    def chain_digests(self, names: Collection[str] | None = None) -> Mapping[str, str]:
        """A digest of the text of each chain's rules. See `NftContent.chain_digests`."""
        chains = self._table.chains if self._table else {}
        asked = chains.keys() if names is None else chains.keys() & set(names)
        return {name: digest("\n".join(chains[name].rules)) for name in asked if chains[name].rules}

    def elements(self, item: SetOrMap) -> Mapping[str, str]:
        """The elements. See `NftContent.elements`."""
        table = self._table or _Table()
        found = table.sets.get(item.name) or table.maps.get(item.name)
        return (
            dict.fromkeys(found.elements, "")
            if isinstance(found, NftSet)
            else found.elements
            if found
            else {}
        )

    def counters(self) -> Mapping[str, CounterValue]:
        """The counters, which count nothing here. See `NftContent.counters`."""
        return dict.fromkeys(self._table.counters, CounterValue()) if self._table else {}


class _Table:
    """The content of the table, or a copy of another's for the time of a transaction."""

    def __init__(self, other: _Table | None = None) -> None:
        self.sets: dict[str, NftSet] = dict(other.sets) if other else {}
        self.maps: dict[str, VerdictMap] = dict(other.maps) if other else {}
        self.chains: dict[str, Chain] = dict(other.chains) if other else {}
        self.counters: dict[str, None] = dict(other.counters) if other else {}

    def add(self, block: AddBlock) -> None:
        """Chains first, then counters, sets and maps, then rules, as nft does."""
        self.counters.update(dict.fromkeys(block.counters))
        for chain in block.chains:
            old = self.chains.setdefault(chain.name, replace(chain, rules=()))
            _require(old.hook == chain.hook, "File exists", chain.name)
        for item in block.sets:
            _require(self.sets.get(item.name, item).shape == item.shape, "File exists", item.name)
            self._add_to_set(self.sets.get(item.name, replace(item, elements=frozenset())), item.elements)
        for new in block.maps:
            _require(self.maps.get(new.name, new).shape == new.shape, "File exists", new.name)
            self._add_to_map(self.maps.get(new.name, replace(new, elements={})), new.elements)
        for chain in block.chains:
            self._add_rules(chain)

    def change(self, command: ChangeElements) -> None:
        """Add or delete elements."""
        name, elements = command.name, command.elements
        _require(name in self.sets or name in self.maps, "No such file or directory", name)
        if command.verb == "delete":
            self._delete_elements(name, elements)
        elif name in self.sets:
            self._add_to_set(self.sets[name], elements)
        else:
            self._add_to_map(self.maps[name], elements)

    def remove(self, command: Remove) -> None:
        """Flush an object, or delete it if nothing refers to it."""
        kind, name = command.kind, command.name
        objects = self._objects(kind)
        _require(name in objects, "No such file or directory", name)
        if command.verb == "flush":
            objects[name] = replace(objects[name], **_EMPTY[kind])
        else:
            del objects[name]
            _require((_SPACES[kind], name) not in set(self._references()), "Device or resource busy", name)

    def document(self) -> Iterator[dict[str, Any]]:
        """The objects as nft lists them."""
        where = {"family": FAMILY, "table": TABLE_NAME}
        yield {"table": {"family": FAMILY, "name": TABLE_NAME}}
        yield from ({"set": {**where, **_set_document(item)}} for item in self.sets.values())
        yield from ({"map": {**where, **_map_document(item)}} for item in self.maps.values())
        yield from ({"chain": {**where, **_chain_document(item)}} for item in self.chains.values())
        yield from ({"counter": {**where, "name": name}} for name in self.counters)

    def _objects(self, kind: str) -> dict[str, Any]:
        kinds: dict[str, dict[str, Any]] = {
            "set": self.sets,
            "map": self.maps,
            "chain": self.chains,
            "counter": self.counters,
        }
        return kinds[kind]

    def _add_to_set(self, item: NftSet, elements: Iterable[str]) -> None:
        changed = replace(item, elements=item.elements | frozenset(elements))
        _require(
            INTERVAL not in item.flags or not _overlap(changed.elements), "conflicting intervals", item.name
        )
        self.sets[item.name] = changed

    def _add_to_map(self, item: VerdictMap, elements: Elements) -> None:
        for key, verdict in elements.items():
            _require(item.elements.get(key, verdict) == verdict, "File exists", key)
            self._check(verdict)
        self.maps[item.name] = replace(item, elements={**item.elements, **elements})

    def _delete_elements(self, name: str, elements: Elements) -> None:
        old: Iterable[str] = (self.sets.get(name) or self.maps[name]).elements
        _require(set(elements) <= set(old), "No such file or directory", name)
        if name in self.sets:
            self.sets[name] = replace(self.sets[name], elements=self.sets[name].elements - set(elements))
        else:
            kept = {key: verdict for key, verdict in self.maps[name].elements.items() if key not in elements}
            self.maps[name] = replace(self.maps[name], elements=kept)

    def _add_rules(self, chain: Chain) -> None:
        for rule in chain.rules:
            self._check(rule)
        old = self.chains[chain.name]
        self.chains[chain.name] = replace(old, rules=old.rules + chain.rules)

    def _check(self, text: str) -> None:
        """Everything that a rule or verdict refers to exists."""
        for space, name in _references(text):
            there: Collection[str] = {**self.sets, **self.maps}
            if space != "set":
                there = self._objects(space)
            _require(name in there, "No such file or directory", name)

    def _references(self) -> Iterator[tuple[str, str]]:
        for chain in self.chains.values():
            for rule in chain.rules:
                yield from _references(rule)
        for item in self.maps.values():
            for verdict in item.elements.values():
                yield from _references(verdict)


def _require(condition: bool, message: str, name: str) -> None:
    if not condition:
        raise NftError(f"{message}: {name}")


def _references(text: str) -> Iterator[tuple[str, str]]:
    """The sets and maps, chains and counters that a rule or a verdict names: the space of the name, and the name."""
    for match in _REFERENCE.finditer(_STRING.sub("", text)):
        yield _WORDS[match[1] or match[3]], match[2] or match[4]


def _overlap(elements: Iterable[str]) -> bool:
    spans = sorted(map(_span, elements))
    return any(before[1] >= after[0] for before, after in pairwise(spans))


def _span(element: str) -> tuple[int, int]:
    """The first and last value of a network, address, port or range of ports."""
    if "." in element or ":" in element:
        network = ipaddress.ip_network(element)
        return int(network.network_address), int(network.broadcast_address)
    first, _, last = element.partition("-")
    return int(first), int(last or first)


def _set_document(item: NftSet) -> dict[str, Any]:
    return {
        **_declaration(item),
        "elem": [_element_document(element, item.type) for element in sorted(item.elements)],
    }


def _declaration(item: NftSet | VerdictMap) -> dict[str, Any]:
    flags = {"flags": list(item.flags)} if item.flags else {}
    types = item.type.split(CONCATENATION)
    return {"name": item.name, "type": types if types[1:] else item.type, **flags}


def _map_document(item: VerdictMap) -> dict[str, Any]:
    pairs = [
        [_element_document(key, item.type), _verdict_document(verdict)]
        for key, verdict in sorted(item.elements.items())
    ]
    return {**_declaration(item), "map": "verdict", "elem": pairs}


def _chain_document(item: Chain) -> dict[str, Any]:
    if item.hook is None:
        return {"name": item.name}
    hook = item.hook
    return {
        "name": item.name,
        "type": hook.type,
        "hook": hook.hook,
        "prio": hook.priority,
        "policy": hook.policy,
    }


def _element_document(element: str, type_: str) -> Any:
    parts = element.split(CONCATENATION)
    if parts[1:]:
        return {"concat": [int(part) if part.isdigit() else part for part in parts]}
    if "/" in element:
        address, _, length = element.partition("/")
        return {"prefix": {"addr": address, "len": int(length)}}
    if type_ != "inet_service":
        return element
    first, _, last = element.partition("-")
    return {"range": [int(first), int(last)]} if last else int(first)


def _verdict_document(verdict: str) -> dict[str, Any]:
    word, _, target = verdict.partition(" ")
    return {word: {"target": target} if target else None}
