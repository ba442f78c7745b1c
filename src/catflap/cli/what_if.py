"""What would have to be different for a packet to meet another verdict: the usual mistakes, found by trying.

A policy whose selector fails by a slip, or that does not govern the packet's direction, and a rule that stands behind
one that decides before it leave no trace in a walk through what is enforced. So the walk is repeated with the policy
applying, or with the deciding rule gone.
Nothing here changes the host that is asked about.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from catflap.cli.hosts import Host
from catflap.model import Kind, Policy, ResourceChange, ResourceKey, parse_selector
from catflap.model.resources import Action, Direction, PolicyKind
from catflap.model.selector_explain import explain_mismatch
from catflap.policy import HostPolicy
from catflap.policy.host_policy import DirectionPolicy, MatchRule, RuleLists, TierStep
from catflap.verdict.evaluate import evaluate
from catflap.verdict.packet import Packet, Path
from catflap.verdict.result import Reason, Verdict

MOST_TRIED: Final = 1000  # policies that are not asked
MOST_RULES: Final = 100  # one behind the other

_EVERYTHING = parse_selector("all()")
_BY_RULE = frozenset(
    {Reason.POLICY_ALLOW, Reason.POLICY_DENY, Reason.PROFILE_ALLOW, Reason.PROFILE_DENY},
)
_TIERS_OF_SIDES = ("ingress", "egress")
_PLAIN_TIERS = ("forward_ingress", "forward_egress", "untracked_ingress", "untracked_egress", "pre_dnat")

ChangeTier = Callable[[TierStep], TierStep | None]


class Unasked(msgspec.Struct, frozen=True):
    """A policy that would decide otherwise if it were asked. ``mismatch`` says why it is not."""

    key: ResourceKey
    verdict: Verdict
    mismatch: str


def unasked(
    host: Host,
    policies: Mapping[ResourceKey, Policy],
    endpoint: ResourceKey,
    packet: Packet,
    verdict: Verdict,
) -> list[Unasked]:
    """The policies that would have decided otherwise had they been asked, the likeliest slips first.

    One thing at most may keep a policy away: its selector, its ``types``, or a missing ``applyOnForward``.

    Args:
        host: where the packet is.
        policies: those that could have selected the endpoint; of very many only `MOST_TRIED` are tried.
        endpoint: one that polices the packet.
        packet: the packet.
        verdict: what becomes of it.
    """
    labels = host.engine.effective_labels(endpoint)
    forwarded = packet.path is Path.FORWARD and endpoint.kind is Kind.HOST_ENDPOINT
    obstacles = {
        key: reasons[0]
        for key, item in policies.items()
        if len(reasons := _obstacles(item, labels, forwarded=forwarded)) == 1
    }
    tried = {key: policies[key] for key in list(obstacles)[:MOST_TRIED]}
    everything = _with_all_asked(host, tried, labels)
    found: list[Unasked] = []
    for key in tried:
        alone = evaluate(_with_policies(everything, everything.policies.keys() - {key}), packet)
        if alone.key != key or alone.outcome is verdict.outcome:
            continue  # cheap to see, and true of most
        answer = evaluate(_with_policies(everything, tried.keys() - {key}), packet)
        if answer.key == key and answer.outcome is not verdict.outcome:
            found.append(Unasked(key, answer, obstacles[key]))
    return sorted(found, key=lambda item: -_likeness(item.mismatch, labels))


def _obstacles(policy: Policy, labels: Mapping[str, str], *, forwarded: bool) -> list[str]:
    """What keeps a policy from being asked about packets of an endpoint, or those that its host forwards."""
    found: list[str] = []
    if not policy.selector.matches(labels):
        found.append(explain_mismatch(policy.selector, labels))
    found.extend(
        f"{_types_text(policy)}, so its {direction.lower()} rules are not asked"
        for direction in _ungoverned(policy)
    )
    if forwarded and policy.kind is PolicyKind.NORMAL and not policy.apply_on_forward:
        found.append("without applyOnForward it does not govern forwarded packets")
    return found


def _ungoverned(policy: Policy) -> list[Direction]:
    """The directions that a policy has rules for and does not govern."""
    rules = {Direction.INGRESS: policy.ingress, Direction.EGRESS: policy.egress}
    return [direction for direction in Direction if rules[direction] and direction not in policy.types]


def _types_text(policy: Policy) -> str:
    return f"types is [{', '.join(sorted(policy.types, reverse=True))}]"


def _with_all_asked(
    host: Host, policies: Mapping[ResourceKey, Policy], labels: Mapping[str, str]
) -> HostPolicy:
    """What the host would enforce if these policies were asked about an endpoint with these labels."""
    engine = host.another_engine()
    engine.apply(ResourceChange(key, _asked(policy, labels)) for key, policy in policies.items())
    return engine.host_policy()


def _asked(policy: Policy, labels: Mapping[str, str]) -> Policy:
    return msgspec.structs.replace(
        policy,
        selector=policy.selector if policy.selector.matches(labels) else _EVERYTHING,
        types=policy.types.union(_ungoverned(policy)),
        apply_on_forward=True,
    )


def _with_policies(policy: HostPolicy, unwanted: Iterable[ResourceKey]) -> HostPolicy:
    """The same without some policies, and what only they need; a tier that they leave empty is none."""
    gone = frozenset(unwanted)

    def change(tier: TierStep) -> TierStep | None:
        kept = tuple(key for key in tier.policies if key not in gone)
        return msgspec.structs.replace(tier, policies=kept) if kept else None

    policies = {key: lists for key, lists in policy.policies.items() if key not in gone}
    used = set(_set_ids((*policies.values(), *policy.profiles.values())))
    return msgspec.structs.replace(
        _with_tiers(policy, change),
        policies=policies,
        ip_sets={name: item for name, item in policy.ip_sets.items() if name in used},
        port_sets={name: item for name, item in policy.port_sets.items() if name in used},
    )


def _set_ids(owners: Iterable[RuleLists]) -> Iterator[str]:
    """The sets that rules refer to: most are of the policies that are left out, and large."""
    for lists in owners:
        for rule in (*lists.ingress, *lists.egress):
            for peer in (rule.source, rule.destination):
                yield from (*peer.ip_sets, *peer.not_ip_sets, *peer.port_sets, *peer.not_port_sets)


def _likeness(mismatch: str, labels: Mapping[str, str]) -> float:
    """How much the clause that fails is like one of the labels: a slip of the pen is very much so."""
    clause = mismatch.partition(": ")[0]
    texts = [f'{name} == "{value}"' for name, value in labels.items()]
    return max((difflib.SequenceMatcher(None, clause, text).ratio() for text in texts), default=0.0)


def overruled(policy: HostPolicy, packet: Packet, verdict: Verdict) -> tuple[Verdict, ...]:
    """The rule that would decide otherwise, were it not for the rule or the tier's default action that decides now.

    Returns:
        Its verdict, last; before it those of all that decide like ``verdict`` and stand in between. Empty where no rule
        would decide otherwise.
    """
    found: list[Verdict] = []
    for _ in range(MOST_RULES):
        changed = _without_decider(policy, verdict)
        if changed is None:
            return ()
        policy, answer = changed, evaluate(changed, packet)
        found.append(answer)
        if answer.outcome is not verdict.outcome:
            return tuple(found) if answer.reason in _BY_RULE else ()
        verdict = answer
    return ()


def _without_decider(policy: HostPolicy, verdict: Verdict) -> HostPolicy | None:
    """The same without what gave a verdict; None where that was no rule and no default action."""
    if verdict.reason is Reason.TIER_DEFAULT_DENY:

        def passing(tier: TierStep) -> TierStep:
            if tier.name != verdict.tier:
                return tier
            return msgspec.structs.replace(tier, default_action=Action.PASS)

        return _with_tiers(policy, passing)
    if verdict.reason not in _BY_RULE or verdict.key is None:
        return None
    if verdict.key in policy.policies:
        return msgspec.structs.replace(policy, policies=_without_rule(policy.policies, verdict.key, verdict))
    return msgspec.structs.replace(policy, profiles=_without_rule(policy.profiles, verdict.key, verdict))


def _without_rule(
    table: Mapping[ResourceKey, RuleLists], key: ResourceKey, verdict: Verdict
) -> Mapping[ResourceKey, RuleLists]:
    lists = table[key]
    if verdict.direction is Direction.INGRESS:
        changed = msgspec.structs.replace(lists, ingress=_without_number(lists.ingress, verdict.rule))
    else:
        changed = msgspec.structs.replace(lists, egress=_without_number(lists.egress, verdict.rule))
    return {**table, key: changed}


def _without_number(rules: Iterable[MatchRule], number: int | None) -> tuple[MatchRule, ...]:
    return tuple(rule for rule in rules if rule.number != number)


def _with_tiers(policy: HostPolicy, change: ChangeTier) -> HostPolicy:
    """The same with every tier of every interface changed, or (None) left out."""

    def tiers(steps: Iterable[TierStep]) -> tuple[TierStep, ...]:
        return tuple(changed for step in steps if (changed := change(step)) is not None)

    def sides(item: object) -> Iterator[tuple[str, DirectionPolicy]]:
        for name in _TIERS_OF_SIDES:
            side: DirectionPolicy = getattr(item, name)
            yield name, msgspec.structs.replace(side, tiers=tiers(side.tiers))

    interfaces = tuple(
        msgspec.structs.replace(
            item, **dict(sides(item)), **{name: tiers(getattr(item, name)) for name in _PLAIN_TIERS}
        )
        for item in policy.interfaces
    )
    workloads = tuple(msgspec.structs.replace(item, **dict(sides(item))) for item in policy.workloads)
    return msgspec.structs.replace(policy, interfaces=interfaces, workloads=workloads)
