"""Damage to JSON values, at random but repeatable: what careless people, broken tools and attackers write."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec

ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    4,
    65536,
    2**70,
    10**400,
    0.5,
    1e308,
    "",
    " ",
    "*",
    "eth*",
    "a\nb",
    "a\u2028b\x85c",
    "\x1b[31m",
    "ü" * 300,
    "all()",
    "a ==",
    "!" * 120 + "has(a)",
    "10.0.0.0/8",
    "10.0.0.0/99",
    "::/0",
    "fe80::1%eth0",
    "1:2",
    "http",
    "Allow",
    "tcp",
    [],
    {},
    [[]],
    [None],
    {"": None},
    {"a": {"b": {"c": []}}},
    [1, "x", {}],
)
_MOST_MUTATIONS = 3
_MOST_FLIPS = 3


def mutated_entry(random: Random, value: Any) -> bytes:
    """The JSON of a value after one to three mutations; sometimes some of its bytes are changed, too."""
    for _ in range(random.randint(1, _MOST_MUTATIONS)):
        value = mutated(random, value)
    raw = _encoded(value)
    return flipped(random, raw) if random.random() < 0.1 else raw


def _encoded(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except OverflowError:  # a number that only Python can hold
        return b'{"order": 1' + b"0" * 400 + b"}"


def mutated(random: Random, value: Any) -> Any:
    """The value with one place in it deleted, replaced, duplicated, moved, renamed or of another type."""
    if not isinstance(value, dict | list) or not value or random.random() < 0.05:
        return _other(random, value)
    changed: Any = value.copy()
    place = _place(random, value)
    choice = random.random()
    if choice < 0.08:
        del changed[place]
    elif choice < 0.16:
        _duplicate(random, changed, place)
    elif choice < 0.22:
        changed[place] = changed[random.choice(list(changed))] if isinstance(changed, dict) else changed[0]
    else:
        changed[place] = mutated(random, value[place])
    return changed


def _place(random: Random, value: Any) -> Any:
    """A member's name or index; those that hold much are taken more often, or damage would stay near the top."""
    places = list(value) if isinstance(value, dict) else range(len(value))
    weights = [1 + 2 * len(value[place]) if isinstance(value[place], dict | list) else 1 for place in places]
    return random.choices(places, weights)[0]


def _duplicate(random: Random, changed: Any, place: Any) -> None:
    if isinstance(changed, list):
        changed.extend([changed[place]] * random.choice((1, 1, 60)))
    else:
        changed[_misspelt(random, place)] = changed[place]


def _misspelt(random: Random, name: str) -> str:
    at = random.randrange(len(name) + 1)
    return random.choice((name[:at] + name[at + 1 :], f"!{name}", name + "s", name.upper(), name + "\n"))


def _other(random: Random, value: Any) -> Any:
    """Another value for a place: an odd one, the same as another type, or nearly the same."""
    match random.randrange(4):
        case 0:
            return [value]
        case 1:
            return {"x": value} if not isinstance(value, str) else _misspelt(random, value)
        case _:
            return random.choice(ODD_VALUES)


def flipped(random: Random, raw: bytes) -> bytes:
    """The bytes, with a few of them changed, added or cut off."""
    damaged = bytearray(raw)
    for _ in range(random.randint(1, _MOST_FLIPS)):
        at = random.randrange(len(damaged) + 1)
        match random.randrange(3):
            case 0 if at < len(damaged):
                damaged[at] ^= 1 << random.randrange(8)
            case 1:
                damaged.insert(at, random.randrange(256))
            case _:
                del damaged[at:]
    return bytes(damaged)
