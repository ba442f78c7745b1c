"""Draws whole worlds, and what may become of a world next.

Worlds come in series: the first is new, each other differs from the one before it in some objects. So a first
install, every kind of change, and taking over what another agent has left are proved alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from catflap.model import document_path
from catflap.nft.style import Counting
from catflap.prove import pools, v1_documents, v3_documents
from catflap.prove.draw import Draw
from catflap.prove.world import World

Entry = tuple[str, Any]


def series(seed: str, length: int) -> list[World]:
    """Worlds that follow each other on one host."""
    draw = Draw(f"{seed}/worlds")
    worlds = [_world(draw)]
    while len(worlds) < length:
        worlds.append(_next(draw, worlds[-1]))
    return worlds


def _world(draw: Draw) -> World:
    entries: dict[str, Any] = {}
    share = draw.weighted((3, 1.0), (1, 0.0), (2, 0.5))
    for make, least, most in _PLAN:
        for number in range(draw.number(least, most)):
            entries.update(_spoiled(draw, make(draw, number, draw.chance(share))))
    return World(_configuration(draw), entries, rules=_rules(draw), counting=_counting(draw))


def _next(draw: Draw, world: World) -> World:
    """A world in which a few objects were removed, changed or added."""
    entries = dict(world.entries)
    for path in draw.some(tuple(entries), 0, 3):
        del entries[path]
    for _ in range(draw.number(1, 3)):
        make, _, most = draw.pick(_PLAN)
        entries.update(make(draw, draw.number(0, most), draw.chance(0.7)))
    configuration = _configuration(draw) if draw.chance(0.2) else world.configuration
    rules = _rules(draw) if draw.chance(0.2) else world.rules
    counting = _counting(draw) if draw.chance(0.2) else world.counting
    return World(configuration, entries, restart=draw.chance(0.25), rules=rules, counting=counting)


def _rules(draw: Draw) -> int | None:
    """How many rules stand one below the other. Both forms of a rule set mean the same."""
    return draw.weighted((2, None), (1, -1), (3, 0), (3, 2))


def _counting(draw: Draw) -> Counting:
    return draw.weighted((2, Counting.NONE), (1, Counting.POLICY), (1, Counting.RULE))


def _spoiled(draw: Draw, entries: list[Entry]) -> list[Entry]:
    """A few objects are invalid, and so as good as missing."""
    return [(path, {"spec": []} if draw.chance(0.02) else value) for path, value in entries]


def _configuration(draw: Draw) -> dict[str, str]:
    return {
        "InterfacePrefix": draw.weighted((5, "cali"), (3, draw.pick(pools.INTERFACE_PREFIXES))),
        "FailsafeInboundHostPorts": draw.pick(pools.FAILSAFES),
        "FailsafeOutboundHostPorts": draw.pick(pools.FAILSAFES),
        "DefaultEndpointToHostAction": draw.pick(pools.WORKLOAD_TO_HOST),
        "IptablesMarkMask": draw.pick(pools.MARK_MASKS),
        "AutoHostEndpoints": draw.weighted((9, "false"), (1, "true")),
    }


def _stored(document: dict[str, Any]) -> list[Entry]:
    return [(document_path(document), document)]


def _host_endpoint(draw: Draw, number: int, v3: bool) -> list[Entry]:
    if v3:
        return _stored(v3_documents.host_endpoint(draw, f"hep{number}"))
    return [v1_documents.host_endpoint(draw, f"hep{number}")]


def _workload_endpoint(draw: Draw, number: int, v3: bool) -> list[Entry]:
    if v3:
        return _stored(v3_documents.workload_endpoint(draw, number))
    return [v1_documents.workload_endpoint(draw, number)]


def _policy(draw: Draw, number: int, v3: bool) -> list[Entry]:
    if v3:
        return _stored(v3_documents.policy(draw, f"policy{number}"))
    return [v1_documents.policy(draw, f"policy{number}")]


def _tier(draw: Draw, number: int, v3: bool) -> list[Entry]:
    name = pools.TIERS[number % len(pools.TIERS)]
    return _stored(v3_documents.tier(draw, name)) if v3 else [v1_documents.tier(draw, name)]


def _profile(draw: Draw, number: int, v3: bool) -> list[Entry]:
    name = pools.PROFILES[number % len(pools.PROFILES)]
    return _stored(v3_documents.profile(draw, name)) if v3 else v1_documents.profile(draw, name)


def _network_set(draw: Draw, number: int, _: bool) -> list[Entry]:
    return _stored(v3_documents.network_set(draw, f"set{number}"))


def _network_policy(draw: Draw, number: int, _: bool) -> list[Entry]:
    return _stored(v3_documents.network_policy(draw, f"narrow{number}"))


def _node(draw: Draw, _: int, __: bool) -> list[Entry]:
    return _stored(v3_documents.node(draw))


_Maker = Callable[[Draw, int, bool], list[Entry]]
_PLAN: Final[tuple[tuple[_Maker, int, int], ...]] = (
    (_host_endpoint, 1, 5),
    (_workload_endpoint, 0, 3),
    (_policy, 1, 10),
    (_tier, 0, 3),
    (_profile, 1, 2),
    (_network_set, 0, 2),
    (_network_policy, 0, 2),
    (_node, 0, 1),
)
