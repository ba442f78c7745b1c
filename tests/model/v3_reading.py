"""Reading a spec as a document of a kind, without the metadata around it."""

from __future__ import annotations

from typing import Any

import pytest

from catflap.model.fields import Document, Fields
from catflap.model.resources import Resource
from catflap.model.v3_documents import INTERPRETERS
from catflap.model.validation import InvalidObjectError, Reasons

LABELS = {"role": "web"}


def read(kind: str, spec: Any, name: str = "x", namespace: str = "") -> tuple[Resource, ...]:
    """The resources of a document with these parts, labelled with `LABELS`."""
    fields = Fields(spec, "spec", Reasons())
    resources = INTERPRETERS[kind](Document(name, name, LABELS, fields, namespace))
    fields.close()
    fields.reasons.raise_if_any()
    return resources


def refusal(kind: str, spec: Any, name: str = "x") -> tuple[str, ...]:
    """Why there are none."""
    with pytest.raises(InvalidObjectError) as caught:
        read(kind, spec, name)
    return caught.value.reasons
