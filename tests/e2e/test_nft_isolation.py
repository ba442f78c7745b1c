"""What the real kernel refuses is isolated; what somebody else has changed is found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from msgspec.structs import replace
from tests.nft.host_policies import host_policy, lists, policy_key, rule
from tests.nft.namespace import Namespace, NamespaceNft

from catflap.nft.enforcer import Enforcer
from catflap.nft.read import existing
from catflap.policy.host_policy import DirectionPolicy, HostPolicy, IpSet, MatchPeer, TierStep

_WEB, _ODD = policy_key("web"), policy_key("odd")


class AlteredNft(NamespaceNft):
    """The kernel, for an agent that writes something into the rules of one policy that this place does not allow."""

    altered = True

    def run(self, commands: str) -> None:
        super().run(self._alter(commands))

    def check(self, commands: str) -> None:
        super().check(self._alter(commands))

    def _alter(self, commands: str) -> str:
        odd = 'accept comment "default/odd ingress 0"'
        return (
            commands.replace(odd, f"masquerade {odd.removeprefix('accept ')}") if self.altered else commands
        )


def policy() -> HostPolicy:
    """One policy for each of two interfaces."""
    found = host_policy(
        ("eth0", "eth1"),
        [TierStep("default", (_WEB, _ODD))],
        rules=[lists(_WEB, [rule()]), lists(_ODD, [rule()])],
    )
    sides = [DirectionPolicy((TierStep("default", (key,)),)) for key in (_WEB, _ODD)]
    pairs = zip(found.interfaces, sides, strict=True)
    return replace(found, interfaces=tuple(replace(item, ingress=side, egress=side) for item, side in pairs))


@pytest.fixture
def altered(namespace: Namespace) -> Iterator[AlteredNft]:
    nft = AlteredNft(namespace)
    yield nft
    nft.close()


def rules_of(document: Mapping[str, Any] | None, chain: str) -> list[Any]:
    assert document is not None
    return [item["rule"] for item in document["nftables"] if item.get("rule", {}).get("chain") == chain]


def test_a_rule_that_the_kernel_refuses_closes_one_interface(altered: AlteredNft) -> None:
    enforcer = Enforcer(altered)
    enforced = enforcer.enforce(policy())
    (refused,) = enforced.refused
    assert (refused.object, refused.interfaces, refused.kept) == (
        "chain policy-in-default/odd",
        ("eth1",),
        False,
    )
    assert "Operation not supported" in refused.reason
    document = altered.list_table()
    assert rules_of(document, "policy-in-default/web")
    assert not rules_of(document, "policy-in-default/odd")
    *_, last = rules_of(document, "in-eth1")
    assert last["expr"] == [{"drop": None}]
    altered.altered = False
    enforcer.reconsider()
    assert not enforcer.enforce(policy()).refused
    assert rules_of(altered.list_table(), "policy-in-default/odd")


def test_an_element_that_is_in_the_way_is_seen_when_the_kernel_is_read_again(
    namespace: Namespace, nft: NamespaceNft
) -> None:
    """Somebody else has put a network into our set that overlaps with what comes next."""
    sets = [IpSet("s", "", frozenset({"10.0.0.0/24"}))]
    rules = [lists(_WEB, [rule(source=MatchPeer(ip_sets=("s",)))])]
    first = host_policy(tiers=[TierStep("default", (_WEB,))], rules=rules, ip_sets=sets)
    enforcer = Enforcer(nft)
    enforcer.enforce(first)
    namespace.nft("add element inet catflap networks4-s { 10.8.0.0/16 }")
    second = replace(first, ip_sets={"s": IpSet("s", "", frozenset({"10.0.0.0/24", "10.8.8.0/24"}))})
    assert not enforcer.enforce(second).refused
    found = existing(nft.list_table()).sets
    assert [item.elements for item in found.values() if item.flags] == [{"10.0.0.0/24", "10.8.8.0/24"}]
