"""Makes a failing case small: drops worlds, objects, rules and fields for as long as it fails.

It knows nothing of policy. Any part of any object may go, since an object that has become invalid is as good as
missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import msgspec

from catflap.prove.proof import Case
from catflap.prove.sample import TCP_SYN, Sample
from catflap.prove.world import World

Fails: TypeAlias = Callable[[Case], bool]
Place: TypeAlias = tuple[str | int, ...]  # the way to a part of an object: fields and positions

_PLAINER: Final[tuple[dict[str, Any], ...]] = (
    {"known": None, "quotes": False},
    {"fault": None},
    {"extension": False},
    {"fragmented": False},
    {"source_mac": None},
    {"hop_limit": 64},
    {"tcp_flags": TCP_SYN},
)


def shrink(case: Case, fails: Fails) -> Case:
    """The smallest case found that still fails. ``fails`` is asked some hundred times."""
    case = _last_world_only(case, fails)
    smaller = _smaller(case, fails)
    while smaller != case:
        case, smaller = smaller, _smaller(smaller, fails)
    return case


def _smaller(case: Case, fails: Fails) -> Case:
    for attempt in (_without_objects, _without_parts, _with_plainer_samples):
        case = attempt(case, fails)
    return case


def _last_world_only(case: Case, fails: Fails) -> Case:
    """Most failures do not depend on what was enforced before."""
    for count in range(1, len(case.worlds)):
        alone = msgspec.structs.replace(case, worlds=case.worlds[-count:])
        if fails(alone):
            return alone
    return case


def _without_objects(case: Case, fails: Fails) -> Case:
    for path in sorted({path for world in case.worlds for path in world.entries}):
        worlds = tuple(_without_path(world, path) for world in case.worlds)
        case = _if_fails(case, msgspec.structs.replace(case, worlds=worlds), fails)
    return case


def _without_path(world: World, path: str) -> World:
    return world.with_entries({name: value for name, value in world.entries.items() if name != path})


def _without_parts(case: Case, fails: Fails) -> Case:
    for index in range(len(case.worlds)):
        for path in case.worlds[index].entries:
            places = list(_places(case.worlds[index].entries[path]))
            for place in reversed(places):  # the last first, so that positions in lists stay what they are
                entries = dict(case.worlds[index].entries)
                if _has(entries[path], place):
                    entries[path] = _without_place(entries[path], place)
                    case = _if_fails(case, _with_entries(case, index, entries), fails)
    return case


def _with_entries(case: Case, index: int, entries: dict[str, Any]) -> Case:
    worlds = list(case.worlds)
    worlds[index] = worlds[index].with_entries(entries)
    return msgspec.structs.replace(case, worlds=tuple(worlds))


def _places(value: Any) -> Iterator[Place]:
    """Every part of an object, each after what it is a part of."""
    if isinstance(value, dict):
        parts: list[tuple[str | int, Any]] = list(value.items())
    elif isinstance(value, list):
        parts = list(enumerate(value))
    else:
        return
    for key, part in parts:
        yield (key,)
        yield from ((key, *rest) for rest in _places(part))


def _has(value: Any, place: Place) -> bool:
    for key in place:
        if isinstance(value, dict):
            if key not in value:
                return False
        elif not isinstance(value, list) or int(key) >= len(value):
            return False
        value = value[key]
    return True


def _without_place(value: Any, place: Place) -> Any:
    """A copy of a value without one of its parts."""
    first, *rest = place
    copy = value.copy()
    if rest:
        copy[first] = _without_place(value[first], tuple(rest))
    else:
        del copy[first]
    return copy


def _with_plainer_samples(case: Case, fails: Fails) -> Case:
    for index, sample in enumerate(case.samples):
        for fields in _PLAINER:
            plainer = msgspec.structs.replace(sample, **fields)
            attempt = _if_fails(case, _with_sample(case, index, plainer), fails)
            if attempt is not case:
                case, sample = attempt, plainer  # noqa: PLW2901  # each step starts from the last that worked
    return case


def _with_sample(case: Case, index: int, sample: Sample) -> Case:
    samples = list(case.samples)
    samples[index] = sample
    return msgspec.structs.replace(case, samples=tuple(samples))


def _if_fails(case: Case, smaller: Case, fails: Fails) -> Case:
    return smaller if smaller != case and fails(smaller) else case
