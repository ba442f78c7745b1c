"""The rules of workloads: what they may send from, what they may send, what may reach them, and what the host hears.

A workload must never be able to send with a foreign source address, nor to get round its policy by an interface that
nobody has declared. Nothing here may know host endpoints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from catflap.model.resources import Action, Direction
from catflap.nft.fixed import ESTABLISHED, INVALID, WORKLOAD_SERVICES_CHAIN, WORKLOAD_SOURCES_CHAIN
from catflap.nft.match import conditions
from catflap.nft.rules import line
from catflap.nft.ruleset import Chain
from catflap.nft.sets import SetTable, SplitSets
from catflap.nft.shared import SharedChains
from catflap.nft.stages import FROM_WORKLOAD
from catflap.policy.host_policy import MatchPeer, MatchRule, WorkloadPolicy

_TO_HOST = "workload-to-host"


class WorkloadRules:
    """Writes the rules of a workload's interface for one stage.

    Args:
        shared: takes up the chains that the rules lead to.
        to_host: what becomes of packets to the host that the workload's own policy allows: Deny or Allow.
        first: the rules that a workload's packets meet before all others.
    """

    def __init__(self, shared: SharedChains, to_host: Action, first: Sequence[str] = ()) -> None:
        self._shared = shared
        self._to_host = to_host
        self._first = first

    def source(self, workload: WorkloadPolicy) -> list[str]:
        """Before anything else looks at the packet: it must come from the workload's own addresses."""
        rules = [*self._first, *self._mac(workload), *self._addresses(workload)]
        rules.append(self._shared.jump(WORKLOAD_SOURCES_CHAIN, "sources that every workload may use"))
        return [*rules, line("drop", about=f"not its own source address: {workload.endpoint}")]

    def egress(self, workload: WorkloadPolicy) -> list[str]:
        """Of what the workload sends, to others or (after `to_host`) to the host."""
        return self._decision(workload, Direction.EGRESS)

    def ingress(self, workload: WorkloadPolicy) -> list[str]:
        """Of what is forwarded to the workload."""
        return self._decision(workload, Direction.INGRESS)

    def to_host(self) -> str:
        """The verdict on what workloads send to the host itself."""
        if self._to_host is Action.ALLOW:
            decision = [
                line(f"{FROM_WORKLOAD.key} vmap @{FROM_WORKLOAD.map}", about="the workload's own policy"),
                line("drop", about="unknown workload"),
            ]
        else:
            decision = [line("drop", about="workloads may not reach the host")]
        services = self._shared.jump(WORKLOAD_SERVICES_CHAIN, "what workloads need of their host")
        rules = [ESTABLISHED, services, INVALID, *decision]
        return self._shared.goto(Chain(_TO_HOST, tuple(rules)))

    def _mac(self, workload: WorkloadPolicy) -> Iterator[str]:
        if workload.mac is not None:
            yield line(f"ether saddr != {workload.mac} drop", about=f"not its own MAC: {workload.endpoint}")

    def _addresses(self, workload: WorkloadPolicy) -> list[str]:
        nets = (*workload.addresses, *workload.spoofable_nets)
        if not nets:
            return []
        sets = SetTable(SplitSets())
        texts = conditions(MatchRule(0, Action.ALLOW, source=MatchPeer(nets=nets)), sets)
        self._shared.needs.add(sets.needs)
        return [line(text, "accept", about=f"its own source address: {workload.endpoint}") for text in texts]

    def _decision(self, workload: WorkloadPolicy, direction: Direction) -> list[str]:
        steps = workload.ingress if direction is Direction.INGRESS else workload.egress
        return [ESTABLISHED, INVALID, *self._shared.decision(steps, direction, workload.endpoint)]
