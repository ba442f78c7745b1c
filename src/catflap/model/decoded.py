"""What decoding one stored entry gives: changes of resources, or the reasons why there are none."""

from __future__ import annotations

import msgspec

from catflap.model.resources import Resource, ResourceKey

MAX_RAW = 2000  # characters of raw input quoted in a message


class Problem(msgspec.Struct, frozen=True):
    """Every reason why one stored object is invalid.

    ``subject`` names it as the log does (``host endpoint HostEndpointId<eth0>``); ``path`` is its key, or the file it
    stands in; ``raw`` is what was read; ``consequence`` says what becomes of the object.
    """

    path: str
    subject: str
    reasons: tuple[str, ...]
    raw: str = ""
    consequence: str = "treating as missing"

    @property
    def message(self) -> str:
        """The log line: one line, with every reason and what was read."""
        raw = self.raw if len(self.raw) <= MAX_RAW else f"{self.raw[:MAX_RAW]}… ({len(self.raw)} characters)"
        quoted = f"; {raw!r}" if raw else ""
        return f"Validation failed for {self.subject}, {self.consequence}: {' '.join(self.reasons)}{quoted}"


class ResourceChange(msgspec.Struct, frozen=True):
    """A resource was set, or (None) is gone or invalid, which is the same."""

    key: ResourceKey
    resource: Resource | None


class Decoded(msgspec.Struct, frozen=True):
    """The meaning of one entry. ``ignored`` says why an entry that is not ours changes nothing."""

    changes: tuple[ResourceChange, ...] = ()
    problems: tuple[Problem, ...] = ()
    ignored: str | None = None
