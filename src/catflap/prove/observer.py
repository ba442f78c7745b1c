"""A table of the prover's own that writes down, inside the kernel, how far each packet came.

Between the stages of policy lie chains that add a packet's number to a set; who is in which set tells where a packet
was dropped, without sockets and without timing. After policy had its say every packet is dropped, so none leaves a
trace in connection tracking and nothing is answered but by Reject. The table translates destinations, too, and sets the
accept mark on half of all packets: foreign tables may do both.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

import msgspec

from catflap.model.resources import ip_version_of
from catflap.prove.topology import LOOPBACK, TRANSLATED_PROTOCOLS, TRANSLATIONS

TABLE: Final = "inet catflap-prover"
OWN_MARK: Final = 0x2  # on the packets that the prover lets the host send; the host's own answers lack it
FOREIGN_MARK: Final = 0x8101_0000  # the bits that policy may use itself, set by somebody else


class Seen(enum.StrEnum):
    """The sets."""

    ARRIVED = "arrived"
    PAST_RAW = "past_raw"
    PAST_MANGLE = "past_mangle"
    ROUTING = "routing"
    INPUT = "input"
    DELIVERED = "delivered"
    FORWARD = "forward"
    FORWARDED = "forwarded"
    SENT = "sent"
    SENT_PAST_RAW = "sent_past_raw"
    LEFT = "left"
    TRANSLATED = "translated"
    ANSWERED = "answered"
    NEW = "new"
    ESTABLISHED = "established"
    RELATED = "related"
    INVALID = "invalid"
    UNTRACKED = "untracked"


STATES: Final = (Seen.NEW, Seen.ESTABLISHED, Seen.RELATED, Seen.INVALID, Seen.UNTRACKED)
_FAMILY: Final = {4: "ip", 6: "ip6"}
_NUMBERS: Final = {4: "@nh,32,16", 6: "@nh,16,16"}

# ICMP errors of Reject quote the packet's IP header; a reset tells its sequence number, or the one it acknowledges.
_ANSWERS: Final = (
    ("icmp type 3 icmp code 13", "@th,96,16"),
    ("icmpv6 type 1 icmpv6 code 1", "@th,80,16"),
    ("tcp flags & (rst|ack) == rst|ack", "@th,64,16"),
    ("tcp flags & (rst|ack) == rst", "@th,32,16"),
)


class _Chain(msgspec.Struct, frozen=True):
    """A base chain; ``first`` and ``last`` are rules around those that note numbers down."""

    hook: str
    priority: int
    notes: tuple[Seen, ...]
    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()


_FIRST: Final = -1000  # a priority before anything else, also before fragments are put together (-400)
_NOT_OURS: Final = f"meta mark & {OWN_MARK} == 0"
# The host's packets to itself are ours only where they have the mark.
_FOREIGN_LOOP: Final = f'iifname "{LOOPBACK}" {_NOT_OURS} return'


def _received(hook: str, priority: int, *notes: Seen, last: tuple[str, ...] = ()) -> _Chain:
    return _Chain(hook, priority, notes, (_FOREIGN_LOOP,), last)


def _marking() -> tuple[str, ...]:
    mark = f"meta mark set meta mark | {FOREIGN_MARK}"
    return tuple(f"meta nfproto ipv{version} {field} & 1 == 1 {mark}" for version, field in _NUMBERS.items())


def _answers() -> tuple[str, ...]:
    notes = (f"{_NOT_OURS} {match} add @{Seen.ANSWERED} {{ {field} }}" for match, field in _ANSWERS)
    return (*notes, f"{_NOT_OURS} drop")


_CHAINS: Final = (
    _received("prerouting", _FIRST, Seen.ARRIVED, last=_marking()),
    _received("prerouting", -299, Seen.PAST_RAW),
    _received("prerouting", -199, *STATES),
    _received("prerouting", -149, Seen.PAST_MANGLE),
    _received("prerouting", 300, Seen.ROUTING, Seen.TRANSLATED),
    _received("input", -400, Seen.INPUT),
    _received("input", 300, Seen.DELIVERED, last=("drop",)),
    _received("forward", -400, Seen.FORWARD),
    _received("forward", 300, Seen.FORWARDED, last=("drop",)),
    _Chain("output", _FIRST, (Seen.SENT,), _answers(), _marking()),
    _Chain("output", -299, (Seen.SENT_PAST_RAW,)),
    _Chain("output", -199, STATES),
    _Chain("output", -50, (Seen.TRANSLATED,)),
    _Chain("output", 300, (Seen.LEFT,), (), (f'oifname != "{LOOPBACK}" drop',)),
)
_CONDITIONS: Final[Mapping[Seen, str]] = {
    **{state: f"ct state {state}" for state in STATES},
    Seen.TRANSLATED: "ct direction original ct status dnat",  # a reply to a translated packet is not one itself
}


def table_text() -> str:
    """The commands that make the table."""
    sets = [
        line
        for seen in Seen
        for line in (f"set {seen} {{", "typeof ip id", "size 65535", "flags dynamic", "}")
    ]
    chains = [line for number, chain in enumerate(_CHAINS) for line in _chain_lines(number, chain)]
    translations = [line for hook in ("prerouting", "output") for line in _translation_lines(hook)]
    return "\n".join((f"table {TABLE} {{", *sets, *chains, *translations, "}", ""))


def _chain_lines(number: int, chain: _Chain) -> Iterator[str]:
    yield f"chain {chain.hook}{number} {{"
    yield f"type filter hook {chain.hook} priority {chain.priority}; policy accept;"
    yield from chain.first
    for seen in chain.notes:
        for version, field in _NUMBERS.items():
            condition = _CONDITIONS.get(seen, "")
            yield f"meta nfproto ipv{version} {condition} add @{seen} {{ {field} }}"
    yield from chain.last
    yield "}"


def _translation_lines(hook: str) -> Iterator[str]:
    yield f"chain translation-{hook} {{"
    yield f"type nat hook {hook} priority -100; policy accept;"
    protocols = ", ".join(map(str, TRANSLATED_PROTOCOLS))
    for old, new in TRANSLATIONS.items():
        word = _FAMILY[ip_version_of(new.address)]
        match = f"{word} daddr {old.address} meta l4proto {{ {protocols} }} th dport {old.port}"
        yield f"{match} dnat {word} to {_bracketed(new.address)}:{new.port}"
    yield "}"


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def clear_text() -> str:
    """The commands that empty all sets."""
    return "".join(f"flush set {TABLE} {seen}\n" for seen in Seen)


def read_sets(listing: bytes) -> dict[Seen, AbstractSet[int]]:
    """The numbers in each set, from what ``nft -j list table`` prints."""
    document = msgspec.json.decode(listing, type=dict[str, list[dict[str, Any]]])
    found: dict[Seen, AbstractSet[int]] = {seen: frozenset() for seen in Seen}
    for item in document["nftables"]:
        if "set" in item:
            found[Seen(item["set"]["name"])] = frozenset(item["set"].get("elem", ()))
    return found
