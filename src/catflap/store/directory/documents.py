"""From the bytes of one file to the entries that its documents stand for. Pure: no I/O."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from catflap.model.decoded import Problem
from catflap.model.v3_documents import DocumentError, document_path
from catflap.store.directory.safe_yaml import YamlError, load_documents

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FILE = 4 << 20  # bytes
SUFFIXES = (".yaml", ".yml", ".json")
TEST_VERSION: Final = (
    "catflap/v1"  # of documents for our commands: they lie beside policy, and are not stored
)
TEST_KIND: Final = "PolicyTest"


class FileError(ValueError):
    """The file as a whole cannot be understood. The text says where and why."""


class Document(msgspec.Struct, frozen=True):
    """One object: its path in the store and its JSON."""

    path: str
    value: bytes


def version(value: bytes) -> int:
    """A number for the content of an entry; another content has another one, and none has 0."""
    return int.from_bytes(hashlib.blake2b(value, digest_size=8).digest()) or 1


class Located(msgspec.Struct, frozen=True):
    """One object of a file as it was written: which document of the file, and of a list which item, from 0."""

    document: int
    item: int | None
    value: Any


class FileContent(msgspec.Struct, frozen=True):
    """The documents of one file, and what is wrong with those that have no place in the store."""

    documents: tuple[Document, ...] = ()
    problems: tuple[Problem, ...] = ()


def is_policy_file(name: str) -> bool:
    """Whether a file of this name is read. Hidden files and those that editors leave for a moment are not."""
    return name.endswith(SUFFIXES) and not name.startswith(".")


def is_policy_test(value: object) -> bool:
    """Whether a document is a policy test: nothing to store, and no slip either."""
    return (
        isinstance(value, dict) and value.get("kind") == TEST_KIND and value.get("apiVersion") == TEST_VERSION
    )


def parse_file(file: str, data: bytes) -> FileContent:
    """The content of a file as the store holds it; policy tests are left out.

    Raises:
        FileError: see `load_objects`; or the file is empty, as files are before their writer comes to write.
    """
    if not data.strip():
        raise FileError("it is empty. Remove it; or write a comment into it if it shall hold nothing.")
    documents: list[Document] = []
    problems: list[Problem] = []
    for number, located in enumerate(load_objects(file, data), start=1):
        if is_policy_test(located.value):
            continue
        try:
            documents.append(to_document(located.value))
        except DocumentError as error:
            subject = f"document {number} of file {file}"
            problems.append(Problem(file, subject, error.reasons, raw=_excerpt(located.value)))
    return FileContent(tuple(documents), tuple(problems))


def load_objects(file: str, data: bytes) -> list[Located]:
    """All objects of a file; its name's suffix tells YAML from JSON.

    Lists as other tools export them (kind ``…List`` with ``items``) count as one object for each item.

    Raises:
        FileError: the file is too large, or not YAML or JSON, with line and column.
    """
    if len(data) > MAX_FILE:
        raise FileError(f"the file has more than {MAX_FILE >> 20} MiB; split it.")
    return list(_objects(_load(file, data)))


def _load(file: str, data: bytes) -> list[Any]:
    if not file.endswith(".json"):
        try:
            return load_documents(data)
        except YamlError as error:
            raise FileError(f"the file is not valid YAML: {error}.") from error
    try:
        return [json.loads(data, object_pairs_hook=_unambiguous)]
    except (ValueError, RecursionError) as error:
        raise FileError(f"the file is not valid JSON: {error}.") from error


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError(f"member {name!r} stands twice in one object")
        members[name] = value
    return members


def _objects(values: list[Any]) -> Iterator[Located]:
    """The documents, without empty ones, and with lists taken apart."""
    for number, value in enumerate(values):
        if value is None:  # nothing between two separators, or comments only
            continue
        if isinstance(value, dict) and _is_list(value):
            yield from (Located(number, item, each) for item, each in enumerate(value["items"]))
        else:
            yield Located(number, None, value)


def _is_list(value: dict[Any, Any]) -> bool:
    kind = value.get("kind")
    return isinstance(kind, str) and kind.endswith("List") and isinstance(value.get("items"), list)


def to_document(value: Any) -> Document:
    """The entry that an object stands for.

    Raises:
        DocumentError: it has no place in the store, or holds values that JSON has not.
    """
    path = document_path(value)
    try:
        return Document(path, json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise DocumentError((f"the document cannot be written as JSON: {error}.",)) from error


def _excerpt(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)
