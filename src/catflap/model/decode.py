"""The one entrance for stored data: a path and its value, in either encoding, to resources.

`decode` must never raise, whatever path and bytes it is given: one bad key must not stop the agents of a fleet.
"""

from __future__ import annotations

from catflap.model.changes import CHANGE_PATH
from catflap.model.decoded import Decoded, Problem, ResourceChange
from catflap.model.target import Target
from catflap.model.v1_keys import V1_ROOT, v1_target
from catflap.model.v3_documents import V3_ROOT
from catflap.model.v3_keys import v3_target
from catflap.model.validation import InvalidObjectError


def decode(path: str, value: bytes | None) -> Decoded:
    """What it means that ``path`` now has ``value``, or (None) that it was deleted.

    Every resource that the path stands for is changed: to what was read, or to None where it was deleted or is
    invalid, so an invalid update removes what was there before.
    """
    if path == CHANGE_PATH:
        return Decoded()  # says that policy is being written, and is none
    if path.startswith(V1_ROOT):
        target = v1_target(path)
    elif path.startswith(V3_ROOT):
        target = v3_target(path)
    else:
        return Decoded(ignored="not below a root of policy data")
    if isinstance(target, str):
        return Decoded(ignored=target)
    return _gone(target) if value is None else _read(target, path, value)


def _read(target: Target, path: str, value: bytes) -> Decoded:
    try:
        resources = target.read(value)
    except InvalidObjectError as error:
        reasons = tuple(map(_one_line, error.reasons))
        problem = Problem(path, _one_line(target.subject), reasons, value.decode(errors="replace"))
        return Decoded(_gone(target).changes, (problem,))
    return Decoded(tuple(map(ResourceChange, target.keys, resources)))


def _gone(target: Target) -> Decoded:
    return Decoded(tuple(ResourceChange(key, None) for key in target.keys))


def _one_line(text: str) -> str:
    """Names and values end up in log lines; no line break in them may forge another one."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
