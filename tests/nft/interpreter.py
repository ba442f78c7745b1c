"""What nft text does with a packet: every base chain of every hook on its way, in order of priority, read word by word.

It knows only what nf_tables does, and nothing of policy.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Literal

from catflap.model.resources import ICMP_VERSIONS
from catflap.nft.ruleset import Chain, RuleSet
from catflap.verdict.packet import Packet, Path

Fate = Literal["accept", "drop", "reject"]

_HOOKS = {Path.IN: ("prerouting", "input"), Path.OUT: ("output",), Path.FORWARD: ("prerouting", "forward")}
_TRACKING, _TRANSLATION = -200, -100  # the priorities of connection tracking and of destination translation
_ICMP_WORDS = {4: "icmp", 6: "icmpv6"}
_IP_WORDS = {4: "ip", 6: "ip6"}

_NOT_FOR_PACKETS = re.compile(r'log prefix "[^"]*" level notice|comment "[^"]*"')
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_STATEMENTS = {"accept", "drop", "reject", "return", "jump", "goto", "notrack", "counter"}
_SET_MARK = ["meta", "mark", "set", "meta", "mark"]
_TEST_MARK = ["meta", "mark", "and"]


class Passage:
    """A packet on its way, and what rules have done to it."""

    def __init__(self, rule_set: RuleSet, packet: Packet, mark: int = 0) -> None:
        self.rule_set = rule_set
        self.packet = packet
        self.mark = mark
        self.tracked = True
        self.priority = 0
        self.counters: list[str] = []  # that have counted it, in order

    def fate(self) -> Fate:
        """What becomes of it after all hooks."""
        for hook in _HOOKS[self.packet.path]:
            for chain in self._base_chains(hook):
                verdict = self._base_chain(chain)
                if verdict in {"drop", "reject"}:
                    return verdict
        return "accept"

    def _base_chains(self, hook: str) -> list[Chain]:
        chains = [chain for chain in self.rule_set.chains.values() if chain.hook and chain.hook.hook == hook]
        return sorted(chains, key=lambda chain: chain.hook.priority if chain.hook else 0)

    def _base_chain(self, chain: Chain) -> Fate:
        assert chain.hook
        assert chain.hook.policy == "accept"
        self.priority = chain.hook.priority
        return self._chain(chain.name) or "accept"

    def _chain(self, name: str) -> Fate | None:
        """None where the end of the chain or ``return`` leads back."""
        for rule in self.rule_set.chains[name].rules:
            statements = self.statements(_NOT_FOR_PACKETS.sub("", rule).split())
            while statements:
                match statements:
                    case ["accept"]:
                        return "accept"
                    case ["drop"]:
                        return "drop"
                    case ["reject", "with", *how]:
                        self._check_answer(how)
                        return "reject"
                    case ["return"]:
                        return None
                    case ["goto", target]:
                        return self._chain(target)
                    case ["jump", target]:
                        if verdict := self._chain(target):
                            return verdict
                        break
                    case _:
                        statements = self._change(statements)
        return None

    def _check_answer(self, how: list[str]) -> None:
        tcp = self.packet.protocol == 6
        assert how == (["tcp", "reset"] if tcp else ["icmpx", "admin-prohibited"])

    def _change(self, statements: list[str]) -> list[str]:
        """Do a statement that ends nothing, and give those after it."""
        if statements[0] == "counter":
            assert statements[2] in self.rule_set.counters
            self.counters.append(statements[2])
            return statements[3:]
        if statements[0] == "notrack":
            assert self.priority < _TRACKING
            self.tracked = False
            return statements[1:]
        assert statements[:5] == _SET_MARK, f"not understood: {statements}"
        bits = int(statements[6], 0)
        self.mark = self.mark | bits if statements[5] == "or" else self.mark & bits
        return statements[7:]

    def statements(self, words: list[str]) -> list[str]:
        """What stands after the conditions, if they all hold."""
        while words and words[0] not in _STATEMENTS and words[:5] != _SET_MARK:
            fields, rest = _fields(words)
            if rest[0] == "vmap":
                return self._look_up(fields, rest[1]) or []
            if words[:3] == _TEST_MARK:
                assert words[4:6] == ["!=", "0"]
                holds, words = self.mark & int(words[3], 0) != 0, words[6:]
            else:
                holds, words = self._compare(words)
            if not holds:
                return []
        return words

    def _look_up(self, fields: list[str], name: str) -> list[str] | None:
        """The verdict of a map; None where it has none for the packet, so that the next rule follows."""
        actual = [self._field(field) for field in fields]
        if any(item is None for item in actual):
            return None
        elements = self.rule_set.maps[name.removeprefix("@")].elements
        if fields[0] in {"iifname", "oifname"}:
            return elements.get(str(actual[0]), "").split()
        found = [verdict for key, verdict in elements.items() if _is_key(actual, key)]
        assert len(found) <= 1, f"{name}: overlapping elements"
        return found[0].split() if found else None

    def _compare(self, words: list[str]) -> tuple[bool, list[str]]:
        """Whether a condition holds, and the words after it. What a packet does not have compares to nothing."""
        fields, words = _fields(words)
        negated = words[0] == "!="
        value, rest = words[negated], words[negated + 1 :]
        actual = [self._field(field) for field in fields]
        if any(item is None for item in actual):
            return False, rest
        return self._is_one_of(actual, value) is not negated, rest

    def _is_one_of(self, actual: list[str | int | None], value: str) -> bool:
        candidates = self.rule_set.sets[value[1:]].elements if value.startswith("@") else [value]
        return any(
            all(_equals(*pair) for pair in zip(actual, candidate.split(" . "), strict=True))
            for candidate in candidates
        )

    def _field(self, name: str) -> str | int | None:
        """The value of a field, or None where the packet does not have it."""
        packet, ip = self.packet, _IP_WORDS[self.packet.ip_version]
        icmp = _ICMP_WORDS[self.packet.ip_version]
        is_icmp = ICMP_VERSIONS.get(packet.protocol) == packet.ip_version
        values = {
            "iifname": None if packet.path is Path.OUT else packet.interface,
            "oifname": packet.interface if packet.path is Path.OUT else packet.out_interface,
            "meta nfproto": f"ipv{packet.ip_version}",
            "meta l4proto": packet.protocol,
            "meta pkttype": "host",  # to nobody else
            "ether saddr": packet.source_mac,
            f"{ip} saddr": packet.source,
            f"{ip} daddr": self._destination(),
            "ip6 hoplimit": packet.hop_limit if packet.ip_version == 6 else None,
            "th sport": packet.source_port,
            "th dport": self._destination_port(),
            f"{icmp} type": packet.icmp_type if is_icmp else None,
            f"{icmp} code": packet.icmp_code if is_icmp else None,
            "ct state": self._state(name),
        }
        known = {*values, *(f"{word} {end}" for word in ("ip", "ip6") for end in ("saddr", "daddr"))}
        assert name in known | {f"{word} {part}" for word in ("icmp", "icmpv6") for part in ("type", "code")}
        return values.get(name)

    def _state(self, name: str) -> str | None:
        if name != "ct state":
            return None
        assert self.priority > _TRACKING, "nothing is tracked yet"
        return str(self.packet.state) if self.tracked else "untracked"

    def _destination(self) -> str:
        original = self.packet.original_destination if self.priority < _TRANSLATION else None
        return self.packet.destination if original is None else original

    def _destination_port(self) -> int | None:
        original = self.packet.original_destination_port if self.priority < _TRANSLATION else None
        return self.packet.destination_port if original is None else original


def _fields(words: list[str]) -> tuple[list[str], list[str]]:
    """The fields that are compared or looked up, and the words after them."""
    size = 1 if words[0] in {"iifname", "oifname"} else 2
    fields = [" ".join(words[:size])]
    words = words[size:]
    while words[0] == ".":
        fields.append(" ".join(words[1:3]))
        words = words[3:]
    return fields, words


def _is_key(actual: list[str | int | None], key: str) -> bool:
    return all(_equals(*pair) for pair in zip(actual, key.split(" . "), strict=True))


def condition_matches(condition: str, sets: RuleSet, packet: Packet) -> bool:
    """Whether a condition without a verdict matches."""
    return Passage(sets, packet).statements([*condition.split(), "accept"]) == ["accept"]


def walk(rule_set: RuleSet, packet: Packet, mark: int = 0) -> Fate:
    """What becomes of a packet that arrives with a mark."""
    return Passage(rule_set, packet, mark).fate()


def _equals(actual: str | int | None, value: str) -> bool:
    if isinstance(actual, int):
        first, _, last = value.partition("-")
        return int(first) <= actual <= int(last or first)
    assert actual is not None
    if value.startswith('"'):
        name = value.strip('"')
        return actual.startswith(name[:-1]) if name.endswith("*") else actual == name
    if _MAC.fullmatch(value) is None and ("." in value or ":" in value):
        return _inside(actual, value)
    return actual in value.split(",")


def _inside(address: str, net: str) -> bool:
    return (":" in address) == (":" in net) and ipaddress.ip_address(address) in ipaddress.ip_network(net)
