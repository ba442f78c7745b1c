"""Our own table: is it there and awake, and does each of its parts hang where it must?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from catflap.doctor.finding import Finding, Level
from catflap.doctor.tables import Rule, Table
from catflap.nft import stages
from catflap.nft.ruleset import TABLE

STAGES: Final = tuple(value for _, value in sorted(vars(stages).items()) if isinstance(value, stages.Stage))
_CHECK: Final = "own-table"
_RELOAD: Final = (
    "stop the agent, delete the table (nft delete table inet catflap) and start the agent: it makes it anew"
)


def own_findings(own: Table | None, agents: int) -> Iterator[Finding]:
    """What is the matter with our table.

    Args:
        own: the table; None where there is none.
        agents: how many agents run in this network namespace.
    """
    if own is None:
        yield _missing(agents)
        return
    if "dormant" in own.flags:
        yield Finding(
            Level.PROBLEM,
            _CHECK,
            TABLE,
            "sleeps (flags dormant): none of its rules sees a packet, so this host is open",
            f"{_RELOAD}; nft monitor shows who puts it to sleep",
        )
    yield from _misplaced(own)
    if agents == 0:
        yield Finding(
            Level.WARNING,
            _CHECK,
            TABLE,
            "holds what was enforced last, and no agent runs here: changes of policy have no effect",
            "start the agent: catflap agent",
        )


def _missing(agents: int) -> Finding:
    if agents:
        return Finding(
            Level.PROBLEM,
            _CHECK,
            TABLE,
            "is missing although an agent runs: nothing is enforced (right only with InterfacePrefix=none and without "
            "any endpoint)",
            "look into the agent's log for the reason, then restart the agent",
        )
    return Finding(
        Level.WARNING,
        _CHECK,
        TABLE,
        "does not exist, and no agent runs here: Catflap enforces nothing on this host",
        "start the agent: catflap agent",
    )


def _misplaced(own: Table) -> Iterator[Finding]:
    expected = {stage.base: stage.hook for stage in STAGES}
    for name, hooked in own.hooks.items():
        hook = expected.get(name)
        if hook and (hooked.hook, hooked.priority, hooked.policy) != (hook.hook, hook.priority, hook.policy):
            yield Finding(
                Level.PROBLEM,
                _CHECK,
                f"{TABLE} {name}",
                f"hangs at {hooked.hook}, priority {hooked.priority}, policy {hooked.policy} in place of {hook.hook}, "
                f"priority {hook.priority}, policy {hook.policy}: somebody else has changed it",
                _RELOAD,
            )
    if own.chains is not None:
        yield from _without_effect(own, own.chains)


def _without_effect(own: Table, chains: Mapping[str, Sequence[Rule]]) -> Iterator[Finding]:
    for stage in STAGES:
        dispatched = any(name.startswith((f"{stage.word}-", f"{stage.word}/")) for name in chains)
        if stage.base not in own.hooks and dispatched:
            what = "is missing"
        elif stage.base in own.hooks and not chains.get(stage.base):
            what = "has no rules"
        else:
            continue
        message = f"{what}: no packet finds the way to the chains of its interface, so what they deny passes"
        yield Finding(Level.PROBLEM, _CHECK, f"{TABLE} {stage.base}", message, _RELOAD)
