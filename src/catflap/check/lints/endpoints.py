"""Lints about endpoints: their profiles, and who else claims their interfaces."""

from __future__ import annotations

from collections.abc import Iterator

from catflap.check.inventory import Entry, Inventory
from catflap.check.lints.lint import Remark
from catflap.model.names import suggestion
from catflap.model.resources import HostEndpoint, ProfileRules

_BUILT_IN = "projectcalico-default-allow"  # exists without being stored


def missing_profile(inventory: Inventory) -> Iterator[Remark]:
    """An endpoint names a profile that does not exist: what reaches it is denied."""
    known = {_BUILT_IN, *(each.resource.name for each in inventory.of(ProfileRules))}
    for endpoint in inventory.endpoints:
        for number, profile in enumerate(endpoint.resource.profiles):
            if profile not in known:
                yield Remark(
                    endpoint.source,
                    f"spec.profiles[{number}]",
                    f"there is no profile {profile!r} here; where there is none, packets that no tier decides about"
                    f" are denied.{suggestion(profile, known)}",
                )


def conflicting_labels(inventory: Inventory) -> Iterator[Remark]:
    """Two profiles of an endpoint give one label different values, and the endpoint does not decide it."""
    for endpoint in inventory.endpoints:
        given: dict[str, tuple[str, str]] = {}
        for number, profile in enumerate(endpoint.resource.profiles):
            for label, value in inventory.profile_labels(profile).items():
                first, first_value = given.setdefault(label, (profile, value))
                if value != first_value and label not in endpoint.resource.labels:
                    yield Remark(
                        endpoint.source,
                        f"spec.profiles[{number}]",
                        f"profile {profile} says {label} is {value!r}, and profile {first}, which comes first and"
                        f" wins, {first_value!r}. Give the endpoint the label itself.",
                    )


def interface_claimed_twice(inventory: Inventory) -> Iterator[Remark]:
    """Two host endpoints of one host for the same interface: one of them polices nothing."""
    claims: dict[tuple[str, str], Entry[HostEndpoint]] = {}
    for endpoint in sorted(inventory.of(HostEndpoint), key=lambda each: each.resource.name):
        for claim in _claims(endpoint.resource):
            winner = claims.setdefault((_host(endpoint.resource), claim), endpoint)
            if winner is not endpoint:
                yield Remark(
                    endpoint.source,
                    "spec.interfaceName" if endpoint.resource.interfaces else "spec.expectedIPs",
                    f"{claim} on {_host(endpoint.resource)} belongs to {winner.source.name}"
                    f" ({winner.source.file}:{winner.source.line()}) already, which wins since its name sorts first."
                    " Remove one of the two.",
                )


def _claims(endpoint: HostEndpoint) -> tuple[str, ...]:
    return endpoint.interfaces or endpoint.expected_ips


def _host(endpoint: HostEndpoint) -> str:
    return f"nodes with {endpoint.node_selector}" if endpoint.node is None else endpoint.node
