"""What the site builder is told besides mkdocs.yml: pages that do not exist yet, and links that leave the documents."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

_LINK = re.compile(r"\[(?P<text>[^\]\n]*)\]\((?P<target>\.\.?/[^)\s]*)\)")
_FOREIGN_SCRIPT = re.compile(r"<script[^>]* src=\"?https?:[^>]*></script>")


def on_config(config: Any) -> Any:
    """Leave pages out of the navigation that do not exist."""
    config.nav = _existing(config.nav, Path(config.docs_dir))
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links to files of the repository that are no documents become plain text: the site has no such files."""
    directory = posixpath.dirname(page.file.src_uri)

    def inside(link: re.Match[str]) -> str:
        leaves = posixpath.normpath(posixpath.join(directory, link["target"])).startswith("..")
        return link["text"] if leaves else link[0]

    return _LINK.sub(inside, markdown)


def on_post_page(output: str, **_: Any) -> str:
    """Nothing is loaded from elsewhere: not the helper, either, that some browsers need to search in opened files."""
    return _FOREIGN_SCRIPT.sub("", output)


def on_post_template(output_content: str, **_: Any) -> str:
    """The same for pages that are no documents, such as the one for a missing page."""
    return _FOREIGN_SCRIPT.sub("", output_content)


def _existing(items: list[Any], root: Path) -> list[Any]:
    kept = []
    for item in items:
        ((title, target),) = item.items()
        if isinstance(target, list):
            target = _existing(target, root)  # what is left of the section
        elif not (root / target).exists():
            continue
        if target:
            kept.append({title: target})
    return kept
