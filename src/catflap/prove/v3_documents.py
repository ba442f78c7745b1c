"""Draws objects of a world as ``projectcalico.org/v3`` documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from catflap.model.resources import PORT_PROTOCOLS, PROTOCOL_NUMBERS
from catflap.prove import pools
from catflap.prove.draw import Draw
from catflap.prove.topology import LOCAL, REMOTE

_API_VERSION: Final = "projectcalico.org/v3"
# Exact names, patterns, one that does not exist, and one that only a workload may have.
_INTERFACES: Final = (
    *("eth0", "eth0", "eth1", "ens7", "tap0", "lo", "cali1", "missing0"),
    *("*", "*", "eth*", "e*", "ens*", "tap*"),
)
_V3_NAMES: Final = {
    "tcp": "TCP",
    "udp": "UDP",
    "icmp": "ICMP",
    "icmpv6": "ICMPv6",
    "sctp": "SCTP",
    "udplite": "UDPLite",
}
_OF_OTHER_VERSION: Final[Mapping[int | None, tuple[str | int, ...]]] = {
    None: (),
    4: ("ICMPv6", 58),
    6: ("ICMP", 1),
}
LOCAL_ADDRESSES: Final = tuple(address for addresses in LOCAL.values() for address in addresses)
ADDRESSES: Final = tuple(
    address for table in (LOCAL, REMOTE) for addresses in table.values() for address in addresses
)


def document(kind: str, name: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """A document."""
    return {"apiVersion": _API_VERSION, "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}


def labels(draw: Draw) -> dict[str, str]:
    """Some labels."""
    return {name: draw.pick(pools.LABELS[name]) for name in draw.some(tuple(pools.LABELS), 0, 3)}


def host_endpoint(draw: Draw, name: str) -> dict[str, Any]:
    """An endpoint of this host, of another one, or of all hosts with some labels."""
    own = draw.chance(0.75)
    spec: dict[str, Any] = {"node": pools.THIS_HOST if own else draw.pick(pools.OTHER_HOSTS)}
    if own and draw.chance(0.8):
        several = draw.chance(0.15)
        spec["interfaceName"] = draw.some(_INTERFACES, 1, 3) if several else draw.pick(_INTERFACES)
    if own and "interfaceName" in spec and draw.chance(0.15):
        del spec["node"]
        spec["nodeSelector"] = draw.pick(pools.NODE_SELECTORS)
    elif "interfaceName" not in spec or draw.chance(0.6):
        spec["expectedIPs"] = draw.some(LOCAL_ADDRESSES if own else ADDRESSES, 1, 3)
    return document("HostEndpoint", name, spec | _endpoint_fields(draw), labels=labels(draw))


def _endpoint_fields(draw: Draw) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if draw.chance(0.6):
        fields["profiles"] = profiles(draw)
    if draw.chance(0.4):
        fields["ports"] = [
            {"name": name, "protocol": draw.pick(("TCP", "UDP")), "port": draw.pick((80, 53, 443))}
            for name in draw.some(("http", "dns"), 1, 2)
        ]
    return fields


def profiles(draw: Draw) -> list[str]:
    """Names of profiles, sometimes of one that does not exist."""
    return draw.some(pools.PROFILES, 1, 2) + ([pools.MISSING_PROFILE] if draw.chance(0.15) else [])


def node(draw: Draw) -> dict[str, Any]:
    """This host, for selectors of hosts."""
    return document("Node", pools.THIS_HOST, {}, labels={"rack": draw.pick(("r1", "r2"))})


def workload_endpoint(draw: Draw, number: int) -> dict[str, Any]:
    """A workload's interface; mostly on this host, mostly with the address that is routed to it."""
    interface = draw.pick(("cali1", "cali2", "cali2", "cali3", "tap0"))
    host = pools.THIS_HOST if draw.chance(0.8) else draw.pick(pools.OTHER_HOSTS)
    networks = list(REMOTE[interface]) if draw.chance(0.8) else draw.some(ADDRESSES, 1, 2)
    spec: dict[str, Any] = {
        "node": host,
        "orchestrator": "lab",
        "workload": f"w{number}",
        "endpoint": "eth0",
        "interfaceName": interface,
        "ipNetworks": [f"{address}/{128 if ':' in address else 32}" for address in networks],
        **_endpoint_fields(draw),
    }
    if draw.chance(0.4):
        spec["mac"] = draw.pick(("02:00:00:00:02:05", "02:00:00:00:02:06", "02:aa:aa:aa:aa:aa"))
    if draw.chance(0.2):
        spec["allowSpoofedSourcePrefixes"] = draw.some(pools.NETS[1:], 1, 2)
    name = f"{host}-lab-w{number}-eth0"
    return document("WorkloadEndpoint", name, spec, labels=labels(draw), namespace="default")


