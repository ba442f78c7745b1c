from __future__ import annotations

from catflap.nft.ruleset import Chain, Hook, NftSet, RuleSet, VerdictMap, block, element_list


def test_an_empty_rule_set_is_false_and_has_no_text() -> None:
    assert not RuleSet()
    assert RuleSet().text() == ""


def test_the_text_of_every_kind_of_object() -> None:
    rule_set = RuleSet(
        {"s": NftSet("s", "ipv4_addr", ("interval",), frozenset({"10.0.0.0/8"}), "why")},
        {"m": VerdictMap("m", "ifname", {"eth0": "jump c"})},
        {
            "input": Chain("input", ("iifname vmap @m",), Hook("input", -5)),
            "c": Chain("c", ("accept", "drop")),
        },
    )
    assert rule_set.text().splitlines() == [
        "table inet catflap {",
        "\tset s {",
        "\t\ttype ipv4_addr",
        "\t\tflags interval",
        '\t\tcomment "why"',
        "\t\telements = { 10.0.0.0/8 }",
        "\t}",
        "",
        "\tmap m {",
        "\t\ttype ifname : verdict",
        '\t\telements = { "eth0" : jump c }',
        "\t}",
        "",
        "\tchain input {",
        "\t\ttype filter hook input priority -5; policy accept;",
        "\t\tiifname vmap @m",
        "\t}",
        "",
        "\tchain c {",
        "\t\taccept",
        "\t\tdrop",
        "\t}",
        "}",
    ]


def test_an_empty_set_has_no_elements_line() -> None:
    assert "elements" not in block([NftSet("s", "ipv4_addr")], [], [])


def test_elements_are_in_the_order_of_addresses_and_of_numbers() -> None:
    item = NftSet("s", "ipv4_addr")
    assert element_list(item, {"10.0.0.10", "9.0.0.0/8", "10.0.0.9"}) == "{ 9.0.0.0/8, 10.0.0.9, 10.0.0.10 }"
    assert element_list(item, {"fe80::1", "2001:db8::/32"}) == "{ 2001:db8::/32, fe80::1 }"
    assert element_list(item, {"443", "8000-8010", "80"}) == "{ 80, 443, 8000-8010 }"
    sockets = {"10.0.0.10 . 6 . 80", "9.0.0.1 . 17 . 53", "9.0.0.1 . 6 . 443", "9.0.0.1 . 6 . 80"}
    assert element_list(item, sockets) == (
        "{ 9.0.0.1 . 6 . 80, 9.0.0.1 . 6 . 443, 9.0.0.1 . 17 . 53, 10.0.0.10 . 6 . 80 }"
    )


def test_very_many_elements_are_in_a_stable_order_too() -> None:
    item = NftSet("many", "ipv4_addr")
    addresses = [f"10.0.{number // 256}.{number % 256}" for number in range(2000)]
    listed = element_list(item, addresses)
    assert listed == element_list(item, reversed(addresses))
    assert sorted(listed.strip("{ }").split(", ")) == sorted(addresses)


def test_the_order_of_sets_does_not_show_in_the_text() -> None:
    first, second = NftSet("a", "ipv4_addr"), NftSet("b", "ipv4_addr")
    assert block([first, second], [], []) == block([second, first], [], [])
