"""The site of the documents: it is built without a broken link, and needs nothing from elsewhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from scripts import site_hooks

ROOT = Path(__file__).parents[2]
BUILD = (sys.executable, "-m", "mkdocs", "build", "--strict")  # with --quiet it would not count warnings


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(
        [*BUILD, "--site-dir", str(folder)],
        cwd=ROOT,
        check=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    return folder


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        text = page.read_text()
        loaded = re.findall(r"<(?:script|img|iframe|link)\b[^>]*?\b(?:src|href)=\"?(https?:[^\s\">]+)", text)
        assert loaded == [], page.name
        assert not re.search(r"(?:@import|url\()[\s\"']*https?:", text), page.name


def test_every_page_can_be_found_by_the_search(site: Path) -> None:
    script = (site / "search" / "search_index.js").read_text()
    index = json.loads(script.partition("=")[2].rstrip(";\n"))
    found = {each["location"].partition("#")[0] for each in index["docs"]}
    built = {str(page.relative_to(site)) for page in site.rglob("*.html")} - {"404.html"}
    assert found == built


@pytest.mark.parametrize("link", ["nowhere.md", "#nowhere", "index.md#nowhere"])
def test_a_broken_link_fails(link: str, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.md").write_text(f"# Home\n\n[nowhere]({link})\n")
    configuration = (ROOT / "mkdocs.yml").read_text().replace("scripts/", f"{ROOT}/scripts/")
    (tmp_path / "mkdocs.yml").write_text(configuration)
    done = subprocess.run(BUILD, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "nowhere" in done.stderr


def test_links_to_what_is_no_document_become_text() -> None:
    class Page:
        class file:  # noqa: N801  # as the site builder has it
            src_uri = "how-to/boot.md"

    text = "[a](../guide.md), [b](../../examples), [c](https://docs.example)"
    assert site_hooks.on_page_markdown(text, Page()) == "[a](../guide.md), b, [c](https://docs.example)"