def network_set(draw: Draw, name: str) -> dict[str, Any]:
    """Networks under labels, which may overlap."""
    return document("GlobalNetworkSet", name, {"nets": draw.some(pools.NETS, 0, 4)}, labels=labels(draw))


def tier(draw: Draw, name: str) -> dict[str, Any]:
    """A tier; the default one exists without a document, too."""
    spec: dict[str, Any] = {"order": draw.number(1, 3)} if draw.chance(0.8) else {}
    if draw.chance(0.6):
        spec["defaultAction"] = draw.pick(("Pass", "Pass", "Deny"))
    return document("Tier", name, spec)


def profile(draw: Draw, name: str) -> dict[str, Any]:
    """Rules and labels to inherit."""
    spec: dict[str, Any] = {side: rules(draw, "profile") for side in ("ingress", "egress")}
    spec["labelsToApply"] = labels(draw)
    return document("Profile", name, spec)


def policy(draw: Draw, name: str) -> dict[str, Any]:
    """A policy of any kind."""
    kind = draw.weighted((10, "normal"), (4, "forward"), (3, "doNotTrack"), (3, "preDNAT"))
    its_tier = tier_name(draw)
    spec: dict[str, Any] = {"selector": draw.pick(("all()", "all()", *pools.SELECTORS))}
    if its_tier != "default" or draw.chance(0.3):
        spec["tier"] = its_tier
    if draw.chance(0.7):
        spec["order"] = draw.pick((1, 2, 2, 2.5, -1))
    spec["ingress"] = rules(draw, kind)
    if kind != "preDNAT":
        spec["egress"] = rules(draw, kind)
    if draw.chance(0.5):
        types = ["Ingress"] if kind == "preDNAT" else draw.some(("Ingress", "Egress"), 1, 2)
        spec["types"] = types
    if kind == "preDNAT":
        spec["types"] = ["Ingress"]
    if kind != "normal":
        spec["applyOnForward"] = True
    if kind in ("doNotTrack", "preDNAT"):
        spec[kind] = True
    full_name = f"{its_tier}.{name}" if draw.chance(0.5) else name
    return document("GlobalNetworkPolicy", full_name, spec)


def tier_name(draw: Draw) -> str:
    """The name of a tier, sometimes of one that does not exist."""
    return pools.MISSING_TIER if draw.chance(0.08) else draw.pick(pools.TIERS)


def network_policy(draw: Draw, name: str) -> dict[str, Any]:
    """A policy of the namespace that workloads are in."""
    spec: dict[str, Any] = {
        "selector": draw.pick(("all()", *pools.SELECTORS)),
        "order": draw.pick((1, 2, 3)),
        "ingress": rules(draw, "normal"),
        "egress": rules(draw, "normal"),
    }
    return document("NetworkPolicy", name, spec, namespace="default")


def rules(draw: Draw, kind: str) -> list[dict[str, Any]]:
    """A few rules for a policy of a kind, rarely many that are alike."""
    if draw.chance(0.04):
        return _alike(draw)
    return [rule(draw, kind) for _ in range(draw.weighted((1, 0), (3, 1), (4, 2), (3, 4)))]


