"""What each path below ``/calico/v1/`` stands for."""

from __future__ import annotations

import functools

from catflap.model.resources import ConfigurationValues, Kind, ReadyFlag, Resource, ResourceKey
from catflap.model.target import Target
from catflap.model.v1_endpoint import read_host_endpoint
from catflap.model.v1_policy import (
    read_policy,
    read_profile_labels,
    read_profile_rules,
    read_profile_tags,
    read_tier,
)
from catflap.model.v1_workload import read_workload_endpoint
from catflap.model.validation import read_text

V1_ROOT = "/calico/v1/"

_PROFILE_PARTS = {
    "rules": (Kind.PROFILE_RULES, read_profile_rules),
    "tags": (Kind.PROFILE_TAGS, read_profile_tags),
    "labels": (Kind.PROFILE_LABELS, read_profile_labels),
}


def v1_target(path: str) -> Target | str:
    """What a path below `V1_ROOT` stands for, or why it is not ours."""
    match path.removeprefix(V1_ROOT).split("/"):
        case ["Ready"]:
            return Target("Ready flag", (ResourceKey(Kind.READY, "Ready"),), _read_ready)
        case ["config", name] if name:
            return _configuration(None, name)
        case ["host", host, "config", name] if host and name:
            return _configuration(host, name)
        case ["host", host, "endpoint", name]:
            key = ResourceKey(Kind.HOST_ENDPOINT, name, host)
            read = functools.partial(read_host_endpoint, host, name)
            return Target(f"host endpoint HostEndpointId<{name}>", (key,), read)
        case ["host", host, "workload", orchestrator, workload, "endpoint", name]:
            key = ResourceKey(Kind.WORKLOAD_ENDPOINT, name, f"{host}/{orchestrator}/{workload}")
            read = functools.partial(read_workload_endpoint, host, name)
            return Target(f"endpoint WloadEndpointId<{name}>", (key,), read)
        case ["policy", "tier", tier, "metadata"]:
            read = functools.partial(read_tier, tier)
            return Target(f"tier data for tier {tier}", (ResourceKey(Kind.TIER, tier),), read)
        case ["policy", "tier", tier, "policy", name]:
            key = ResourceKey(Kind.POLICY, name, tier)
            return Target(f"policy {tier}/{name}", (key,), functools.partial(read_policy, tier, name))
        case ["policy", "profile", name, part] if part in _PROFILE_PARTS:
            kind, read_part = _PROFILE_PARTS[part]
            key = ResourceKey(kind, name)
            return Target(f"profile {name} {part}", (key,), functools.partial(read_part, name))
        case segments:
            return _why_ignored(segments)


def _why_ignored(segments: list[str]) -> str:
    match segments:
        case ["host", _, "bird_ip" | "bird6_ip"]:
            return "BGP data"
        case ["ipam", *_]:
            return "IPAM data"
        case _:
            return "unknown key"


def _configuration(host: str | None, name: str) -> Target:
    owner = f"host {host}" if host else "all hosts"
    return Target(
        subject=f"configuration parameter {name} of {owner}",
        keys=(ResourceKey(Kind.CONFIGURATION, name, host or ""),),
        read=functools.partial(_read_parameter, host, name),
    )


def _read_parameter(host: str | None, name: str, raw: bytes) -> tuple[Resource, ...]:
    return (ConfigurationValues(host, {name: read_text(raw)}),)


def _read_ready(raw: bytes) -> tuple[Resource, ...]:
    """Only exactly ``true`` counts; text that is not even UTF-8 does not."""
    text = raw.decode(errors="replace")
    return (ReadyFlag(text == "true", text),)
