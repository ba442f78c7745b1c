"""Are the objects valid? The same decoder answers that reads them from the store, so it is the same answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from catflap.check.finding import Finding, Severity
from catflap.check.source import SourceObject
from catflap.model.decode import decode
from catflap.model.decoded import ResourceChange
from catflap.model.v3_documents import DocumentError
from catflap.store.directory.documents import to_document


class Valid(msgspec.Struct, frozen=True):
    """A valid object, and the resources that it stands for."""

    source: SourceObject
    changes: tuple[ResourceChange, ...]


class Schema(msgspec.Struct, frozen=True):
    """The valid objects, each once, and what is wrong with the others."""

    valid: tuple[Valid, ...]
    findings: tuple[Finding, ...]


def check_schema(objects: Iterable[SourceObject]) -> Schema:
    """Decode all objects. Of two with the same identity the first is valid and the second an error."""
    valid: list[Valid] = []
    findings: list[Finding] = []
    places: dict[str, SourceObject] = {}
    for source in objects:
        try:
            document = to_document(source.value)
        except DocumentError as error:
            findings.extend(invalid_object(source, error.reasons))
            continue
        first = places.setdefault(document.path, source)
        if first is not source:
            findings.append(_double(source, first))
            continue
        decoded = decode(document.path, document.value)
        for problem in decoded.problems:
            findings.extend(invalid_object(source, problem.reasons))
        if decoded.ignored is not None:
            findings.append(
                source.finding(
                    Severity.WARNING, "kind-without-effect", f"{decoded.ignored}; it has no effect."
                )
            )
        elif not decoded.problems:
            valid.append(Valid(source, decoded.changes))
    return Schema(tuple(valid), tuple(findings))


def invalid_object(source: SourceObject, reasons: Iterable[str]) -> Iterator[Finding]:
    """What is wrong with one object, field by field."""
    for reason in reasons:
        field, message = split_reason(reason)
        yield source.finding(Severity.ERROR, "invalid", message, field)


def split_reason(reason: str) -> tuple[str, str]:
    """The field that a reason begins with, and the rest; a reason may name no field."""
    field, colon, message = reason.partition(": ")
    if not colon or " " in field or field == "document":
        return "", reason
    return field, message


def _double(source: SourceObject, first: SourceObject) -> Finding:
    where = f"{first.file}:{first.line()}"
    return source.finding(
        Severity.ERROR,
        "duplicate-object",
        f"the same object stands at {where} already; remove one of them.",
        "metadata.name",
    )
