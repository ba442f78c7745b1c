"""Names, comments and log prefixes that are safe in nft text, whatever the names of policies look like.

nft text knows no escapes, so everything outside of a safe alphabet is replaced; where that or a limit of length
loses something, a hash of the original keeps different originals apart. Callers put a fixed word before each name, so
that none is a keyword of nft or begins with a digit. All text from outside that goes into a
rule set must pass through here or through `ipaddress`.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping

import msgspec

from catflap.model.resources import ResourceKey

_MAX_READABLE = 100  # characters of a title within a name; nft allows 255 in all
_MAX_COMMENT = 128
_MAX_LOG_PREFIX = 127
_DEFAULT_LOG_PREFIX = "calico-packet"  # what log analysers of the old system look for

_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9_./-]")
_HASHED = re.compile(r".*-[0-9a-f]{16}")
_NOT_COMMENT = re.compile(r"[^ -~]|\\")
_NOT_LOG_PREFIX = re.compile(r"[^A-Za-z0-9_:-]")

# Printable ASCII but for the quote, the asterisk (a wildcard) and the backslash (which would escape one); the slash
# and the colon are no part of any interface name. 15 is the kernel's IFNAMSIZ without its final NUL.
_INTERFACE = re.compile(r"[!#-)+-.0-9;-\[\]-~]+")
_MAX_INTERFACE = 15
_MAX_PREFIX = 14  # nft takes 15 characters with the asterisk


class UnsupportedInterface(msgspec.Struct, frozen=True):
    """An interface that cannot be policed, and why."""

    name: str
    reason: str


def digest(text: str) -> str:
    """16 hexadecimal digits that stand for ``text``."""
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def plain_name(title: str) -> str:
    """``title`` itself where nft and people can read it, else as `hashed_name`. Different titles stay different."""
    plain = _PLAIN.fullmatch(title) and not _HASHED.fullmatch(title) and len(title) <= _MAX_READABLE
    return title if plain else hashed_name(title, title)


def hashed_name(title: str, identity: str) -> str:
    """A name that reads like ``title`` as far as possible and belongs to ``identity`` alone."""
    return f"{_NOT_PLAIN.sub('_', title)[:_MAX_READABLE]}-{digest(identity)}"


def unique_names(titles: Mapping[ResourceKey, str]) -> dict[ResourceKey, str]:
    """A name for each policy or profile: its title, with a hash of its key where several share the title."""
    count = Counter(titles.values())
    return {
        key: plain_name(title) if count[title] == 1 else hashed_name(title, repr(key))
        for key, title in titles.items()
    }


def comment(text: str) -> str:
    """``text`` as the content of an nft comment: at most 128 printable characters without a double quote."""
    single = text.replace('"', "'")
    clean = _NOT_COMMENT.sub("_", single)
    if clean == single and len(clean) <= _MAX_COMMENT:
        return clean
    end = f"#{digest(text)}"
    return clean[: _MAX_COMMENT - len(end)] + end


def log_prefix(text: str | None) -> str:
    """What stands before a logged packet: ``text`` or the usual word, then a colon and a space."""
    clean = _NOT_LOG_PREFIX.sub("_", text or _DEFAULT_LOG_PREFIX)
    return f"{clean[: _MAX_LOG_PREFIX - 2]}: "


def interface_chain(word: str, interface: str) -> str:
    """The name of a chain for one interface, or for those of a pattern: ``in-eth0``, ``in-eth/any``, ``in/any``.

    No interface has a slash in its name.
    """
    if not interface.endswith("*"):
        return f"{word}-{plain_name(interface)}"
    prefix = interface.removesuffix("*")
    return f"{word}-{plain_name(prefix)}/any" if prefix else f"{word}/any"


def unsupported(interface: str) -> UnsupportedInterface | None:
    """Why a name or pattern cannot be written in nft text so that it means just what it says; None where it can."""
    if interface == "*":
        return None
    name = interface.removesuffix("*")
    is_pattern = name != interface
    limit = _MAX_PREFIX if is_pattern else _MAX_INTERFACE
    if len(name) > limit:
        return UnsupportedInterface(
            interface, f"its {'prefix' if is_pattern else 'name'} is longer than {limit} characters"
        )
    if not _INTERFACE.fullmatch(name):
        return UnsupportedInterface(
            interface, "its name is empty or has characters that nftables cannot match literally: rename it"
        )
    return None
