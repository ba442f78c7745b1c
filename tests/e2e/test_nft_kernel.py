"""The real kernel takes what is compiled and planned, ends where a fresh install ends, and behaves as the fake says.

Everything happens in a network namespace that the test makes for itself.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.nft.conftest import GOLDEN
from tests.nft.examples import EXAMPLES
from tests.nft.host_policies import host_policies, host_policy, lists, policy_key, rule
from tests.nft.namespace import Namespace, NamespaceNft
from tests.nft.scenarios import SCENARIOS, Step

from catflap.model.resources import Action
from catflap.nft.compile import compile_policy
from catflap.nft.damage import Touched, differing, look
from catflap.nft.enforcer import Enforcer
from catflap.nft.memory import MemoryNft
from catflap.nft.names import unsupported
from catflap.nft.plan import Existing, plan
from catflap.nft.port import Nft, NftError
from catflap.nft.read import existing
from catflap.nft.ruleset import NftSet, RuleSet
from catflap.policy.host_policy import HostPolicy, IpSet, MatchPeer, ProfileStep, TierStep

# One namespace serves all examples of a test: each leaves it empty.
_SETTINGS = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
_KEY = policy_key("web")


def with_plain_names(document: Any) -> Any:
    """What is listed as if no set had taken the place of another: without the numbers of sets (see `nft.place`)."""
    if isinstance(document, dict):
        return {key: with_plain_names(value) for key, value in document.items()}
    if isinstance(document, list):
        return [with_plain_names(value) for value in document]
    return re.sub(r"^(@?networks.*)/\d+$", r"\1", document) if isinstance(document, str) else document


def kernel_rules(document: Any) -> dict[str, list[Any]]:
    """The rules of each chain in the kernel's words."""
    found = [item["rule"] for item in document["nftables"] if "rule" in item] if document else []
    return {
        chain: [(item["expr"], item.get("comment")) for item in group]
        for chain, group in itertools.groupby(found, key=lambda item: str(item["chain"]))
    }


def same_but_for_comments(nft: Nft) -> Existing:
    """What is there; the fake does not list comments of sets."""
    found = existing(nft.list_table())
    return replace(found, sets={name: replace(item, comment="") for name, item in found.sets.items()})


def as_told(nft: Nft) -> Existing:
    """What is there as `NftContent` tells it, without rules."""
    outline = nft.outline()
    if outline is None:
        return Existing()
    return Existing(
        present=True,
        sets={
            name: replace(item, elements=frozenset(nft.elements(item))) for name, item in outline.sets.items()
        },
        maps={name: replace(item, elements=nft.elements(item)) for name, item in outline.maps.items()},
        hooks=outline.hooks,
        counters=outline.counters,
    )


def changed_chains(nft: Nft, before: Mapping[str, str]) -> set[str]:
    """The chains whose digest is not what it was."""
    now = nft.chain_digests()
    return {name for name in now.keys() | before.keys() if now.get(name) != before.get(name)}


@pytest.mark.parametrize("steps", SCENARIOS.values(), ids=SCENARIOS)
def test_the_kernel_and_the_fake_agree(nft: NamespaceNft, steps: tuple[Step, ...]) -> None:
    fake = MemoryNft()
    for step in steps:
        digests = {each: (each.chain_digests(), each.generation().id) for each in (nft, fake)}
        for each in (nft, fake):
            if step.accepted:
                each.run(step.commands)
            else:
                with pytest.raises(NftError):
                    each.run(step.commands)
        assert same_but_for_comments(nft) == same_but_for_comments(fake)
        assert as_told(nft) == as_told(fake) == same_but_for_comments(nft)
        assert changed_chains(nft, digests[nft][0]) == changed_chains(fake, digests[fake][0])
        if not step.accepted:
            assert [each.generation().id for each in (nft, fake)] == [
                digests[each][1] for each in (nft, fake)
            ]


def test_digests_of_single_chains_are_those_of_all(nft: NamespaceNft) -> None:
    nft.run(compile_policy(EXAMPLES["router"]).rule_set.text())
    digests = nft.chain_digests()
    assert len(digests) > 2
    for name, digest in digests.items():
        assert nft.chain_digests([name]) == {name: digest}
    assert nft.chain_digests(["missing"]) == {}


