"""Transactions and whether nf_tables takes them. The fake and the real kernel must both behave so."""

from __future__ import annotations

import msgspec


class Step(msgspec.Struct, frozen=True):
    commands: str
    accepted: bool = True


def _block(*lines: str) -> str:
    return "\n".join(["table inet catflap {", *(f"\t{line}" for line in lines), "}", ""])


def _set(name: str, type_: str = "ipv4_addr", flags: str = "", elements: str = "") -> tuple[str, ...]:
    inner = [
        f"type {type_}",
        *([f"flags {flags}"] if flags else []),
        *([f"elements = {elements}"] if elements else []),
    ]
    return (f"set {name} {{", *(f"\t{line}" for line in inner), "}")


def _map(name: str, elements: str = "", type_: str = "ifname") -> tuple[str, ...]:
    inner = [f"type {type_} : verdict", *([f"elements = {elements}"] if elements else [])]
    return (f"map {name} {{", *(f"\t{line}" for line in inner), "}")


def _chain(name: str, *rules: str) -> tuple[str, ...]:
    return (f"chain {name} {{", *(f"\t{rule}" for rule in rules), "}")


_BASE = "type filter hook input priority -5; policy accept;"
_TABLE = Step(_block())
_HASH = Step(_block(*_set("s", elements="{ 10.0.0.1 }")))
_INTERVAL = Step(_block(*_set("s", flags="interval", elements="{ 10.0.0.0/8 }")))
_JUMP = Step(_block(*_chain("a", "jump b"), *_chain("b", "drop")))
_COUNTED = Step(_block("counter c {", "}", *_chain("a", "counter name c drop")))
_VMAP = Step(_block(*_map("m", '{ "eth0" : jump a }'), *_chain("a")))


def _one(command: str, *, accepted: bool = True) -> Step:
    return Step(f"{command}\n", accepted)


def _refused(command: str) -> Step:
    return _one(command, accepted=False)


