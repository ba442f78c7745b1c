"""A ``projectcalico.org/v3`` document taken apart: what the interpreters of the kinds are given."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from catflap.model.fields import Fields


class Document(msgspec.Struct, frozen=True):
    """The parts of a document. ``name`` is the one that its author gave it, which is not always that of its key.

    ``namespace`` is empty for the kinds that have none.
    """

    key_name: str
    name: str
    labels: Mapping[str, str]
    spec: Fields
    namespace: str = ""
