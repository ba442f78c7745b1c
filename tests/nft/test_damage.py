from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.nft.host_policies import host_policies

from catflap.nft.compile import compile_policy
from catflap.nft.damage import Found, Known, Touched, differing, look
from catflap.nft.memory import MemoryNft
from catflap.nft.plan import Existing, plan
from catflap.nft.ruleset import Chain, Hook, NftSet, RuleSet, VerdictMap, block
from catflap.policy.host_policy import HostPolicy

RULES = RuleSet(
    {"s": NftSet("s", "ipv4_addr", elements=frozenset({"10.0.0.1", "10.0.0.2"}), comment="why")},
    {"m": VerdictMap("m", "ifname", {"eth0": "jump c"})},
    {
        "input": Chain("input", ("iifname vmap @m",), Hook("input", -5)),
        "c": Chain("c", ("ip saddr @s accept", "drop")),
        "empty": Chain("empty"),
    },
)
EVERYTHING = Touched(frozenset(RULES.chains), frozenset({*RULES.sets, *RULES.maps}))

OTHER_SET = block([NftSet("s", "ipv6_addr")], (), ())
OTHER_HOOK = block((), (), [Chain("input", (), Hook("output", 0, policy="drop"))])


def programmed(rule_set: RuleSet = RULES) -> tuple[MemoryNft, Known]:
    nft = MemoryNft()
    if rule_set:
        nft.run(rule_set.text())
    digests = nft.chain_digests()
    return nft, Known(rule_set, {name: digests.get(name, "") for name in rule_set.chains})


def seen(commands: str, touched: Touched = EVERYTHING) -> Found:
    nft, known = programmed()
    nft.run(commands)
    return look(nft, known, touched)


def test_without_damage_there_is_what_was_programmed() -> None:
    nft, known = programmed()
    assert look(nft, known, EVERYTHING) == Found(Existing.of(RULES))
    assert differing(nft, known) == Touched()


def test_two_touches_are_one() -> None:
    both = Touched(frozenset("a"), frozenset("s")) | Touched(frozenset("b"))
    assert both == Touched(frozenset("ab"), frozenset("s"))


@pytest.mark.parametrize(
    ("commands", "words"),
    [
        ("delete table inet catflap\n", ["the table was deleted"]),
        ("flush chain inet catflap input\n", ["rules of chain input were changed"]),
        ("table inet catflap {\n\tchain c {\n\t\taccept\n\t}\n}\n", ["rules of chain c were changed"]),
        (
            "table inet catflap {\n\tchain empty {\n\t\taccept\n\t}\n}\n",
            ["rules of chain empty were changed"],
        ),
        ("delete chain inet catflap empty\n", ["chain empty was deleted"]),
        ("delete chain inet catflap input\n", ["chain input was deleted"]),
        ("table inet catflap {\n\tchain x {\n\t}\n}\n", ["chain x was added"]),
        ("table inet catflap {\n\tset x {\n\t\ttype ipv4_addr\n\t}\n}\n", ["set x was added"]),
        (
            "add element inet catflap s { 10.0.0.3 }\n",
            ["elements of set s were changed: 0 of ours missing, 1 strange"],
        ),
        ("flush set inet catflap s\n", ["elements of set s were changed: 2 of ours missing, 0 strange"]),
        (
            'delete element inet catflap m { "eth0" : jump c }\nadd element inet catflap m { "eth0" : drop }\n',
            ["elements of map m were changed: 1 of ours missing, 1 strange"],
        ),
        (
            "flush chain inet catflap c\ndelete set inet catflap s\n",
            ["rules of chain c were changed", "set s was deleted"],
        ),
        (
            f"flush chain inet catflap c\ndelete set inet catflap s\n{OTHER_SET}",
            ["rules of chain c were changed", "set s was replaced by another kind"],
        ),
        (
            f"delete chain inet catflap input\n{OTHER_HOOK}",
            [
                "chain input was given hook output, priority 0, policy drop",
                "rules of chain input were changed",
            ],
        ),
        (
            "delete chain inet catflap input\ntable inet catflap {\n\tchain input {\n\t}\n}\n",
            ["chain input was given no hook", "rules of chain input were changed"],
        ),
    ],
)
def test_damage_has_words_and_can_be_repaired(commands: str, words: list[str]) -> None:
    nft, known = programmed()
    nft.run(commands)
    found = look(nft, known, EVERYTHING)
    assert list(map(str, found.damage)) == words
    for transaction in plan(found.existing, RULES):
        nft.run(transaction.text)
    assert nft.rule_set == RULES


