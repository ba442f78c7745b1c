"""The real kernel takes what is compiled and planned, and holds just what the fake holds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from catflap.nft.compile import compile_policy
from catflap.nft.enforcer import Enforcer
from catflap.nft.memory import MemoryNft
from catflap.nft.read import existing
from catflap.policy.host_policy import HostPolicy
from tests.nft.host_policies import host_policies
from tests.nft.namespace import Namespace, NamespaceNft

pytestmark = pytest.mark.root
_SHARED = [
    HealthCheck.function_scoped_fixture,
    HealthCheck.too_slow,
]  # one namespace serves all examples of a test


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    namespace = Namespace()
    yield namespace
    namespace.close()


@pytest.fixture
def nft(namespace: Namespace) -> Iterator[NamespaceNft]:
    nft = NamespaceNft(namespace)
    yield nft
    nft.close()


def rules(document: Any) -> dict[str, list[Any]]:
    """The rules of each chain in the kernel's words."""
    found = [item["rule"] for item in document["nftables"] if "rule" in item] if document else []
    return {
        chain: [(rule["expr"], rule.get("comment")) for rule in group]
        for chain, group in itertools.groupby(found, key=lambda rule: str(rule["chain"]))
    }


@settings(max_examples=150, deadline=None, suppress_health_check=_SHARED)
@given(old=host_policies(), new=host_policies())
def test_any_change_ends_as_a_fresh_install(nft: NamespaceNft, old: HostPolicy, new: HostPolicy) -> None:
    enforcer = Enforcer(nft)
    enforcer.enforce(old)
    enforcer.enforce(new)
    changed = nft.list_table()
    enforcer.enforce(HostPolicy())
    enforcer.enforce(new)
    fresh = nft.list_table()
    assert existing(changed) == existing(fresh)
    assert rules(changed) == rules(fresh)
    enforcer.enforce(HostPolicy())
    assert nft.list_table() is None
