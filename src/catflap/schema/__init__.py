"""JSON Schemas of everything that `catflap apply` and `catflap check` read: for editors, and for the reference.

Names, words and patterns come from the validation itself; descriptions are written here. The schemas must never refuse
what the validation accepts. What they cannot say (what selectors mean, what depends on another field) is left to
`catflap check`. Tests hold both to each other.
"""

from __future__ import annotations

from catflap.schema.documents import SCHEMA_KINDS, combined_schema, kind_schema, schema_files

__all__ = ["SCHEMA_KINDS", "combined_schema", "kind_schema", "schema_files"]
