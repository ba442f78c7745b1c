"""A large fleet, from the bytes of the store to the policy of one host, and what a change costs then.

Run by ``python -m bench`` in a process of its own for each encoding (its argument), so that memory can be told apart.
Only the pure part is measured: neither a store nor a kernel.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

from bench import fleet
from catflap.model.decode import decode
from catflap.policy import PolicyEngine, Settings

ENDPOINTS = 100_000
POLICIES = 2_000
APPLYING = 200  # policies that apply to the host: 400 distinct selectors
CHANGES = 500
UPDATES = 20_000


def measure(encoding: fleet.Encoding) -> list[tuple[str, str, str]]:
    """Run all measurements; returns rows of what, measured and target."""
    entries = list(fleet.entries(encoding, ENDPOINTS, POLICIES, APPLYING))
    engine = PolicyEngine(Settings(fleet.HOST))
    engine.set_interfaces({"eth0": {fleet.address(0)}})
    before = _resident_mebibytes()
    decoding, resolving = _load(engine, entries)
    growth = _resident_mebibytes() - before
    some, others = range(1, CHANGES), range(CHANGES, 2 * CHANGES)
    small, large = "about 1,000 addresses", "up to 90,000"
    roles = [_delay(engine, encoding, number, {"role": f"role{(number + 1) % 100}"}) for number in some]
    environments = [
        _delay(engine, encoding, number, {"env": "dev" if fleet.labels(number)["env"] != "dev" else "lab"})
        for number in others
    ]
    return [
        (f"{encoding}: bytes → host policy", f"{decoding + resolving:.2f} s", "< 3 s"),
        (f"{encoding}: of it decoding", f"{decoding:.2f} s", ""),
        (f"{encoding}: growth of resident memory", f"{growth:.0f} MiB", "< 300 MB"),
        (f"{encoding}: label change → sets of {small}", f"{statistics.median(roles):.2f} ms", "< 1 ms"),
        (f"{encoding}: label change → sets of {large}", f"{statistics.median(environments):.2f} ms", ""),
        (f"{encoding}: endpoint updates", f"{_updates(engine, encoding):,.0f}/s", "> 5,000/s"),
    ]


def _load(engine: PolicyEngine, entries: list[fleet.Entry]) -> tuple[float, float]:
    """Seconds of decoding, and of everything after it."""
    decoding = 0.0
    started = time.perf_counter()
    for path, value in entries:
        before = time.perf_counter()
        decoded = decode(path, value)
        decoding += time.perf_counter() - before
        engine.apply(decoded.changes)
    policy = engine.host_policy()
    total = time.perf_counter() - started
    if len(policy.ip_sets) != APPLYING * fleet.RULES or len(policy.policies) != APPLYING:
        raise RuntimeError(f"{len(policy.policies)} policies with {len(policy.ip_sets)} sets came out")
    return decoding, total - decoding


def _delay(engine: PolicyEngine, encoding: fleet.Encoding, number: int, changed: dict[str, str]) -> float:
    """Milliseconds from the bytes of an endpoint with another label to the changed sets."""
    path, value = fleet.endpoint(encoding, number, changed)
    before = engine.host_policy().ip_sets
    started = time.perf_counter()
    engine.apply(decode(path, value).changes)
    after = engine.host_policy().ip_sets
    delay = (time.perf_counter() - started) * 1000
    if before == after:
        raise RuntimeError(f"nothing changed with endpoint {number}")
    return delay


def _updates(engine: PolicyEngine, encoding: fleet.Encoding) -> float:
    """Updates a second that are decoded and applied, with a host policy for every hundred of them."""
    entries = [fleet.endpoint(encoding, number, {"env": f"new{number % 3}"}) for number in range(UPDATES)]
    started = time.perf_counter()
    for number, (path, value) in enumerate(entries):
        engine.apply(decode(path, value).changes)
        if number % 100 == 0:
            engine.host_policy()
    return UPDATES / (time.perf_counter() - started)


def _resident_mebibytes() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 2**20


if __name__ == "__main__":
    print(json.dumps(measure("v1" if sys.argv[1] == "v1" else "v3")))
