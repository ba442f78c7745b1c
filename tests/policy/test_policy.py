"""The promises of the package: neither the order of changes matters, nor the encoding that objects are written in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from catflap.model import decode
from catflap.model.decoded import ResourceChange
from catflap.model.resources import Resource, ResourceKey
from catflap.policy import HostPolicy, PolicyEngine, Settings

from .encodings import PLAIN_ENDPOINTS, PLAIN_POLICIES, v1_world, v3_world
from .worlds import ADDRESSES, DENSE, SETTINGS, STORED, Stored


class AnySequence(RuleBasedStateMachine):
    """An engine that lives through changes of all kinds, against a new one that is given the final data only."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = PolicyEngine(Settings("web1"))
        self.addresses: Mapping[str, frozenset[str]] = {}
        self.data: dict[ResourceKey, Resource] = {}

    @initialize(changes=st.lists(STORED, max_size=8))
    def first_load(self, changes: list[Stored]) -> None:
        self.several_at_once([(stored, False) for stored in (*DENSE, *changes)])

    @rule(stored=STORED, delete=st.booleans())
    def one_change(self, stored: Stored, delete: bool) -> None:
        self.several_at_once([(stored, delete)])

    @rule(changes=st.lists(st.tuples(STORED, st.booleans()), max_size=6))
    def several_at_once(self, changes: list[tuple[Stored, bool]]) -> None:
        self.engine.apply(
            ResourceChange(key, None if delete else resource) for (key, resource), delete in changes
        )
        for (key, resource), delete in changes:
            if delete:
                self.data.pop(key, None)
            else:
                self.data[key] = resource

    @rule(random=st.randoms(use_true_random=False))
    def everything_again_in_another_order(self, random: object) -> None:
        keys = list(self.data)
        random.shuffle(keys)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
        self.engine.apply(ResourceChange(key, self.data[key]) for key in keys)

    @rule(chosen=SETTINGS)
    def other_settings(self, chosen: Settings) -> None:
        self.engine.settings = chosen

    @rule(addresses=ADDRESSES)
    def other_interfaces(self, addresses: Mapping[str, frozenset[str]]) -> None:
        self.addresses = addresses
        self.engine.set_interfaces(addresses)

    @rule(name=st.sampled_from(["eth0", "eth7", "lo", "cali1"]))
    def ask(self, name: str) -> None:
        assert self.engine.interface_candidates(name) == self.fresh().interface_candidates(name)

    def fresh(self) -> PolicyEngine:
        engine = PolicyEngine(self.engine.settings)
        engine.set_interfaces(self.addresses)
        engine.apply(ResourceChange(key, resource) for key, resource in reversed(self.data.items()))
        return engine

    @invariant()
    def is_where_a_fresh_start_would_be(self) -> None:
        fresh = self.fresh()
        assert self.engine.host_policy() == fresh.host_policy()
        assert self.engine.notices == fresh.notices

    def teardown(self) -> None:
        policy = self.engine.host_policy()
        assert_closed(policy)
        for ip_set in policy.ip_sets.values():
            for member in ip_set.members:
                assert self.engine.owners(ip_set.id, member.split("/")[0])
        for port_set in policy.port_sets.values():
            for socket in port_set.members:
                assert self.engine.owners(port_set.id, socket.address)


def assert_closed(policy: HostPolicy) -> None:
    """Everything that a host policy refers to is in it, and nothing else; see `HostPolicy`."""
    text = json.loads(msgspec.json.encode(policy.interfaces + policy.workloads))
    steps = [step for steps in _find(text, "policies") for step in steps]
    assert {_key(step) for step in steps} == policy.policies.keys()
    assert {_key(key) for key in _find(text, "key") if key} == policy.profiles.keys()
    lists = json.loads(msgspec.json.encode([*policy.policies.values(), *policy.profiles.values()]))
    for fields, sets in (
        (("ip_sets", "not_ip_sets"), policy.ip_sets),
        (("port_sets", "not_port_sets"), policy.port_sets),
    ):
        assert {item for field in fields for ids in _find(lists, field) for item in ids} == sets.keys()


def _key(found: Mapping[str, str]) -> ResourceKey:
    return msgspec.convert(found, ResourceKey)


def _find(value: Any, field: str) -> Iterable[Any]:
    """All values of a field, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == field:
                yield inner
            yield from _find(inner, field)
    elif isinstance(value, list):
        for inner in value:
            yield from _find(inner, field)


AnySequence.TestCase.settings = settings(max_examples=80, stateful_step_count=20, deadline=None)
TestAnySequence = AnySequence.TestCase


def loaded(world: Mapping[str, object]) -> tuple[HostPolicy, tuple[str, ...]]:
    engine = PolicyEngine(Settings("web1"))
    engine.set_interfaces({"eth0": frozenset(), "eth1": frozenset()})
    for path, value in world.items():
        decoded = decode(path, json.dumps(value).encode())
        assert not decoded.problems
        engine.apply(decoded.changes)
    policy = engine.host_policy()
    assert_closed(policy)
    # A host endpoint is called by its key, which holds the host in one encoding only.
    notices = (notice.replace("host endpoint web1/", "host endpoint ") for notice in engine.notices)
    return without_encoding(policy), tuple(notices)


def without_encoding(policy: HostPolicy) -> HostPolicy:
    """The same with keys that tell neither the encoding nor what else the keys of one encoding hold."""
    plain: HostPolicy = _renamed(policy)
    return plain


def _renamed(value: Any) -> Any:
    if isinstance(value, ResourceKey):
        return ResourceKey(value.kind, value.name)
    if isinstance(value, msgspec.Struct):
        return type(value)(*map(_renamed, msgspec.structs.astuple(value)))
    if isinstance(value, tuple):
        return tuple(map(_renamed, value))
    if isinstance(value, dict):
        return {_renamed(key): _renamed(inner) for key, inner in value.items()}
    return value


@given(endpoints=PLAIN_ENDPOINTS, policies=PLAIN_POLICIES)
def test_one_world_in_both_encodings_is_enforced_alike(
    endpoints: dict[str, dict[str, Any]], policies: dict[str, dict[str, Any]]
) -> None:
    assert loaded(v1_world(endpoints, policies)) == loaded(v3_world(endpoints, policies))
