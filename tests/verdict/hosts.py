"""Short ways to write down the policy of a host, and packets to meet it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
import pytest

from catflap.model.resources import TCP, Action, Kind, PortRange, ResourceKey
from catflap.policy.host_policy import (
    DirectionPolicy,
    Failsafe,
    FailsafePort,
    HostPolicy,
    InterfacePolicy,
    IpSet,
    MatchPeer,
    MatchRule,
    PortSet,
    ProfileStep,
    RuleLists,
    TierStep,
    WorkloadPolicy,
)
from catflap.verdict.evaluate import evaluate
from catflap.verdict.packet import Packet, Path
from catflap.verdict.result import Reason

sentence = pytest.mark.sentence

ALLOW, DENY, PASS, LOG, REJECT = (MatchRule(0, action) for action in Action)
SSH = FailsafePort(TCP, PortRange(22, 22))
ETCD = FailsafePort(TCP, PortRange(2379, 2380))


def case(sentence_id: str, *values: object) -> object:
    """A row of a table of tests, about a sentence."""
    return pytest.param(*values, marks=sentence(sentence_id), id=sentence_id)


def rule(action: Action = Action.ALLOW, **fields: object) -> MatchRule:
    return MatchRule(0, action, **fields)  # type: ignore[arg-type]  # tests name the fields that matter


def ports(*numbers: int) -> MatchPeer:
    return MatchPeer(ports=tuple(PortRange(number, number) for number in numbers))


def nets(*texts: str) -> MatchPeer:
    return MatchPeer(nets=texts)


class Tier(NamedTuple):
    """A tier, with the rules of its policies."""

    name: str
    policies: tuple[RuleLists, ...]
    default_action: Action


def policy(name: str, *rules: MatchRule, egress: Iterable[MatchRule] | None = None) -> RuleLists:
    """A policy, with the same rules in both directions unless told otherwise."""
    key = ResourceKey(Kind.POLICY, name, "default")
    return RuleLists(key, f"default/{name}", _numbered(rules), _numbered(rules if egress is None else egress))


def profile(name: str, *rules: MatchRule) -> RuleLists:
    """A profile with the same rules in both directions."""
    key = ResourceKey(Kind.PROFILE_RULES, name)
    return RuleLists(key, f"profile {name}", _numbered(rules), _numbered(rules))


def _numbered(rules: Iterable[MatchRule]) -> tuple[MatchRule, ...]:
    return tuple(msgspec.structs.replace(item, number=number) for number, item in enumerate(rules))


def tier(name: str, *policies: RuleLists, default: Action = Action.DENY) -> Tier:
    return Tier(name, policies, default)


def simple(*rules: MatchRule) -> tuple[Tier, ...]:
    """One tier with one policy."""
    return (tier("default", policy("p", *rules)),)


class Host:
    """A host that is put together piece by piece; everything is the same in both directions."""

    def __init__(self, **fields: object) -> None:
        self._fields = fields
        self._interfaces: list[InterfacePolicy] = []
        self._workloads: list[WorkloadPolicy] = []
        self._policies: dict[ResourceKey, RuleLists] = {}
        self._profiles: dict[ResourceKey, RuleLists] = {}

    def interface(
        self,
        name: str = "eth0",
        *,
        local: Iterable[Tier] = (),
        profiles: Iterable[RuleLists | str] = (),
        forward: Iterable[Tier] = (),
        untracked: Iterable[Tier] = (),
        pre_dnat: Iterable[Tier] = (),
    ) -> Host:
        """Add an interface that a host endpoint polices. A profile given by name does not exist."""
        side = self._side(local, profiles)
        forwarded, before_tracking = tuple(self._steps(forward)), tuple(self._steps(untracked))
        self._interfaces.append(
            InterfacePolicy(
                interface=name,
                endpoint=ResourceKey(Kind.HOST_ENDPOINT, name.replace("*", "any"), "host"),
                ingress=side,
                egress=side,
                forward_ingress=forwarded,
                forward_egress=forwarded,
                untracked_ingress=before_tracking,
                untracked_egress=before_tracking,
                pre_dnat=tuple(self._steps(pre_dnat)),
            )
        )
        return self

    def workload(
        self,
        name: str = "cali1",
        *,
        tiers: Iterable[Tier] = (),
        profiles: Iterable[RuleLists | str] = (),
        **fields: object,
    ) -> Host:
        """Add a workload; its address is 10.0.0.5 unless told otherwise."""
        side = self._side(tiers, profiles)
        key = ResourceKey(Kind.WORKLOAD_ENDPOINT, name, "host/o/w")
        values = {"addresses": ("10.0.0.5", "2001:db8::5"), **fields}
        self._workloads.append(WorkloadPolicy(name, key, side, side, **values))  # type: ignore[arg-type]  # as named
        return self

    def build(self) -> HostPolicy:
        return HostPolicy(
            interfaces=tuple(sorted(self._interfaces, key=lambda item: item.is_pattern)),
            policies=self._policies,
            profiles=self._profiles,
            workloads=tuple(self._workloads),
            **{"workload_prefixes": ("cali",), **self._fields},  # type: ignore[arg-type]  # as named
        )

    def reason(self, packet: Packet) -> Reason:
        return evaluate(self.build(), packet).reason

    def _side(self, tiers: Iterable[Tier], profiles: Iterable[RuleLists | str]) -> DirectionPolicy:
        return DirectionPolicy(tuple(self._steps(tiers)), tuple(self._profile_steps(profiles)))

    def _steps(self, tiers: Iterable[Tier]) -> Iterator[TierStep]:
        for item in tiers:
            keys = tuple(_store(lists, self._policies) for lists in item.policies)
            yield TierStep(item.name, keys, item.default_action)

    def _profile_steps(self, profiles: Iterable[RuleLists | str]) -> Iterator[ProfileStep]:
        for item in profiles:
            if isinstance(item, str):
                yield ProfileStep(item, None)
            else:
                yield ProfileStep(item.key.name, _store(item, self._profiles))


def _store(lists: RuleLists, table: dict[ResourceKey, RuleLists]) -> ResourceKey:
    """File rules under their key; or, where it is taken by others of the same title, under one like it."""
    while table.get(lists.key, lists) != lists:
        key = msgspec.structs.replace(lists.key, name=f"{lists.key.name}'")
        lists = msgspec.structs.replace(lists, key=key)
    table[lists.key] = lists
    return lists.key


def local(*rules: MatchRule, **fields: object) -> Host:
    """A host that polices eth0 with one policy, for its own traffic only."""
    return Host(**fields).interface(local=simple(*rules))


def failsafe() -> Failsafe:
    """Ssh from everywhere, and etcd."""
    return Failsafe(inbound=(SSH,), outbound=(ETCD,))


def ip_sets(**members: Iterable[str]) -> dict[str, IpSet]:
    return {name: IpSet(name, f"role == '{name}'", frozenset(items)) for name, items in members.items()}


def port_set(name: str, **fields: object) -> dict[str, PortSet]:
    return {name: PortSet(name, f"port {name}", **fields)}  # type: ignore[arg-type]  # as named


def packet(**fields: object) -> Packet:
    """A TCP packet from far away to a port of the host."""
    values = {
        "path": Path.IN,
        "interface": "eth0",
        "protocol": TCP,
        "source": "198.51.100.7",
        "destination": "192.0.2.1",
        "source_port": 40000,
        "destination_port": 80,
        **fields,
    }
    return Packet(**values)  # type: ignore[arg-type]  # tests name the fields that matter


def packet6(**fields: object) -> Packet:
    return packet(**{"source": "2001:db8::7", "destination": "2001:db8::1", **fields})


def sent(**fields: object) -> Packet:
    return packet(**{"path": Path.OUT, "source": "192.0.2.1", "destination": "198.51.100.7", **fields})


def forwarded(out_interface: str = "eth1", **fields: object) -> Packet:
    return packet(path=Path.FORWARD, out_interface=out_interface, **fields)


def icmpv6(icmp_type: int, hop_limit: int = 64, **fields: object) -> Packet:
    return packet6(protocol=58, icmp_type=icmp_type, icmp_code=0, hop_limit=hop_limit, **fields)
