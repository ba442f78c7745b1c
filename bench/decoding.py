"""How many stored objects a second become resources, and how many selectors are parsed.

Run by ``python -m bench``. Every object and every selector is another one, so that hardly any cache helps.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from bench import fleet
from catflap.model.decode import decode
from catflap.model.selector import parse_selector

OBJECTS = 20_000
POLICIES = 5_000
ROUNDS = 3  # the fastest counts: whatever else the machine does only takes time


def measure() -> list[tuple[str, str, str]]:
    """Run all measurements; returns rows of what, measured and target."""
    endpoints = {
        encoding: [fleet.endpoint(encoding, number) for number in range(OBJECTS)]
        for encoding in fleet.ENCODINGS
    }
    policies = {
        encoding: [fleet.policy(encoding, number, 0) for number in range(POLICIES)]
        for encoding in fleet.ENCODINGS
    }
    selectors = [
        (f'role == "{number}" && env in {{"prod", "dev"}} || has(zone)',) for number in range(OBJECTS)
    ]
    return [
        ("v1 host endpoints", _rate(decode, endpoints["v1"]), ""),
        ("v3 host endpoints", _rate(decode, endpoints["v3"]), ""),
        ("v1 policies of two rules", _rate(decode, policies["v1"]), ""),
        ("v3 policies of two rules", _rate(decode, policies["v3"]), ""),
        (
            "selectors, parsed and written",
            _rate(lambda text: str(parse_selector(text)), selectors),
            "> 20,000/s",
        ),
    ]


def _rate(work: Callable[..., object], calls: Iterable[tuple[Any, ...]]) -> str:
    """Calls a second."""
    return f"{max(_once(work, list(calls)) for _ in range(ROUNDS)):,.0f}/s"


def _once(work: Callable[..., object], calls: list[tuple[Any, ...]]) -> float:
    started = time.perf_counter()
    for arguments in calls:
        work(*arguments)
    return len(calls) / (time.perf_counter() - started)


if __name__ == "__main__":
    print(json.dumps(measure()))
