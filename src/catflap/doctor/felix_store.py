"""What keys that were written for Calico's old agent mean to Catflap, where that is something else.

It looks at the tree ``/calico/v1`` as it is stored, whichever host's keys they are. Objects that are the same to both
agents are not mentioned. Nothing here may fail because of what is stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from catflap.doctor.felix_configuration import stored_value_findings
from catflap.doctor.finding import Finding, Level
from catflap.model.decode import decode
from catflap.model.resources import DEFAULT_TIER, HostEndpoint
from catflap.model.v1_keys import V1_ROOT

CHECK: Final = "felix-store"
_READY: Final = f"{V1_ROOT}Ready"
_RULE_LISTS: Final = ("inbound_rules", "outbound_rules")
_OTHER: Final = {4: 6, 6: 4}


def store_findings(entries: Mapping[str, bytes]) -> Iterator[Finding]:
    """Everything that differs, by key."""
    tree = {
        path.removeprefix(V1_ROOT): value
        for path, value in sorted(entries.items())
        if path.startswith(V1_ROOT)
    }
    yield from _ready(entries)
    yield from _invalid(entries)
    yield from _configuration(tree)
    yield from _tiers(tree)
    yield from _rules(tree)
    yield from _endpoints(entries)
    yield from _labels(tree)
    yield from _pools(tree)


def _ready(entries: Mapping[str, bytes]) -> Iterator[Finding]:
    if entries.get(_READY) != b"true":
        message = "is not exactly 'true': Catflap enforces nothing of this store until it is"
        yield _finding(Level.PROBLEM, "Ready", message, "catflap init")


def _invalid(entries: Mapping[str, bytes]) -> Iterator[Finding]:
    for path, value in sorted(entries.items()):
        for problem in decode(path, value).problems if path.startswith(V1_ROOT) else ():
            name = path.removeprefix(V1_ROOT)
            if name.endswith("/bird_ip"):
                continue
            message = f"counts as missing for Catflap: {' '.join(problem.reasons)}"
            yield _finding(Level.PROBLEM, name, message, "correct it; the old agent may have enforced it")


def _configuration(tree: Mapping[str, bytes]) -> Iterator[Finding]:
    by_source: dict[str, dict[str, str]] = defaultdict(dict)
    for name, value in tree.items():
        match name.split("/"):
            case ["config", parameter]:
                by_source["store"][parameter] = value.decode(errors="replace")
            case ["host", host, "config", parameter]:
                by_source[f"store, host {host}"][parameter] = value.decode(errors="replace")
    for source, values in by_source.items():
        yield from stored_value_findings(values, source)


def _tiers(tree: Mapping[str, bytes]) -> Iterator[Finding]:
    """Policies in tiers without metadata: the old agent ignored all of them."""
    policies: dict[str, list[str]] = defaultdict(list)
    for name in tree:
        match name.split("/"):
            case ["policy", "tier", tier, "policy", policy]:
                policies[tier].append(policy)
    for tier, names in policies.items():
        if f"policy/tier/{tier}/metadata" in tree:
            continue
        title, count = f"policy/tier/{tier}", f"{len(names)} polic{'y' if len(names) == 1 else 'ies'}"
        if tier == DEFAULT_TIER:
            message = f"has no metadata: the old agent ignores its {count}, Catflap enforces them, last of all tiers"
            yield _finding(Level.WARNING, title, message, "delete those that are not meant to be enforced")
        else:
            message = f"has no metadata: neither agent enforces its {count}"
            yield _finding(Level.NOTE, title, message, "write its metadata, or delete them")


def _rules(tree: Mapping[str, bytes]) -> Iterator[Finding]:
    """Rules with a network of one IP version, which the old agent left out for the other: the rest of the rule held."""
    for name, value in tree.items():
        data = _json_object(value) if name.startswith("policy/") else {}
        for field in _RULE_LISTS:
            rules = data.get(field)
            for index, rule in enumerate(rules if isinstance(rules, list) else ()):
                yield from _rule(f"{name}, {field}[{index}]", rule)


def _rule(title: str, rule: Any) -> Iterator[Finding]:
    if not isinstance(rule, dict) or rule.get("ip_version") is not None:
        return
    versions = {
        6 if ":" in net else 4 for net in map(rule.get, ("src_net", "dst_net")) if isinstance(net, str)
    }
    action = rule.get("action", "allow")
    if len(versions) == 1 and rule.get("protocol") not in ("icmp", "icmpv6") and action != "log":
        (version,) = versions
        other = _OTHER[version]
        message = (
            f"has an IPv{version} network: the old agent applied the rest of the rule to all of IPv{other} "
            f"({action}), Catflap applies it to IPv{version} only"
        )
        yield _finding(
            Level.WARNING, title, message, f"add a rule with the IPv{other} network, if IPv{other} is wanted"
        )


def _endpoints(entries: Mapping[str, bytes]) -> Iterator[Finding]:
    claimed: dict[tuple[str | None, str], str] = {}
    for path, value in sorted(entries.items()):
        name = path.removeprefix(V1_ROOT)
        for change in decode(path, value).changes if path.startswith(f"{V1_ROOT}host/") else ():
            if isinstance(change.resource, HostEndpoint):
                yield from _endpoint(name, change.resource)
                yield from _claims(name, change.resource, claimed)


def _endpoint(name: str, endpoint: HostEndpoint) -> Iterator[Finding]:
    versions = {6 if ":" in address else 4 for address in endpoint.expected_ips}
    if not endpoint.interfaces and len(versions) == 1:
        (version,) = versions
        other = _OTHER[version]
        message = (
            f"is known by an IPv{version} address only: the old agent leaves IPv{other} on its interface open, "
            "Catflap polices both"
        )
        yield _finding(Level.WARNING, name, message, f"see that policy allows what IPv{other} is used for")
    if any("." in interface for interface in endpoint.interfaces):
        message = "names an interface with a dot: the old agent refuses that, Catflap polices it"
        yield _finding(Level.WARNING, name, message, "see that policy allows what is used there")
    if not endpoint.expected_ips:
        message = "has no expected addresses: rules of other endpoints cannot mean it by label or tag, in either agent"
        yield _finding(Level.NOTE, name, message, "add expected_ipv4_addrs and expected_ipv6_addrs")


def _claims(
    name: str, endpoint: HostEndpoint, claimed: dict[tuple[str | None, str], str]
) -> Iterator[Finding]:
    for what in (*endpoint.interfaces, *endpoint.expected_ips):
        first = claimed.setdefault((endpoint.node, what), name)
        if first != name:
            message = (
                f"is for {what}, as {first} is: Catflap polices it by the one whose name sorts first; "
                "in the old agent they overwrite each other"
            )
            yield _finding(Level.WARNING, name, message, "delete one of them")


def _labels(tree: Mapping[str, bytes]) -> Iterator[Finding]:
    """Two profiles of an endpoint that give one label different values: the last won, now the first does."""
    labels = {
        name.split("/")[2]: _json_object(value)
        for name, value in tree.items()
        if name.startswith("policy/profile/") and name.endswith("/labels")
    }
    for name, value in tree.items():
        endpoint = _json_object(value) if name.startswith("host/") and "/endpoint/" in name else {}
        own, profiles = endpoint.get("labels"), endpoint.get("profile_ids")
        seen: dict[str, Any] = dict.fromkeys(own, None) if isinstance(own, dict) else {}
        for profile in profiles if isinstance(profiles, list) else ():
            for label, given in labels.get(profile, {}).items() if isinstance(profile, str) else ():
                if seen.setdefault(label, given) not in (None, given):
                    message = (
                        f"gets label {label} from several profiles: the last one counts in the old agent ({given}), "
                        f"the first one in Catflap ({seen[label]})"
                    )
                    yield _finding(Level.WARNING, name, message, "give the endpoint the label itself")


def _pools(tree: Mapping[str, bytes]) -> Iterator[Finding]:
    for name, value in tree.items():
        if name.startswith("ipam/") and _json_object(value).get("masquerade"):
            message = "asks for masquerading, which the old agent does and Catflap does not"
            yield _finding(Level.PROBLEM, name, message, "masquerade by a table of your own, in nftables")


def _json_object(value: bytes) -> Mapping[str, Any]:
    """The object that is stored; an empty one where there is none, which somebody else tells of."""
    try:
        data = msgspec.json.decode(value)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _finding(level: Level, name: str, message: str, remedy: str) -> Finding:
    return Finding(level, CHECK, name, message, remedy)
