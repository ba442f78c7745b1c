"""The file of the last rule set that was in force: nft text that people can read, below lines that vouch for it.

The lines are comments to nft, so that an operator may load the file with ``nft -f``, too. A file that was cut off,
changed or written in a format of another version is never taken for a rule set. The text itself is not looked into.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

import msgspec

from catflap.agent.state_directory import UntrustedFileError, read_trusted, write_durably

FILE_NAME: Final = "rule-set.nft"
FORMAT: Final = 1  # another number for whatever this version could not read

_TITLE = re.compile(rb"# Catflap rule set, format (\d{1,9})(?: .*)?")
_DIGEST = re.compile(rb"# SHA-256 of what follows: ([0-9a-f]{64})")
_ABOUT = "(the last one in force; `catflap boot` loads it, and so does `nft -f` where there is no table of Catflap)"


class SavedRuleSetError(Exception):
    """There is a file, but it cannot be used. The text names it and says why."""


class Origin(msgspec.Struct, frozen=True):
    """Where a rule set comes from.

    Attributes:
        version: of the Catflap that wrote it.
        hostname: whose policy it is.
        workload_prefixes: of the interfaces that it blocks unless it knows them.
        revision: of the store, whose policy it is.
        saved: when it was written, as UTC.
    """

    version: str
    hostname: str
    workload_prefixes: tuple[str, ...]
    revision: int
    saved: str


class SavedRuleSet(msgspec.Struct, frozen=True):
    """A rule set as nft text, and where it comes from. Empty text: nothing is policed, and there is no table."""

    origin: Origin
    text: str

    def encode(self) -> bytes:
        """The content of the file."""
        body = b"# " + msgspec.json.encode(self.origin) + b"\n" + self.text.encode()
        title = f"# Catflap rule set, format {FORMAT} {_ABOUT}\n"
        return title.encode() + b"# SHA-256 of what follows: %s\n" % _digest(body) + body

    def says_the_same(self, other: SavedRuleSet) -> bool:
        """Whether the two differ in nothing but the store's revision and the time."""
        here, there = self.origin, other.origin
        same_origin = msgspec.structs.replace(here, revision=there.revision, saved=there.saved) == there
        return same_origin and self.text == other.text


def decode(content: bytes) -> SavedRuleSet:
    """The rule set in a file's content.

    Raises:
        SavedRuleSetError: the content is none that `SavedRuleSet.encode` gave.
    """
    first, _, rest = content.partition(b"\n")
    title = _TITLE.fullmatch(first)
    if title is None:
        raise SavedRuleSetError("it does not begin as a rule set of Catflap does")
    if (number := int(title[1])) != FORMAT:
        raise SavedRuleSetError(
            f"it has format {number}, and this version knows format {FORMAT}: another version wrote it"
        )
    second, _, body = rest.partition(b"\n")
    digest = _DIGEST.fullmatch(second)
    if digest is None or digest[1] != _digest(body):
        raise SavedRuleSetError("its content is not what its checksum says: it was cut off or changed")
    line, _, text = body.partition(b"\n")
    try:
        return SavedRuleSet(msgspec.json.decode(line.removeprefix(b"# "), type=Origin), text.decode())
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SavedRuleSetError(f"it was written wrongly: {error}") from error


def read(path: Path) -> SavedRuleSet | None:
    """The rule set in a file; None if there is no such file.

    Raises:
        SavedRuleSetError: it cannot be read, or not be trusted, or is damaged.
    """
    try:
        content = read_trusted(path)
        return None if content is None else decode(content)
    except UntrustedFileError as error:
        raise SavedRuleSetError(f"{path} is not trusted: {error}") from error
    except OSError as error:
        raise SavedRuleSetError(f"{path} cannot be read: {error.strerror or error}") from error
    except SavedRuleSetError as error:
        raise SavedRuleSetError(f"{path} is damaged or not ours: {error}") from error


def write(path: Path, saved: SavedRuleSet) -> bool:
    """Keep a rule set in a file, unless it says the same already. Blocks until it is on disk.

    Returns:
        Whether the file had to be written.

    Raises:
        UntrustedFileError: others may write the directory.
        OSError: it cannot be written; the file is as it was.
    """
    try:
        before = read(path)
    except SavedRuleSetError:
        before = None  # to be replaced
    if before is not None and before.says_the_same(saved):
        return False
    write_durably(path, saved.encode())
    return True


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