def _alike(draw: Draw) -> list[dict[str, Any]]:
    """A long list of rules that differ in their values only, as people write them for many clients."""
    protocol, ports, nets = draw.pick(("TCP", "UDP")), draw.chance(0.7), draw.chance(0.7)
    made = []
    for _ in range(draw.number(8, 40)):
        one: dict[str, Any] = {
            "action": draw.weighted((6, "Allow"), (3, "Deny"), (1, "Log")),
            "protocol": protocol,
        }
        if nets:
            one["source"] = {"nets": [draw.pick(pools.NETS[1:])]}
        if ports or not nets:
            one["destination"] = {"ports": [port(draw)]}
        made.append(one)
    return made


def rule(draw: Draw, kind: str) -> dict[str, Any]:
    """A rule with few fields: one with many matches nothing."""
    fields: dict[str, Any] = {"action": _action(draw, kind)}
    version = draw.weighted((8, None), (1, 4), (1, 6))
    if version:
        fields["ipVersion"] = version
    protocol = _protocol(draw, version)
    if protocol is not None:
        fields["protocol"] = protocol
    if draw.chance(0.1):
        fields["notProtocol"] = draw.pick(_protocols())
    number = PROTOCOL_NUMBERS.get(str(protocol).lower(), protocol)
    if number in pools.ICMP_TYPES:
        fields |= _icmp(draw, number)
        version = 4 if number == 1 else 6
    for end in ("source", "destination"):
        peer = _peer(draw, version, ports=number in PORT_PROTOCOLS)
        if peer:
            fields[end] = peer
    return fields


def _action(draw: Draw, kind: str) -> str:
    if kind == "doNotTrack":
        return draw.weighted((5, "Allow"), (4, "Deny"), (2, "Pass"), (1, "Log"))
    return draw.weighted((7, "Allow"), (5, "Deny"), (3, "Pass"), (2, "Log"), (2, "Reject"))


def _protocols() -> tuple[str | int, ...]:
    return (*_V3_NAMES.values(), *pools.PROTOCOL_NUMBERS)


def _protocol(draw: Draw, version: int | None) -> str | int | None:
    if draw.chance(0.35):
        return None
    protocol = draw.weighted((4, "TCP"), (4, "UDP"), (1, "ICMP"), (1, "ICMPv6"), (3, None)) or draw.pick(
        _protocols()
    )
    return None if protocol in _OF_OTHER_VERSION[version] else protocol


def _icmp(draw: Draw, protocol: int) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, probability in (("icmp", 0.5), ("notICMP", 0.4)):
        if draw.chance(probability):
            fields[name] = {"type": draw.pick(pools.ICMP_TYPES[protocol])}
            if draw.chance(0.3):
                fields[name]["code"] = draw.pick(pools.ICMP_CODES)
    return fields


def _peer(draw: Draw, version: int | None, *, ports: bool) -> dict[str, Any]:
    peer: dict[str, Any] = {}
    nets = {None: pools.NETS, 4: pools.NETS4, 6: pools.NETS6}[version]
    for name, probability in (("nets", 0.2), ("notNets", 0.08)):
        if draw.chance(probability):
            peer[name] = draw.some(nets, 1, 3)
    for name, probability in (("selector", 0.2), ("notSelector", 0.08)):
        if draw.chance(probability):
            peer[name] = draw.pick(pools.SELECTORS)
    for name, probability in (("ports", 0.35), ("notPorts", 0.15)):
        if ports and draw.chance(probability):
            peer[name] = [port(draw) for _ in range(draw.number(1, 3))]
    return peer


def port(draw: Draw) -> str | int:
    """A port, a range or a name."""
    if draw.chance(0.5):
        return draw.pick(pools.SINGLE_PORTS)
    first, last = draw.pick(pools.PORT_RANGES)
    return f"{first}:{last}" if draw.chance(0.5) else draw.pick(pools.PORT_NAMES)
