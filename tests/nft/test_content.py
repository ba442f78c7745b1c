from __future__ import annotations

import pytest

from catflap.nft.content import NFT_DATA_VERDICT, Outline, chain_digests, outline_of
from catflap.nft.nfnetlink import attribute, nested, text, u32, u64
from catflap.nft.ruleset import Hook, NftSet, VerdictMap

_TABLE = text(1, "catflap")
_MAP, _ANONYMOUS, _INTERVAL, _TIMEOUT = 0x8, 0x1, 0x4, 0x10
_IPV4, _PROTOCOL, _PORT, _IFNAME = 7, 12, 13, 41


def expression(name: str, data: bytes = b"") -> bytes:
    return nested(1, text(1, name), nested(2, data))


def rule(chain: str, *expressions: bytes, comment: bytes = b"", handle: int = 1, position: int = 0) -> bytes:
    place = u64(3, handle) + (u64(6, position) if position else b"")
    comments = attribute(7, comment) if comment else b""
    return _TABLE + text(2, chain) + place + nested(4, *expressions) + comments


def digest(*rules: bytes) -> str:
    (found,) = chain_digests(rules).values()
    return found


ACCEPT, DROP = expression("immediate", b"accept"), expression("immediate", b"drop")


def test_a_digest_is_of_one_chain() -> None:
    found = chain_digests([rule("a", ACCEPT), rule("b", DROP), rule("a", DROP)])
    assert found == {"a": digest(rule("a", ACCEPT), rule("a", DROP)), "b": digest(rule("b", DROP))}


def test_no_rules_no_digest() -> None:
    assert chain_digests([]) == {}


@pytest.mark.parametrize(
    "other",
    [
        [rule("a", DROP, comment=b"x"), rule("a", DROP)],
        [rule("a", ACCEPT, comment=b"y"), rule("a", DROP)],
        [rule("a", ACCEPT), rule("a", DROP)],
        [rule("a", DROP), rule("a", ACCEPT, comment=b"x")],
        [rule("a", ACCEPT, comment=b"x")],
        [rule("a", ACCEPT, comment=b"x"), rule("a", DROP), rule("a", DROP)],
        [rule("a", ACCEPT, DROP, comment=b"x")],
        [rule("a", expression("counter"), ACCEPT, comment=b"x"), rule("a", DROP)],
    ],
)
def test_another_expression_comment_order_or_number_is_another_digest(other: list[bytes]) -> None:
    assert digest(*other) != digest(rule("a", ACCEPT, comment=b"x"), rule("a", DROP))


def test_handles_and_positions_do_not_count() -> None:
    assert digest(rule("a", ACCEPT, handle=7, position=3)) == digest(rule("a", ACCEPT))


@pytest.mark.parametrize("name", ["counter", "quota", "last"])
def test_what_packets_change_does_not_count(name: str) -> None:
    many, few = (rule("a", expression(name, u64(1, number)), ACCEPT, comment=b"x") for number in (1000, 1))
    assert digest(many) == digest(few)
    assert digest(many) != digest(rule("a", expression(name, u64(1, 1)), DROP, comment=b"x"))


def chain(name: str, *more: bytes) -> bytes:
    return _TABLE + text(3, name) + b"".join(more)


def base(name: str, hook: int, priority: int, policy: int) -> bytes:
    where = nested(4, u32(1, hook), attribute(2, priority.to_bytes(4, signed=True)))
    return chain(name, where, u32(5, policy), text(7, "filter"))


def outline(*, flags: int = 0, chains: tuple[bytes, ...] = (), sets: tuple[bytes, ...] = ()) -> Outline:
    return outline_of(_TABLE + u32(2, flags), chains, sets)


def test_chains() -> None:
    found = outline(chains=(chain("c"), base("input", 1, -5, 1), base("x", 4, 100, 0), base("y", 77, 0, 9)))
    assert found.hooks == {
        "c": None,
        "input": Hook("input", -5),
        "x": Hook("postrouting", 100, "filter", "drop"),
        "y": Hook("77", 0, "filter", "9"),
    }


def test_a_dormant_table() -> None:
    assert not outline().dormant
    assert outline(flags=1).dormant


def test_a_table_with_an_owner() -> None:
    assert not outline(flags=1 | 4).owned
    assert outline(flags=2 | 4).owned


def a_set(name: str, type_: int, flags: int = 0, *more: bytes) -> bytes:
    return _TABLE + text(2, name) + u32(3, flags) + u32(4, type_) + b"".join(more)


def test_sets_and_maps() -> None:
    verdict, number = u32(6, NFT_DATA_VERDICT), u32(6, 19)
    parts = (_IPV4 << 6 | _PROTOCOL) << 6 | _PORT
    found = outline(
        sets=(
            a_set("s", _IPV4),
            a_set("i", _IPV4, _INTERVAL),
            a_set("p", parts, 0x80),
            a_set("limited", _IPV4, _TIMEOUT, nested(9, u32(1, 10))),
            a_set("unknown", 59),
            a_set("__set0", _IPV4, _ANONYMOUS),
            a_set("m", _IFNAME, _MAP, verdict),
            a_set("n", _IFNAME, _MAP | _INTERVAL, number),
        )
    )
    assert found.sets == {
        "s": NftSet("s", "ipv4_addr"),
        "i": NftSet("i", "ipv4_addr", ("interval",)),
        "p": NftSet("p", "ipv4_addr . inet_proto . inet_service"),
        "limited": NftSet("limited", "ipv4_addr", ("timeout", "size")),
        "unknown": NftSet("unknown", "59"),
    }
    assert found.maps == {
        "m": VerdictMap("m", "ifname"),
        "n": VerdictMap("n", "ifname 19", flags=("interval",)),
    }