def test_only_what_was_touched_is_read() -> None:
    class Kernel(MemoryNft):
        read: list[str]

        def chain_digests(self, names: Collection[str] | None = None) -> Mapping[str, str]:
            self.read.extend(["all"] if names is None else names)
            return super().chain_digests(names)

        def elements(self, item: NftSet | VerdictMap) -> Mapping[str, str]:
            self.read.append(item.name)
            return super().elements(item)

    nft = Kernel()
    nft.read = []
    nft.run(RULES.text())
    known = Known(RULES, {"c": nft.chain_digests(["c"])["c"]})
    nft.read.clear()
    assert not look(nft, known, Touched(frozenset({"c"}), frozenset({"m"}))).damage
    assert nft.read == ["c", "m"]


def test_what_was_changed_and_brought_back_is_no_damage() -> None:
    assert not seen(
        "flush chain inet catflap input\n" + RuleSet(chains={"input": RULES.chains["input"]}).text()
    ).damage


def test_a_chain_whose_digest_is_not_known_is_written_anew() -> None:
    nft, known = programmed()
    found = look(nft, Known(RULES, {**known.digests, "c": "unknown"}), EVERYTHING)
    assert list(map(str, found.damage)) == ["rules of chain c were changed"]
    assert differing(nft, Known(RULES, {})) == Touched(frozenset(RULES.chains))


def test_while_others_commit_it_is_read_again() -> None:
    class Busy(MemoryNft):
        left = 3

        def chain_digests(self, names: Collection[str] | None = None) -> Mapping[str, str]:
            found = super().chain_digests(names)
            if self.left:
                self.left -= 1
                self.run("flush chain inet catflap c\n")
            return found

    nft = Busy()
    nft.run(RULES.text())
    digests = MemoryNft.chain_digests(nft)
    found = look(nft, Known(RULES, {**dict.fromkeys(RULES.chains, ""), **digests}), Touched(frozenset({"c"})))
    assert nft.left == 0
    assert list(map(str, found.damage)) == ["rules of chain c were changed"]


def test_where_no_table_is_wanted_one_is_damage() -> None:
    nft, known = programmed(RuleSet())
    assert not look(nft, known, Touched()).damage
    nft.run(RULES.text())
    found = look(nft, known, Touched())
    assert str(found.damage[0]) == "the table was made"
    (transaction,) = plan(found.existing, RuleSet())
    nft.run(transaction.text)
    assert nft.outline() is None


@settings(max_examples=40, deadline=None)
@given(host_policies(), host_policies(), st.data())
def test_whatever_another_rule_set_does_to_ours_the_comparison_finds_and_a_plan_undoes(
    ours: HostPolicy, theirs: HostPolicy, data: st.DataObject
) -> None:
    wanted, foreign = compile_policy(ours).rule_set, compile_policy(theirs).rule_set
    nft, known = programmed(wanted)
    steps = plan(Existing.of(wanted), foreign)
    for transaction in steps[: data.draw(st.integers(0, len(steps)))]:
        nft.run(transaction.text)
    for transaction in plan(look(nft, known, differing(nft, known)).existing, wanted):
        nft.run(transaction.text)
    assert nft.rule_set == wanted
    assert not look(nft, known, differing(nft, known)).damage
