from __future__ import annotations

import pytest

from catflap.nft.parse import AddBlock, ChangeElements, DeleteTable, Remove, parse
from catflap.nft.port import NftError
from catflap.nft.ruleset import Chain, Hook, NftSet, RuleSet, VerdictMap


def test_a_block_reads_back_as_what_wrote_it() -> None:
    sets = NftSet("s", "ipv4_addr", ("interval",), frozenset({"10.0.0.0/8", "192.168.0.1"}), "a 'b' { }")
    sockets = frozenset({"10.0.0.1 . 6 . 80", "10.0.0.1 . 17 . 53"})
    concatenated = NftSet("t", "ipv4_addr . inet_proto . inet_service", (), sockets)
    maps = VerdictMap("m", "ifname", {"eth0": "jump c", "a,b": "jump c"})
    chains = (
        Chain("input", ("iifname vmap @m",), Hook("input", -300)),
        Chain("c", ('drop comment "}"', "accept")),
    )
    rule_set = RuleSet({"s": sets, "t": concatenated}, {"m": maps}, {item.name: item for item in chains})
    assert list(parse(rule_set.text())) == [AddBlock((sets, concatenated), (maps,), chains)]


def test_commands_in_order() -> None:
    text = (
        "flush chain inet catflap a\n"
        "add element inet catflap s { 10.0.0.1, 80-90 }\n"
        'delete element inet catflap m { "eth0" : jump a, "b;{" : jump c }\n'
        "delete set inet catflap s\n"
        "delete table inet catflap\n"
    )
    assert list(parse(text)) == [
        Remove("flush", "chain", "a"),
        ChangeElements("add", "s", {"10.0.0.1": "", "80-90": ""}),
        ChangeElements("delete", "m", {"eth0": "jump a", "b;{": "jump c"}),
        Remove("delete", "set", "s"),
        DeleteTable(),
    ]


@pytest.mark.parametrize(
    "text",
    ["flush ruleset", "delete table inet other", "table inet catflap {\n\tquota q {\n\t}\n}", "add rule x"],
)
def test_what_we_never_write_is_refused(text: str) -> None:
    with pytest.raises(NftError, match="not a command of ours"):
        list(parse(text))