def test_a_large_set_that_has_just_grown_is_read_whole(nft: NamespaceNft) -> None:
    addresses = frozenset(f"10.{number >> 8}.{number % 256}.1" for number in range(40_000))
    item = NftSet("s", "ipv4_addr", elements=addresses)
    nft.run(RuleSet({"s": item}).text())
    assert nft.elements(item).keys() == addresses


@settings(_SETTINGS, max_examples=60)
@given(old=host_policies(), new=host_policies())
def test_any_change_ends_as_a_fresh_install(nft: NamespaceNft, old: HostPolicy, new: HostPolicy) -> None:
    enforcer = Enforcer(nft)
    enforcer.enforce(old)
    enforcer.enforce(new)
    changed = with_plain_names(nft.list_table())
    assert as_told(nft) == same_but_for_comments(nft)
    enforcer.enforce(HostPolicy())
    assert nft.list_table() is None
    nft.run(compile_policy(new).rule_set.text())
    fresh = nft.list_table()
    assert existing(changed) == existing(fresh)
    assert kernel_rules(changed) == kernel_rules(fresh)
    Enforcer(nft).enforce(HostPolicy())


@settings(_SETTINGS, max_examples=40)
@given(old=host_policies(), new=host_policies())
def test_any_table_can_be_taken_over(nft: NamespaceNft, old: HostPolicy, new: HostPolicy) -> None:
    Enforcer(nft).enforce(old)
    Enforcer(nft).enforce(new)
    expected = Existing.of(compile_policy(new).rule_set)
    assert existing(with_plain_names(nft.list_table())) == replace(expected, rules={})
    assert Enforcer(nft).enforce(HostPolicy()).transactions == (1 if expected.present else 0)


@settings(_SETTINGS, max_examples=30)
@given(ours=host_policies(), theirs=host_policies(), data=st.data())
def test_whatever_another_rule_set_does_to_ours_is_found_and_repaired(
    nft: NamespaceNft, ours: HostPolicy, theirs: HostPolicy, data: st.DataObject
) -> None:
    enforcer = Enforcer(nft)
    enforcer.enforce(ours)
    before = nft.list_table()
    known = enforcer.known
    assert known is not None
    assert differing(nft, known) == Touched()
    steps = plan(Existing.of(known.rule_set), compile_policy(theirs).rule_set)
    for transaction in steps[: data.draw(st.integers(0, len(steps)))]:
        nft.run(transaction.text)
    changed = kernel_rules(nft.list_table()) != kernel_rules(before)
    repaired = enforcer.repair(differing(nft, known))
    assert repaired.damage or not changed
    # An interval set may have been given another name meanwhile: so the content is what a fresh install would make.
    known, after = enforcer.known, nft.list_table()
    assert known is not None
    assert not look(nft, known, differing(nft, known)).damage
    assert enforcer.enforce(ours).transactions == 0
    if after:
        nft.run("delete table inet catflap\n" + known.rule_set.text())
    assert existing(after) == existing(nft.list_table())
    assert kernel_rules(after) == kernel_rules(nft.list_table())
    Enforcer(nft).enforce(HostPolicy())


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_kernel_takes_every_golden_rule_set(namespace: Namespace, name: str) -> None:
    text = (GOLDEN / f"{name}.nft").read_text()
    namespace.nft("--check", "--file", "-", text=text or "\n")
    namespace.nft("--file", "-", text=text or "\n")


@settings(_SETTINGS, max_examples=30)
@given(policy=host_policies())
def test_the_program_nft_checks_the_text(namespace: Namespace, policy: HostPolicy) -> None:
    namespace.nft("--check", "--file", "-", text=compile_policy(policy).rule_set.text() or "\n")
    assert namespace.nft("list", "ruleset") == ""


