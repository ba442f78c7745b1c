"""Writes the pages of the reference and the JSON Schemas anew, from the code: ``python -m scripts.reference``."""

from __future__ import annotations

from scripts.reference.pages import ROOT, pages

for path, text in pages().items():
    target = ROOT / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")
        print(f"written: {path}")
