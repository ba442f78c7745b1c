"""What the package exports."""

from __future__ import annotations

import subprocess
import sys

import catflap.model


def test_exported_names_are_sorted_and_there() -> None:
    names = catflap.model.__all__

    assert names == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert all(hasattr(catflap.model, name) for name in names)


def test_the_import_pulls_in_no_input_or_output() -> None:
    code = (
        "import sys, catflap.model; print(sorted({'asyncio', 'socket', 'ssl', 'yaml'} & sys.modules.keys()))"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert found.stdout.strip() == "[]"
