"""What one path of the store stands for: the joint between finding out by the path and reading the value."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from catflap.model.resources import Resource, ResourceKey


class Target(msgspec.Struct, frozen=True):
    """The resources behind a path.

    ``subject`` names the stored object in messages. ``read`` turns a value into one resource for each of ``keys``, in
    their order; it raises `InvalidObjectError` and nothing else.
    """

    subject: str
    keys: tuple[ResourceKey, ...]
    read: Callable[[bytes], tuple[Resource, ...]]