@settings(_SETTINGS, max_examples=40)
@given(text=st.text(min_size=1, max_size=140))
def test_no_name_breaks_out_of_the_text(nft: NamespaceNft, text: str) -> None:
    """A name in every place at once; the rules in the kernel are those that were meant."""
    items = [replace(lists(_KEY, [rule(0, Action.DENY, log_prefix=text)]), title=text)]
    ip_set = IpSet("s", text, frozenset({"10.0.0.1"}))
    items[0] = replace(items[0], egress=(rule(1, source=MatchPeer(ip_sets=("s",))),))
    steps = [ProfileStep(text, None)]
    policy = host_policy(("eth0",), [TierStep(text, (_KEY,), Action.PASS)], steps, items, [ip_set])
    Enforcer(nft).enforce(policy)
    document = nft.list_table()
    rules = kernel_rules(document)
    expected = compile_policy(policy).rule_set
    assert {name: len(found) for name, found in rules.items()} == {
        name: len(chain.rules) for name, chain in expected.chains.items() if chain.rules
    }
    assert existing(document) == replace(Existing.of(expected), rules={})
    Enforcer(nft).enforce(HostPolicy())


def test_every_supported_character_of_an_interface_name_means_itself(nft: NamespaceNft) -> None:
    letters = [chr(code) for code in range(256) if not unsupported(f"x{chr(code)}y")]
    names = tuple(sorted(f"x{letter}y{letter}" for letter in letters))
    patterns = tuple(f"z{letter}y{letter}*" for letter in letters)
    Enforcer(nft).enforce(host_policy((*names, *patterns)))
    document = nft.list_table()
    assert set(existing(document).maps["egress_interfaces"].elements) == set(names)
    matches = [expression[0]["match"]["right"] for expression, _ in kernel_rules(document)["output"][1:]]
    assert matches == list(patterns)


def test_the_fullest_names_comments_and_prefixes_fit(nft: NamespaceNft) -> None:
    long = "x" * 400
    rules = [lists(_KEY, [rule(0, log_prefix=long)], title=long)]
    names = ("x" * 15, "y" * 14 + "*")
    policy = host_policy(names, [TierStep(long, (_KEY,))], [ProfileStep(long, None)], rules)
    assert Enforcer(nft).enforce(policy).transactions == 2


@pytest.mark.parametrize(
    "foreign",
    [
        "add set inet catflap addresses4-s { type ipv6_addr; }",
        "add chain inet catflap input { type filter hook output priority 5; policy drop; }",
        "add map inet catflap ingress_interfaces { type ifname : mark; }",
        "add chain inet catflap foreign; add rule inet catflap foreign tcp dport 22 drop",
        'add map inet catflap ingress_interfaces { type ifname : verdict; elements = { "eth0" : drop, "x" : drop }; }',
        'add map inet catflap ingress_interfaces { type ifname : verdict; flags interval; elements = { "x*": drop }; }',
    ],
)
def test_a_table_that_somebody_else_filled_is_made_ours(
    namespace: Namespace, nft: NamespaceNft, foreign: str
) -> None:
    sets = [IpSet("s", "", frozenset({"10.0.0.1"}))]
    rules = [lists(_KEY, [rule(0, source=MatchPeer(ip_sets=("s",)))])]
    policy = host_policy(tiers=[TierStep("default", (_KEY,))], rules=rules, ip_sets=sets)
    namespace.nft("add table inet catflap; " + foreign)
    Enforcer(nft).enforce(policy)
    expected = compile_policy(policy).rule_set
    assert existing(nft.list_table()) == replace(Existing.of(expected), rules={})
    assert {name: len(found) for name, found in kernel_rules(nft.list_table()).items()} == {
        name: len(chain.rules) for name, chain in expected.chains.items() if chain.rules
    }


def test_tables_of_others_stay_as_they_are(namespace: Namespace, nft: NamespaceNft) -> None:
    namespace.nft(
        "add table inet other; add chain inet other c { type filter hook input priority 0; policy drop; }"
    )
    before = namespace.nft("list", "table", "inet", "other")
    enforcer = Enforcer(nft)
    enforcer.enforce(host_policy())
    enforcer.enforce(HostPolicy())
    assert namespace.nft("list", "ruleset") == before


def test_after_the_table_was_deleted_by_others_the_next_call_makes_it_anew(
    namespace: Namespace, nft: NamespaceNft
) -> None:
    enforcer = Enforcer(nft)
    enforcer.enforce(host_policy(("eth0", "eth1")))
    namespace.nft("delete table inet catflap")
    enforcer.enforce(host_policy(("eth0",)))
    assert set(existing(nft.list_table()).maps["ingress_interfaces"].elements) == {"eth0"}
