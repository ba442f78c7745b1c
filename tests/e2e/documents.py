"""Finds what the documents tell people to type, and what they say that the log will show."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (
    "README.md",
    "docs/guide.md",
    "docs/architecture.md",
    "docs/dataplane.md",
    "docs/etcd-security.md",
    "docs/interplay.md",
    "docs/migrate-from-felix.md",
    "docs/index.md",
    "docs/how-to/boot.md",
    "docs/how-to/docker.md",
    "docs/how-to/editors.md",
    "docs/how-to/emergency.md",
    "docs/how-to/git.md",
    "docs/how-to/ipv6-only.md",
    "docs/how-to/router.md",
    "docs/how-to/single-host.md",
    "docs/how-to/existing-connections.md",
    "docs/how-to/install.md",
    "docs/how-to/monitor.md",
    "docs/how-to/test-policy.md",
    "docs/proof.md",
    "docs/scale.md",
    "docs/schemas/README.md",
    "docs/stores.md",
    "docs/reference/agent.md",
    "docs/reference/checks.md",
    "docs/reference/commands.md",
    "docs/reference/configuration.md",
    "docs/reference/lints.md",
    "docs/reference/options.md",
    "docs/reference/reasons.md",
    "docs/reference/resources.md",
    "docs/reference/metrics.md",
    "docs/reference/policy.md",
    "docs/reference/status.md",
    "CONTRIBUTING.md",
    "examples/README.md",
)
PROGRAMS = {
    "make",
    "catflap",
    "etcd",
    "etcdctl",
    "apt-get",
    "git",
    "grep",
    "lint-imports",
    "pytest",
    "sudo",
    "nft",
}
_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_ASSIGNMENT = re.compile(r"\w+=")
_COMMENT = re.compile(r"\s+#\s.*$")
_LOG_LINE = re.compile(r" catflap\.[\w.]+ \d+: ")
_REAL_LINE = re.compile(
    r"(?P<time>\S+ \S+) \[(?P<level>[A-Z]+)\]\[\d+/\w+\] (?P<logger>[\w.]+) \d+: (?P<message>.*)"
)
_TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
_WORKER = r"\[\d+/\w+\]"


class Command(NamedTuple):
    """What somebody is told to type; ``where`` is the document and line."""

    text: str
    where: str

    @property
    def plain(self) -> str:
        """Without the comment that explains it."""
        return self.text if "\n" in self.text else _COMMENT.sub("", self.text)


def fenced_commands(document: str) -> list[Command]:
    """Everything that stands in the shell blocks of a document, in order."""
    text = (ROOT / document).read_text()
    return [
        Command(command, f"{document}:{text.count(chr(10), 0, fence.start()) + 2 + offset}")
        for fence in _FENCE.finditer(text)
        if fence["language"] == "sh"
        for offset, command in _split(fence["body"])
    ]


def mentioned_commands(document: str) -> list[Command]:
    """Commands within sentences: code spans that begin with a program and have more to them than its name."""
    text = _FENCE.sub("", (ROOT / document).read_text())
    found = (Command(span[1], document) for span in _SPAN.finditer(text))
    return [command for command in found if _is_command(command.text)]


def log_lines(document: str) -> list[str]:
    """The log lines that a document shows."""
    blocks = _FENCE.finditer((ROOT / document).read_text())
    lines = (line for block in blocks if block["language"] != "sh" for line in block["body"].splitlines())
    return [line for line in lines if _LOG_LINE.search(line)]


def as_documented(logged: str) -> re.Pattern[str]:
    """What a document may write for a line of the log: other numbers, and ``…`` for what comes before the name."""
    real = _REAL_LINE.fullmatch(logged)
    assert real, f"not in the format of the log: {logged}"
    level = rf"\[{real['level']}\]{_WORKER} "
    begin = rf"(?:{_TIME} {level}|… {level}|… )"
    return re.compile(rf"{begin}{re.escape(real['logger'])} \d+: {re.escape(real['message'])}")


def transcript(document: str, first_line: str) -> list[str]:
    """The lines of the block that begins with a line, without those that stand for what was left out."""
    blocks = [fence["body"].splitlines() for fence in _FENCE.finditer((ROOT / document).read_text())]
    (lines,) = [block for block in blocks if block[0] == first_line]
    return [line for line in lines if line != "…"]


def drawn_lines(picture: str) -> list[str]:
    """The lines of a terminal that a picture shows, without blanks: it has positions in place of some of them."""
    rows: dict[float, dict[float, str]] = {}
    for text in ET.parse(ROOT / picture).iter("{http://www.w3.org/2000/svg}text"):  # noqa: S314  # our own file
        if "clip-path" in text.attrib:  # that is: a piece of a line, and not the title
            rows.setdefault(float(text.attrib["y"]), {})[float(text.attrib["x"])] = text.text or ""
    drawn = ("".join(row[x] for x in sorted(row)) for _, row in sorted(rows.items()))
    return [line for line in map(without_blanks, drawn) if line]


def without_blanks(line: str) -> str:
    """A line as pictures are compared with it."""
    return "".join(line.split())


def targets(document: str) -> list[tuple[str, str]]:
    """The links of a document to files and headings of this repository, as path and heading."""
    links = re.findall(r"\]\(([^)\s]+)\)", (ROOT / document).read_text())
    return [(path, heading) for path, _, heading in (link.partition("#") for link in links)]


def anchors(path: Path) -> set[str]:
    """What can be linked to in a document, by the usual rule for headings."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _split(block: str) -> Iterator[tuple[int, str]]:
    """The commands of a block, which may span lines, each with the number of its first line."""
    pending: list[str] = []
    for number, line in enumerate(block.splitlines()):
        pending.append(line)
        if _complete(pending):
            if shlex.split("\n".join(pending), comments=True):
                yield number - len(pending) + 1, "\n".join(pending)
            pending = []
    assert not pending, f"this command has no end: {pending}"


def _complete(lines: Sequence[str]) -> bool:
    try:
        shlex.split("\n".join(lines), comments=True)
    except ValueError:  # a quotation that goes on
        return False
    return not lines[-1].endswith("\\")


def _is_command(span: str) -> bool:
    words = [word for word in span.split() if not _ASSIGNMENT.match(word)]
    if not words:
        return False
    program, *arguments = words
    if program.startswith((".venv/bin/", "scripts/")) or program == "lint-imports":
        return True
    return program in PROGRAMS and bool(arguments)
