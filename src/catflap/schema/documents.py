"""Schemas of whole documents: one for each kind, and one for files that hold several kinds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from catflap.model.names import IDENTIFIER_PATTERN
from catflap.model.v3_documents import API_VERSION, BOOKKEEPING, MAX_NAME, NAMESPACED_KINDS, PLURALS
from catflap.schema import values as v
from catflap.schema.kinds import Spec, specs
from catflap.schema.policy_tests import policy_test
from catflap.schema.rules import peer, rule
from catflap.store.directory.documents import TEST_KIND

DIALECT: Final = "http://json-schema.org/draft-07/schema#"  # what editors understand best
COMBINED: Final = "catflap"
SCHEMA_KINDS: Final = (*specs(), TEST_KIND)


def kind_schema(kind: str) -> v.Schema:
    """The schema of the documents of one of `SCHEMA_KINDS`."""
    return {"$schema": DIALECT, "title": kind, **_document(kind), "definitions": _rule_definitions()}


def combined_schema() -> v.Schema:
    """The schema of any document that a file may hold, also of a list of them."""
    others = [kind for kind in PLURALS if kind not in SCHEMA_KINDS]
    bodies = {**{kind: _document(kind) for kind in SCHEMA_KINDS}, "Other": _without_effect()}
    chosen = [_when({"const": kind}, {"$ref": f"#/definitions/{kind}"}) for kind in SCHEMA_KINDS]
    chosen.append(_when({"enum": others}, {"$ref": "#/definitions/Other"}))
    listed = {"properties": {"items": {"type": "array", "items": {"$ref": "#/definitions/Document"}}}}
    chosen.append(_when({"pattern": "List$"}, {"required": ["items"], **listed}))
    kinds = {"anyOf": [{"enum": [*SCHEMA_KINDS, *others]}, {"type": "string", "pattern": "List$"}]}
    return {
        "$schema": DIALECT,
        "title": "Catflap",
        "description": "A document that catflap apply or catflap check reads. Files may hold several.",
        "anyOf": [{"$ref": "#/definitions/Document"}],
        "definitions": {
            **_rule_definitions(),
            **bodies,
            "Document": {
                "type": "object",
                "required": ["kind"],
                "properties": {"kind": {"description": "What the document is.", **kinds}},
                "allOf": chosen,
            },
        },
    }


def schema_files() -> Mapping[str, str]:
    """The published files, by name."""
    schemas = {COMBINED: combined_schema(), **{kind: kind_schema(kind) for kind in SCHEMA_KINDS}}
    return {
        f"{name}.json": f"{json.dumps(each, indent=1, ensure_ascii=False)}\n"
        for name, each in schemas.items()
    }


def _when(kind: v.Schema, then: v.Schema) -> v.Schema:
    return {"if": {"required": ["kind"], "properties": {"kind": {"type": "string", **kind}}}, "then": then}


def _rule_definitions() -> v.Schema:
    return {"Rule": rule(), "Peer": peer()}


def _document(kind: str) -> v.Schema:
    return policy_test() if kind == TEST_KIND else _resource(kind, specs()[kind])


def _resource(kind: str, spec: Spec) -> v.Schema:
    body = spec.schema()
    fields = {
        "apiVersion": {"const": API_VERSION, "description": "The form of the document."},
        "kind": {"const": kind, "description": spec.about},
        "metadata": _metadata(kind, spec),
        "spec": body if spec.needed else v.or_null(body),
        "status": v.anything("Written by others. Not used."),
    }
    required = ["apiVersion", "kind", "metadata", *(["spec"] if spec.needed else [])]
    return v.record(spec.about, fields, required)


def _metadata(kind: str, spec: Spec) -> v.Schema:
    fields = {
        "name": _name("The name. No other object of this kind may have it.", spec.names),
        "labels": v.labels("Labels, by name: what selectors look at."),
        "annotations": {
            "description": "Notes, by name.",
            "type": "object",
            "additionalProperties": {"type": "string"},
        },
        "namespace": _name("The namespace; 'default' where it is left out.")
        if kind in NAMESPACED_KINDS
        else v.anything("This kind has none."),
        "resourceVersion": v.anything(
            "As it was read: the document is refused if the stored one is another by now."
        ),
        **{
            name: v.anything("Bookkeeping of others. Not used.")
            for name in BOOKKEEPING
            if name != "resourceVersion"
        },
    }
    return v.record("What the object is called, and its labels.", fields, ["name"])


def _name(about: str, names: str = "") -> v.Schema:
    return v.text(about, v.whole_text(names or IDENTIFIER_PATTERN), maxLength=MAX_NAME)


def _without_effect() -> v.Schema:
    fields = {
        "apiVersion": {"const": API_VERSION, "description": "The form of the document."},
        "kind": {"type": "string"},
        "metadata": v.record(
            "What the object is called.", {"name": _name("The name.")}, ["name"], closed=False
        ),
    }
    about = "An object that Catflap keeps and does not act upon."
    return v.record(about, fields, list(fields), closed=False)
