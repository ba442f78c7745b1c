"""Reads back the nft text that `ruleset.block` and `plan.plan` write, and refuses any other. Rules stay text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import msgspec

from catflap.nft.port import NftError
from catflap.nft.ruleset import TABLE, Chain, Hook, NftSet, VerdictMap

Elements: TypeAlias = Mapping[str, str]  # of a set: to empty text; of a map: to the verdict

_BLOCK = f"table {TABLE} {{"
_OBJECT = re.compile(r"\t(set|map|chain|counter) (\S+) \{")
_HOOK = re.compile(r"type (\S+) hook (\S+) priority (-?\d+); policy (\S+);")
_COMMAND = re.compile(rf"(flush|delete) (set|map|chain|counter) {TABLE} (\S+)")
_ELEMENTS = re.compile(rf"(add|delete) element {TABLE} (\S+) {{ (.*) }}")
_ELEMENT = re.compile(r'"([^"]*)" : ([^,]+)|([^,"\s][^,"]*?) : ([^,]+)|([^,"\s][^,"]*)')


class AddBlock(msgspec.Struct, frozen=True):
    """Add the objects to the table, which is created if needed."""

    sets: tuple[NftSet, ...]
    maps: tuple[VerdictMap, ...]
    chains: tuple[Chain, ...]
    counters: tuple[str, ...] = ()


class ChangeElements(msgspec.Struct, frozen=True):
    """Add elements to a set or map, or delete them."""

    verb: str
    name: str
    elements: Elements


class Remove(msgspec.Struct, frozen=True):
    """Flush or delete a set, map or chain, or delete a counter."""

    verb: str
    kind: str
    name: str


class DeleteTable(msgspec.Struct, frozen=True):
    """Delete the table and all in it."""


Command: TypeAlias = AddBlock | ChangeElements | Remove | DeleteTable


def parse(text: str) -> Iterator[Command]:
    """The commands in order.

    Raises:
        NftError: a line is none that we write.
    """
    lines = iter(text.splitlines())
    for line in lines:
        yield _block(lines) if line == _BLOCK else _command(line)


def _command(line: str) -> Command:
    if line == f"delete table {TABLE}":
        return DeleteTable()
    if match := _COMMAND.fullmatch(line):
        return Remove(*match.groups())
    if match := _ELEMENTS.fullmatch(line):
        return ChangeElements(match[1], match[2], _elements(match[3]))
    raise _refusal(line)


def _block(lines: Iterator[str]) -> AddBlock:
    """The objects up to the closing brace."""
    found: list[NftSet | VerdictMap | Chain | str] = []
    for line in lines:
        if line == "}":
            break
        if line:
            match = _OBJECT.fullmatch(line)
            if match is None:
                raise _refusal(line)
            body = [inner.removeprefix("\t\t") for inner in iter(lambda: next(lines, "\t}"), "\t}")]
            found.append(_READERS[match[1]](match[2], body))
    return AddBlock(
        tuple(item for item in found if isinstance(item, NftSet)),
        tuple(item for item in found if isinstance(item, VerdictMap)),
        tuple(item for item in found if isinstance(item, Chain)),
        tuple(item for item in found if isinstance(item, str)),
    )


def _set(name: str, body: list[str]) -> NftSet:
    fields = dict(_field(line) for line in body)
    flags = _flags(fields)
    elements = frozenset(_elements(fields.get("elements", "")))
    return NftSet(name, fields["type"], flags, elements, fields.get("comment", "").strip('"'))


def _map(name: str, body: list[str]) -> VerdictMap:
    fields = dict(_field(line) for line in body)
    type_, elements = fields["type"].removesuffix(" : verdict"), _elements(fields.get("elements", ""))
    return VerdictMap(name, type_, elements, _flags(fields))


def _chain(name: str, body: list[str]) -> Chain:
    match = _HOOK.fullmatch(body[0]) if body else None
    if match is None:
        return Chain(name, tuple(body))
    return Chain(name, tuple(body[1:]), Hook(match[2], int(match[3]), match[1], match[4]))


def _counter(name: str, body: list[str]) -> str:
    if body:
        raise _refusal(body[0])
    return name


_READERS: Mapping[str, Callable[[str, list[str]], NftSet | VerdictMap | Chain | str]] = {
    "counter": _counter,
    "set": _set,
    "map": _map,
    "chain": _chain,
}


def _flags(fields: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(fields["flags"].split(",")) if "flags" in fields else ()


def _field(line: str) -> tuple[str, str]:
    """The first word of a line in a set or map, and the rest; elements without their braces."""
    word, _, value = line.partition(" ")
    return word, value.removeprefix("= { ").removesuffix(" }") if word == "elements" else value


def _elements(text: str) -> dict[str, str]:
    """Elements of a set, and of a map with a verdict each."""
    return {match[1] or match[3] or match[5]: match[2] or match[4] or "" for match in _ELEMENT.finditer(text)}


def _refusal(line: str) -> NftError:
    return NftError(f"not a command of ours: {line}")
