from __future__ import annotations

from catflap.doctor.finding import Level
from catflap.doctor.own_table import STAGES, own_findings
from catflap.doctor.tables import Hooked, Rule, Table

RULES = (Rule(),)
HOOKS = {stage.base: Hooked(stage.hook.hook, stage.hook.priority) for stage in STAGES}


def table(
    hooks: dict[str, Hooked], chains: dict[str, tuple[Rule, ...]], flags: frozenset[str] = frozenset()
) -> Table:
    return Table("inet", "catflap", flags=flags, chains=chains, hooks=hooks)


INTACT = table(HOOKS, {**dict.fromkeys(HOOKS, RULES), "in-eth0": RULES})


def test_all_is_well() -> None:
    assert len(STAGES) > 5
    assert list(own_findings(INTACT, agents=1)) == []


def test_a_table_that_sleeps() -> None:
    (finding,) = own_findings(table(HOOKS, dict(INTACT.chains or {}), frozenset({"dormant"})), agents=1)
    assert finding.level is Level.PROBLEM
    assert "this host is open" in finding.message


def test_no_table() -> None:
    (with_agent,) = own_findings(None, agents=1)
    (without,) = own_findings(None, agents=0)
    assert (with_agent.level, without.level) == (Level.PROBLEM, Level.WARNING)
    assert "although an agent runs" in with_agent.message
    assert "enforces nothing" in without.message


def test_a_table_that_nobody_keeps_up_to_date() -> None:
    (finding,) = own_findings(INTACT, agents=0)
    assert (finding.level, finding.remedy) == (Level.WARNING, "start the agent: catflap agent")


def test_a_chain_that_somebody_has_moved() -> None:
    moved = {**HOOKS, "input": Hooked("input", 300, policy="drop")}
    (finding,) = own_findings(table(moved, dict(INTACT.chains or {})), agents=1)
    assert finding.object == "inet catflap input"
    assert "priority 300, policy drop in place of input, priority -5, policy accept" in finding.message


def test_a_base_chain_that_is_gone() -> None:
    hooks = {name: hook for name, hook in HOOKS.items() if name != "input"}
    chains = {name: rules for name, rules in (INTACT.chains or {}).items() if name != "input"}
    (finding,) = own_findings(table(hooks, chains), agents=1)
    assert (finding.level, finding.object) == (Level.PROBLEM, "inet catflap input")
    assert finding.message.startswith("is missing: no packet finds the way")


def test_a_base_chain_that_was_flushed() -> None:
    (finding,) = own_findings(table(HOOKS, {**(INTACT.chains or {}), "input": ()}), agents=1)
    assert finding.message.startswith("has no rules: no packet finds the way")


def test_a_table_whose_rules_are_not_known_is_not_blamed() -> None:
    assert list(own_findings(Table("inet", "catflap", hooks=HOOKS), agents=1)) == []
