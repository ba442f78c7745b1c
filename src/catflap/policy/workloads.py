"""Which of this host's workload endpoints are policed, and at which interface."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from catflap.model.resources import ResourceKey, WorkloadEndpoint
from catflap.policy.endpoints import describe

_NAMED = 5  # interfaces in one notice


class Workloads(msgspec.Struct, frozen=True):
    """The endpoints that are policed, in the order of their interfaces, and what users should know of the others."""

    policed: tuple[ResourceKey, ...] = ()
    notices: tuple[str, ...] = ()


def resolve_workloads(
    endpoints: Mapping[ResourceKey, WorkloadEndpoint],
    interfaces: Iterable[str],
    workload_prefixes: tuple[str, ...],
) -> Workloads:
    """Decide about all workload endpoints of a host. Of two active ones with one interface the lowest key wins.

    Args:
        endpoints: those of this host only.
        interfaces: the names of all interfaces that there are.
        workload_prefixes: how the names of workload interfaces begin.
    """
    policed: dict[str, ResourceKey] = {}
    notices = []
    for key, endpoint in sorted(endpoints.items()):
        interface = endpoint.interface_name
        if not interface.startswith(workload_prefixes):
            notices.append(_without_prefix(key, interface, workload_prefixes))
        elif not endpoint.active:
            notices.append(f"{_title(key)} is not active, so it does not open its interface {interface}")
        elif interface in policed:
            names = f"using {describe(policed[interface])}, not {describe(key)}"
            notices.append(f"Interface {interface} matched with multiple entries in datamodel; {names}")
        else:
            policed[interface] = key
    blocked = sorted(
        name for name in interfaces if name.startswith(workload_prefixes) and name not in policed
    )
    notices.extend(_blocked(blocked))
    return Workloads(tuple(key for _, key in sorted(policed.items())), tuple(notices))


def _blocked(interfaces: Sequence[str]) -> Iterator[str]:
    """One notice for all: on a host whose workloads are somebody else's it says what to do."""
    if interfaces:
        more = f" and {len(interfaces) - _NAMED} more" if len(interfaces) > _NAMED else ""
        yield (
            f"Blocked, since no active workload endpoint is known for it: {', '.join(interfaces[:_NAMED])}{more}"
            " (where workloads are none of Catflap's, set InterfacePrefix to none)"
        )


def _without_prefix(key: ResourceKey, interface: str, prefixes: tuple[str, ...]) -> str:
    known = f"none of the workload prefixes ({', '.join(prefixes)})" if prefixes else "no workload prefix"
    return (
        f"{_title(key)} is not policed: its interface {interface} begins with {known}; change its interface name, or"
        " InterfacePrefix"
    )


def _title(key: ResourceKey) -> str:
    words = describe(key)
    return words[0].upper() + words[1:]
