from __future__ import annotations

import pytest

from catflap.doctor.order import Order, order, sort_key
from catflap.doctor.tables import Hooked

OURS = [Hooked("prerouting", -300), Hooked("input", -5)]


@pytest.mark.parametrize(
    ("chain", "family", "expected"),
    [
        (Hooked("input", 0), "ip", Order.AFTER),
        (Hooked("input", -10), "inet", Order.BETWEEN),
        (Hooked("prerouting", -150), "inet", Order.BETWEEN),
        (Hooked("prerouting", -400), "inet", Order.BEFORE),
        (Hooked("prerouting", -300), "ip", Order.BETWEEN),
        (Hooked("ingress", 0), "netdev", Order.BEFORE),
        (Hooked("forward", 0), "ip", Order.AFTER),
        (Hooked("output", 0), "ip", Order.ALONE),
        (Hooked("postrouting", 0), "ip", Order.AFTER),
        (Hooked("input", 0), "bridge", Order.BEFORE),
        (Hooked("output", 0), "bridge", Order.AFTER),
    ],
)
def test_where_a_chain_stands(chain: Hooked, family: str, expected: Order) -> None:
    assert order(chain, family, OURS) is expected


def test_chains_are_sorted_as_packets_meet_them() -> None:
    chains = [
        Hooked(hook, number) for hook in ("output", "input", "strange", "ingress") for number in (5, -5)
    ]
    assert [each.hook for each in sorted(chains, key=sort_key)][::2] == [
        "ingress",
        "input",
        "output",
        "strange",
    ]
    assert sort_key(Hooked("input", -5)) < sort_key(Hooked("input", 5))
