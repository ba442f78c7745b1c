"""A large fleet, from the bytes of the store to the policy of one host, and what a change costs then.

Run by ``python -m bench`` in a process of its own for each encoding, so that memory can be told apart. Only the pure
part is measured: there is neither a store nor a kernel. Times are those of the processor, so that whatever else the
machine does hardly counts.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time

from bench import fleet
from bench.facts import resident_mebibytes
from catflap.model.decode import decode
from catflap.policy import PolicyEngine, Settings

ENDPOINTS = 100_000
POLICIES = 2_000
APPLYING = 200  # policies that apply to the host, with as many distinct selectors as rules
BATCH = 1_000
CHANGES = 500
UPDATES = 20_000
UPDATES_PER_POLICY = 100  # after so many the host policy is asked for


def measure(encoding: fleet.Encoding) -> list[tuple[str, str, str]]:
    """Run all measurements; returns rows of what, measured and target."""
    entries = list(fleet.entries(encoding, ENDPOINTS, POLICIES, APPLYING))
    before = resident_mebibytes(os.getpid())
    engine, decoding, resolving = _load(entries)
    growth = resident_mebibytes(os.getpid()) - before
    roles = [_delay(engine, encoding, number, _other_role(number)) for number in range(1, CHANGES)]
    environments = [
        _delay(engine, encoding, number, _other_environment(number)) for number in range(CHANGES, 2 * CHANGES)
    ]
    return [
        ("bytes → host policy", f"{decoding + resolving:.2f} s", "< 3 s"),
        ("of it decoding", f"{decoding:.2f} s", ""),
        ("growth of resident memory", f"{growth:.0f} MiB", "< 300 MB"),
        ("label change → sets of 1,000 addresses, median", f"{statistics.median(roles):.2f} ms", "< 1 ms"),
        ("label change → sets of 75,000 addresses, median", f"{statistics.median(environments):.2f} ms", ""),
        ("endpoint updates", f"{_updates(engine, encoding):,.0f}/s", "> 5,000/s"),
    ]


def _load(entries: list[fleet.Entry]) -> tuple[PolicyEngine, float, float]:
    """The engine that has read everything, and the seconds of decoding and of the rest."""
    engine = PolicyEngine(Settings(fleet.HOST))
    engine.set_interfaces({"eth0": {fleet.address(0)}})
    decoding = 0.0
    started = time.process_time()
    for first in range(0, len(entries), BATCH):
        before = time.process_time()
        decoded = [decode(path, value) for path, value in entries[first : first + BATCH]]
        decoding += time.process_time() - before
        for meaning in decoded:
            engine.apply(meaning.changes)
    policy = engine.host_policy()
    total = time.process_time() - started
    if len(policy.ip_sets) != APPLYING * fleet.RULES or len(policy.policies) != APPLYING:
        raise RuntimeError(f"{len(policy.policies)} policies with {len(policy.ip_sets)} sets came out")
    return engine, decoding, total - decoding


def _other_role(number: int) -> dict[str, str]:
    return {"role": fleet.labels(number + 1)["role"]}


def _other_environment(number: int) -> dict[str, str]:
    """Into the set of ``env != "dev"``, or out of it."""
    return {"env": "lab" if fleet.labels(number)["env"] == "dev" else "dev"}


def _delay(engine: PolicyEngine, encoding: fleet.Encoding, number: int, changed: dict[str, str]) -> float:
    """Milliseconds from the bytes of an endpoint with another label to the sets that have changed."""
    path, value = fleet.endpoint(encoding, number, changed)
    before = engine.host_policy().ip_sets
    started = time.process_time()
    engine.apply(decode(path, value).changes)
    after = engine.host_policy().ip_sets
    delta = [(ip_set, before[name]) for name, ip_set in after.items() if ip_set is not before[name]]
    delay = time.process_time() - started
    if all(new.members == old.members for new, old in delta):
        raise RuntimeError(f"nothing changed with endpoint {number}")
    return delay * 1000


def _updates(engine: PolicyEngine, encoding: fleet.Encoding) -> float:
    """Endpoints a second whose labels change, from their bytes to a host policy for every hundred of them."""
    entries = [fleet.endpoint(encoding, number, _other_role(number + 1)) for number in range(UPDATES)]
    started = time.process_time()
    for number, (path, value) in enumerate(entries, start=1):
        engine.apply(decode(path, value).changes)
        if number % UPDATES_PER_POLICY == 0:
            engine.host_policy()
    return UPDATES / (time.process_time() - started)


if __name__ == "__main__":
    print(json.dumps(measure("v1" if sys.argv[2] == "v1" else "v3")))
