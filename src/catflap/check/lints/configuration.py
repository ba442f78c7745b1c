"""Lints about the agent's parameters: values that it would refuse, and failsafe lists that leave somebody outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from catflap.agent.failsafe import DEFAULT_INBOUND, DEFAULT_OUTBOUND
from catflap.agent.parameters import PARAMETERS, WITHOUT_EFFECT
from catflap.check.inventory import Inventory
from catflap.check.lints.lint import Remark
from catflap.check.source import SourceObject
from catflap.model.names import suggestion
from catflap.model.resources import ConfigurationValues
from catflap.policy.host_policy import FailsafePort


class _Failsafe(msgspec.Struct, frozen=True):
    default: tuple[FailsafePort, ...]
    what: str
    consequence: str


_INBOUND, _OUTBOUND = "failsafeinboundhostports", "failsafeoutboundhostports"
_FAILSAFES: Mapping[str, _Failsafe] = {
    _INBOUND: _Failsafe(
        DEFAULT_INBOUND, "the port of SSH (tcp 22)", "a slip in policy can lock administrators out"
    ),
    _OUTBOUND: _Failsafe(
        DEFAULT_OUTBOUND,
        "every port of etcd (tcp 2379)",
        "a slip in policy can cut agents off from their store",
    ),
}


def bad_values(inventory: Inventory) -> Iterator[Remark]:
    """A value that the agents would refuse."""
    for source, name, raw in _parameters(inventory):
        parameter = PARAMETERS.get(name.lower())
        if parameter is not None and parameter.in_store:
            try:
                parameter.parse(raw)
            except ValueError as error:
                yield Remark(source, f"spec.{name}", f"{error}; agents keep the value before it.")


def without_effect(inventory: Inventory) -> Iterator[Remark]:
    """A parameter that does nothing, or none that is known."""
    for source, name, _ in _parameters(inventory):
        parameter = PARAMETERS.get(name.lower())
        if parameter is None:
            known = [each.name for each in PARAMETERS.values() if each.in_store]
            unknown = f"the parameter is not known, and has no effect.{suggestion(name, known)}"
            reason = WITHOUT_EFFECT.get(name.lower())
            yield Remark(source, f"spec.{name}", f"it has no effect: {reason}." if reason else unknown)
        elif not parameter.in_store:
            yield Remark(
                source, f"spec.{name}", "it has no effect here: set it in the host's environment or file."
            )


def failsafe_without_ssh(inventory: Inventory) -> Iterator[Remark]:
    """An inbound list under which a bad policy can shut administrators out."""
    return _failsafe(inventory, _INBOUND)


def failsafe_without_etcd(inventory: Inventory) -> Iterator[Remark]:
    """An outbound list under which a bad policy can cut the agents off."""
    return _failsafe(inventory, _OUTBOUND)


def _failsafe(inventory: Inventory, list_name: str) -> Iterator[Remark]:
    failsafe = _FAILSAFES[list_name]
    for source, name, raw in _parameters(inventory):
        if name.lower() != list_name:
            continue
        try:
            entries = PARAMETERS[list_name].parse(raw)
        except ValueError:  # `bad_values` says so
            continue
        if not any(_covers(entry, usual) for entry in entries for usual in failsafe.default):
            yield Remark(source, f"spec.{name}", f"the list lacks {failsafe.what}: {failsafe.consequence}.")


def _covers(entry: FailsafePort, usual: FailsafePort) -> bool:
    return entry.protocol == usual.protocol and entry.ports.first <= usual.ports.first <= entry.ports.last


def _parameters(inventory: Inventory) -> Iterator[tuple[SourceObject, str, object]]:
    for each in inventory.of(ConfigurationValues):
        for name, raw in each.resource.values.items():
            yield each.source, name, raw
