from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from tests.check.documents import check
from tests.schema.whole_documents import WHOLE, Document, mutations

from catflap.model.fields import Fields
from catflap.model.v3_documents import INTERPRETERS
from catflap.schema import SCHEMA_KINDS, combined_schema, kind_schema, schema_files

ROOT = Path(__file__).parents[2]
STRIDE = 41  # of the mutations: all of them take minutes; the others differ in nothing but the place
COMBINED = jsonschema.Draft7Validator(combined_schema())

# What no schema can say; the reasons of the validation that a schema may be silent about.
BEYOND = re.compile(
    r"is not a selector|needs a (protocol|type)|needs protocol|cannot stand together|must be empty with|cannot contain"
    r"|write one of: selector|list the destination ports|is not a port|is no name|is not an IP address|is not a CIDR"
    r"|the name of the host is missing|is not the name of an interface|the key says|keep the value before it"
)


def refused(document: Document) -> list[str]:
    """Why the validation refuses a document."""
    codes = ("invalid", "bad-parameter")
    return [each.message for each in check(document).findings if each.code in codes]


@pytest.mark.parametrize("kind", SCHEMA_KINDS)
def test_the_schema_is_one_and_takes_a_whole_document(kind: str) -> None:
    jsonschema.Draft7Validator.check_schema(kind_schema(kind))
    jsonschema.Draft7Validator.check_schema(combined_schema())
    assert refused(WHOLE[kind]) == []
    jsonschema.validate(WHOLE[kind], kind_schema(kind))
    COMBINED.validate(WHOLE[kind])


@pytest.mark.parametrize("kind", SCHEMA_KINDS)
def test_the_schema_refuses_nothing_that_is_valid_and_most_that_is_not(kind: str) -> None:
    schema = jsonschema.Draft7Validator(kind_schema(kind))
    looked_at = 0
    for path, value, changed in list(mutations(WHOLE[kind]))[::STRIDE]:
        reasons, accepted = refused(changed), schema.is_valid(changed)
        assert accepted or reasons, f"too strict: {path} = {value!r}"
        assert not accepted or all(map(BEYOND.search, reasons)), f"too lax: {path} = {value!r}: {reasons}"
        assert path == ("kind",) or COMBINED.is_valid(changed) == accepted, f"not alike: {path} = {value!r}"
        looked_at += 1
    assert looked_at > 5


@pytest.mark.parametrize("kind", INTERPRETERS)
def test_the_fields_are_those_that_the_validation_asks_for(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, set[str]] = defaultdict(set)
    close = Fields.close

    def recording(self: Fields) -> None:
        asked[re.sub(r"\[\d+\]", "", self.path("")).rstrip(".")].update(self._asked)
        close(self)

    monkeypatch.setattr(Fields, "close", recording)
    assert refused(WHOLE[kind]) == []
    schema = kind_schema(kind)
    described = {path: names for path, names in records(schema, schema) if path in asked}
    assert described.keys() == asked.keys()
    open_ones = {"spec"} if kind in ("Node", "FelixConfiguration", "ClusterInformation") else set()
    for path in asked.keys() - open_ones:
        assert described[path] - {"apiVersion", "kind"} == asked[path] - {"apiVersion", "kind"}, path


def records(node: Any, root: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, set[str]]]:
    """Where in a document objects stand, and the names of their fields."""
    if "$ref" in node:
        node = root["definitions"][node["$ref"].rpartition("/")[2]]
    for each in node.get("anyOf", ()):
        yield from records(each, root, path)
    if "items" in node:
        yield from records(node["items"], root, path)
    if "properties" in node:
        yield path, set(node["properties"])
        for name, each in node["properties"].items():
            yield from records(each, root, f"{path}.{name}" if path else name)


def test_no_word_is_offered_twice() -> None:
    """Editors refuse such a schema as a whole."""

    def enums(node: Any) -> Iterator[list[Any]]:
        if isinstance(node, dict):
            if isinstance(node.get("enum"), list):
                yield node["enum"]
            for each in node.values():
                yield from enums(each)
        elif isinstance(node, list):
            for each in node:
                yield from enums(each)

    found = list(enums(combined_schema()))
    assert len(found) > 20
    for each in found:
        assert len({repr(word) for word in each}) == len(each)


def test_every_field_is_described() -> None:
    def undescribed(node: Any, path: str) -> Iterator[str]:
        if isinstance(node, dict):
            for name, each in node.get("properties", {}).items():
                if not {"description", "const", "$ref"} & each.keys() and "allOf" not in path:
                    yield f"{path}.{name}"
            for name, each in node.items():
                yield from undescribed(each, f"{path}.{name}")
        elif isinstance(node, list):
            for each in node:
                yield from undescribed(each, path)

    for kind in SCHEMA_KINDS:
        assert list(undescribed(kind_schema(kind), kind)) == []


@pytest.mark.parametrize("file", sorted((ROOT / "examples").rglob("*.yaml")), ids=lambda file: file.name)
def test_all_examples_are_valid(file: Path) -> None:
    documents = [each for each in yaml.safe_load_all(file.read_text()) if each is not None]
    assert documents
    for document in documents:
        COMBINED.validate(document)


@pytest.mark.parametrize(
    ("document", "valid"),
    [
        ({"kind": "GlobalNetworkPolicyList", "items": [WHOLE["GlobalNetworkPolicy"]]}, True),
        ({"kind": "List", "items": [WHOLE["Tier"], {"kind": "Teir"}]}, False),
        (
            {
                "apiVersion": "projectcalico.org/v3",
                "kind": "BGPPeer",
                "metadata": {"name": "x"},
                "spec": {"a": 1},
            },
            True,
        ),
        ({"kind": "HostEndpont"}, False),
        ({}, False),
        ("text", False),
    ],
)
def test_lists_and_kinds_that_nobody_acts_upon(document: Any, valid: bool) -> None:  # a table
    assert COMBINED.is_valid(document) is valid


def test_the_published_files_are_up_to_date() -> None:
    folder = ROOT / "docs" / "schemas"
    published = {path.name: path.read_text() for path in folder.glob("*.json")}
    assert published == schema_files(), "run: make reference"
