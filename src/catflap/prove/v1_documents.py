"""Draws objects of a world as the guide writes them, in JSON below ``/calico/v1/``."""

from __future__ import annotations

from typing import Any, Final

from catflap.model.resources import PORT_PROTOCOLS, PROTOCOL_NUMBERS
from catflap.model.v1_keys import V1_ROOT
from catflap.prove import pools
from catflap.prove.draw import Draw
from catflap.prove.topology import REMOTE
from catflap.prove.v3_documents import ADDRESSES, LOCAL_ADDRESSES, labels, port, profiles, tier_name

Entry = tuple[str, Any]  # path and value

_INTERFACES: Final = ("eth0", "eth1", "ens7", "tap0", "lo", "e*", "*")


def host_endpoint(draw: Draw, name: str) -> Entry:
    """An endpoint of this host or of another one."""
    own = draw.chance(0.6)
    host = pools.THIS_HOST if own else draw.pick(pools.OTHER_HOSTS)
    value: dict[str, Any] = {"labels": labels(draw)}
    if own and draw.chance(0.7):
        value["name"] = draw.pick(_INTERFACES)
    if "name" not in value or draw.chance(0.5):
        expected = draw.some(LOCAL_ADDRESSES if own else ADDRESSES, 1, 3)
        value |= _by_version(expected, "expected_ipv{}_addrs")
    if draw.chance(0.6):
        value["profile_ids"] = profiles(draw)
    return f"{V1_ROOT}host/{host}/endpoint/{name}", value


def _by_version(addresses: list[str], field: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for address in addresses:
        found.setdefault(field.format(6 if ":" in address else 4), []).append(address)
    return found


def workload_endpoint(draw: Draw, number: int) -> Entry:
    """A workload's interface."""
    interface = draw.pick(("cali1", "cali2", "cali3", "cali3"))
    value: dict[str, Any] = {
        "state": "active" if draw.chance(0.9) else "inactive",
        "name": interface,
        "profile_ids": profiles(draw),
        "labels": labels(draw),
    }
    if draw.chance(0.4):
        value["mac"] = draw.pick(("02:00:00:00:02:07", "02:00:00:00:02:05"))
    nets = [f"{address}/{128 if ':' in address else 32}" for address in REMOTE[interface]]
    value |= {"ipv4_nets": [], "ipv6_nets": []} | _by_version(nets, "ipv{}_nets")
    return f"{V1_ROOT}host/{pools.THIS_HOST}/workload/lab/v{number}/endpoint/eth0", value


def tier(draw: Draw, name: str) -> Entry:
    """A tier's metadata."""
    order = draw.weighted((4, draw.number(1, 3)), (1, "default"))
    return f"{V1_ROOT}policy/tier/{name}/metadata", {"order": order}


def profile(draw: Draw, name: str) -> list[Entry]:
    """The three parts of a profile, each of which may be missing."""
    root = f"{V1_ROOT}policy/profile/{name}"
    parts = (
        ("rules", {side: rules(draw, "profile") for side in ("inbound_rules", "outbound_rules")}),
        ("tags", draw.some(pools.TAGS, 0, 2)),
        ("labels", labels(draw)),
    )
    return [(f"{root}/{part}", value) for part, value in parts if draw.chance(0.8)]


def policy(draw: Draw, name: str) -> Entry:
    """A policy of any kind."""
    kind = draw.weighted((10, "normal"), (4, "apply_on_forward"), (3, "untracked"), (3, "pre_dnat"))
    value: dict[str, Any] = {
        "selector": draw.pick(("all()", "all()", *pools.SELECTORS)),
        "inbound_rules": rules(draw, kind),
    }
    if kind != "pre_dnat":
        value["outbound_rules"] = rules(draw, kind)
    if draw.chance(0.7):
        value["order"] = draw.pick((1, 2, 2, 2.5, "default"))
    if draw.chance(0.3) or kind == "pre_dnat":
        value["types"] = ["ingress"] if kind == "pre_dnat" else draw.some(("ingress", "egress"), 1, 2)
    if kind != "normal":
        value["apply_on_forward"] = True
        value[kind] = True
    return f"{V1_ROOT}policy/tier/{tier_name(draw)}/policy/{name}", value


def rules(draw: Draw, kind: str) -> list[dict[str, Any]]:
    """A few rules for a policy of a kind."""
    return [_rule(draw, kind) for _ in range(draw.weighted((1, 0), (3, 1), (4, 2), (3, 4)))]


def _rule(draw: Draw, kind: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"action": _action(draw, kind)}
    protocol = None
    if draw.chance(0.65):
        protocol = draw.weighted((4, "tcp"), (4, "udp"), (1, "icmp"), (1, "icmpv6"), (3, None)) or draw.pick(
            (*pools.PROTOCOL_NAMES, *pools.PROTOCOL_NUMBERS)
        )
        fields["protocol"] = protocol
    if draw.chance(0.1):
        fields["log_prefix"] = draw.pick(("seen", "a very long prefix with spaces"))
    if draw.chance(0.1):
        fields["!protocol"] = draw.pick((*pools.PROTOCOL_NAMES, *pools.PROTOCOL_NUMBERS))
    number = PROTOCOL_NUMBERS.get(str(protocol), protocol if isinstance(protocol, int) else None)
    version = None
    if number in pools.ICMP_TYPES:
        version = 4 if number == 1 else 6
        fields |= _icmp(draw, number)
    elif draw.chance(0.15):
        version = fields["ip_version"] = draw.pick((4, 6))
    for end in ("src", "dst"):
        fields |= _peer(draw, end, version, ports=number in PORT_PROTOCOLS)
    return fields


def _action(draw: Draw, kind: str) -> str:
    reject = 0 if kind == "untracked" else 2
    return draw.weighted((7, "allow"), (5, "deny"), (3, "next-tier"), (2, "log"), (reject, "reject"))


def _icmp(draw: Draw, protocol: int) -> dict[str, int]:
    fields = {}
    for sign, probability in (("", 0.5), ("!", 0.4)):
        if draw.chance(probability):
            fields[f"{sign}icmp_type"] = draw.pick(pools.ICMP_TYPES[protocol])
            if draw.chance(0.3):
                fields[f"{sign}icmp_code"] = draw.pick(pools.ICMP_CODES)
    return fields


def _peer(draw: Draw, end: str, version: int | None, *, ports: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    nets = {None: pools.NETS, 4: pools.NETS4, 6: pools.NETS6}[version]
    for sign, scale in (("", 1.0), ("!", 0.4)):
        if draw.chance(0.2 * scale):
            several = draw.chance(0.3)
            fields[f"{sign}{end}_net{'s' * several}"] = draw.some(nets, 1, 3) if several else draw.pick(nets)
        if draw.chance(0.15 * scale):
            fields[f"{sign}{end}_selector"] = draw.pick(pools.SELECTORS)
        if draw.chance(0.1 * scale):
            fields[f"{sign}{end}_tag"] = draw.pick(pools.TAGS)
        if ports and draw.chance(0.35 * scale):
            fields[f"{sign}{end}_ports"] = [port(draw) for _ in range(draw.number(1, 3))]
    return fields