SCENARIOS: dict[str, tuple[Step, ...]] = {
    "a counter, again and again": (_COUNTED, _COUNTED),
    "a counter that nothing refers to": (
        _COUNTED,
        _one("flush chain inet catflap a\ndelete counter inet catflap c"),
    ),
    "a counter in use stays": (_COUNTED, _refused("delete counter inet catflap c")),
    "no such counter": (_COUNTED, _refused("delete counter inet catflap d")),
    "a rule that refers to no counter": (
        Step(_block(*_chain("a", "counter name c drop")), accepted=False),
        _TABLE,
    ),
    "a counter and a set of one name": (_COUNTED, Step(_block(*_set("c")))),
    "a block creates the table, again and again": (_TABLE, _TABLE),
    "deleting the table": (_JUMP, _VMAP, _one("delete table inet catflap")),
    "deleting no table": (_refused("delete table inet catflap"),),
    "without a table nothing can be changed": (_refused("flush chain inet catflap a"),),
    "a table deleted and made anew": (_HASH, Step("delete table inet catflap\n" + _block(*_chain("a")))),
    "a set in a block twice: elements add up": (
        _HASH,
        Step(_block(*_set("s", elements="{ 10.0.0.2, 10.0.0.1 }"))),
    ),
    "a set of another type": (_HASH, Step(_block(*_set("s", "ipv6_addr")), accepted=False)),
    "adding an element that is there": (_HASH, _one("add element inet catflap s { 10.0.0.1 }")),
    "adding to a missing set": (_TABLE, _refused("add element inet catflap s { 10.0.0.1 }")),
    "deleting an element": (_HASH, _one("delete element inet catflap s { 10.0.0.1 }")),
    "deleting an element that is not there": (_HASH, _refused("delete element inet catflap s { 10.0.0.2 }")),
    "flushing a set": (_HASH, _one("flush set inet catflap s")),
    "flushing a missing set": (_TABLE, _refused("flush set inet catflap s")),
    "networks that overlap": (_INTERVAL, _refused("add element inet catflap s { 10.1.0.0/16 }")),
    "networks that touch": (_INTERVAL, _one("add element inet catflap s { 11.0.0.0/8, 12.0.0.1 }")),
    "a network replaced by its halves": (
        _INTERVAL,
        Step(
            "delete element inet catflap s { 10.0.0.0/8 }\n"
            "add element inet catflap s { 10.0.0.0/9, 10.128.0.0/9 }\n"
        ),
    ),
    "a set flushed and filled in one transaction": (
        _INTERVAL,
        Step("flush set inet catflap s\nadd element inet catflap s { 10.0.0.0/9, 192.168.0.0/16 }\n"),
    ),
    "everything and nothing": (
        Step(_block(*_set("s", flags="interval", elements="{ 0.0.0.0/0 }"))),
        Step(_block(*_set("t", "ipv6_addr", flags="interval", elements="{ ::/0 }"))),
        Step(_block(*_set("p", "inet_service", flags="interval", elements="{ 0-65535 }"))),
    ),
    "ports": (
        Step(_block(*_set("p", "inet_service", flags="interval", elements="{ 0, 80-90, 443, 65535 }"))),
    ),
    "addresses that print in two ways": (
        Step(_block(*_set("s", "ipv6_addr", elements="{ ::ffff:102:304, 2001:db8::1 }"))),
        _one("delete element inet catflap s { ::ffff:102:304 }"),
    ),
    "a rule that names a set": (_HASH, Step(_block(*_chain("a", "ip saddr @s drop")))),
    "a rule that names a missing set": (Step(_block(*_chain("a", "ip saddr @s drop")), accepted=False),),
    "a comment that looks like a reference": (Step(_block(*_chain("a", 'drop comment "jump b @s"'))),),
    "a rule before the chain that it jumps to": (_JUMP,),
    "a rule that jumps to a missing chain": (Step(_block(*_chain("a", "jump b")), accepted=False),),
    "rules add up": (_JUMP, Step(_block(*_chain("b", "accept")))),
    "deleting a chain in use": (_JUMP, _refused("delete chain inet catflap b")),
    "deleting a chain with rules": (_JUMP, _one("delete chain inet catflap a")),
    "deleting chains that were emptied": (
        _JUMP,
        Step("flush chain inet catflap a\ndelete chain inet catflap b\ndelete chain inet catflap a\n"),
    ),
    "deleting a set in use": (
        _HASH,
        Step(_block(*_chain("a", "ip saddr @s drop"))),
        _refused("delete set inet catflap s"),
        _one("flush chain inet catflap a"),
        _one("delete set inet catflap s"),
    ),
    "an element that jumps to a missing chain": (
        Step(_block(*_map("m", '{ "eth0" : jump a }')), accepted=False),
    ),
    "deleting a chain that a map jumps to": (
        _VMAP,
        _refused("delete chain inet catflap a"),
        _one('delete element inet catflap m { "eth0" : jump a }'),
        _one("delete chain inet catflap a"),
    ),
    "an element that is there with another verdict": (
        _VMAP,
        Step(_block(*_chain("b"))),
        _refused('add element inet catflap m { "eth0" : jump b }'),
        Step(
            'delete element inet catflap m { "eth0" : jump a }\nadd element inet catflap m { "eth0" : jump b }\n'
        ),
    ),
    "a map deleted with its chain": (_VMAP, Step("delete map inet catflap m\ndelete chain inet catflap a\n")),
    "a map of another type": (_VMAP, Step(_block(*_map("m", type_="ipv4_addr")), accepted=False)),
    "flushing a map frees its chains": (
        _VMAP,
        Step("flush map inet catflap m\ndelete chain inet catflap a\n"),
    ),
    "a strange interface name": (Step(_block(*_map("m", '{ "a,b{;}$@" : jump a }'), *_chain("a"))),),
    "a base chain": (Step(_block(*_chain("input", _BASE, "drop"))), _one("delete chain inet catflap input")),
    "a base chain with another hook": (
        Step(_block(*_chain("input", _BASE))),
        Step(_block(*_chain("input", _BASE.replace("input", "output"))), accepted=False),
    ),
    "a failure undoes what stands before it": (
        _HASH,
        Step("flush set inet catflap s\n" + _block(*_chain("a", "jump b")), accepted=False),
    ),
    "an unknown command": (_refused("list bogus"),),
}
