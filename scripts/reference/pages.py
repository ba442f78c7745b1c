"""Every generated page of the documents: its path and its text.

The code is the source of names, defaults and words. Nothing here may know what the code already says.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from scripts.reference.codes import lint_page, reason_page
from scripts.reference.configuration import configuration_page
from scripts.reference.options import options_page
from scripts.reference.resources import resources_page

from catflap.schema import schema_files

ROOT: Final = Path(__file__).parents[2]


def pages() -> Mapping[str, str]:
    """All pages."""
    return {
        "docs/reference/configuration.md": configuration_page(),
        "docs/reference/options.md": options_page(),
        "docs/reference/resources.md": resources_page(),
        "docs/reference/reasons.md": reason_page(),
        "docs/reference/lints.md": lint_page((ROOT / "docs/reference/checks.md").read_text(encoding="utf-8")),
        **{f"docs/schemas/{name}": text for name, text in schema_files().items()},
    }
