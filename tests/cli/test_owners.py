from __future__ import annotations

import pytest

from catflap.cli.owners import MOST_OWNERS, owners
from catflap.cli.world import World

from .worlds import document, endpoint, workload, world

OFFICE = document(
    "GlobalNetworkSet", "office", labels={"net": "office"}, nets=["10.0.0.0/8", "2001:db8::/32"]
)
PARTNER = document("GlobalNetworkSet", "partner", nets=["10.9.0.0/16"])
WEB = endpoint("web1-eth0", "web1", "eth0", "192.0.2.1", labels={"role": "web"}, profiles=["p"])
PROFILE = document("Profile", "p", labelsToApply={"env": "prod"})


def titles(made: World, address: str) -> list[str]:
    return [owner.title for owner in owners(made, made.host("web1"), address)]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", ["host endpoint web1-eth0"]),
        ("10.65.0.2", ["workload endpoint default/web1-k8s-pod-eth0", "network set office"]),
        ("10.9.0.1", ["network set office", "network set partner"]),
        ("2001:db8::7", ["network set office"]),
        ("203.0.113.1", []),
    ],
)
def test_endpoints_and_network_sets_that_have_an_address(address: str, expected: list[str]) -> None:
    assert titles(world(WEB, workload(), OFFICE, PARTNER), address) == expected


def test_labels_are_those_that_selectors_see() -> None:
    made = world(WEB, PROFILE)
    (owner,) = owners(made, made.host("web1"), "192.0.2.1")
    assert owner.labels == {"env": "prod", "role": "web"}


def test_what_is_known_already_is_left_out() -> None:
    made = world(WEB, OFFICE)
    (key,) = made.host("web1").endpoints
    assert owners(made, made.host("web1"), "192.0.2.1", {key}) == []


def test_of_many_the_first_are_named() -> None:
    sets = [
        document("GlobalNetworkSet", f"s{number}", nets=["10.0.0.0/8"]) for number in range(MOST_OWNERS + 2)
    ]
    assert len(titles(world(*sets), "10.0.0.1")) == MOST_OWNERS
