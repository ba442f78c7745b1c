"""What the agent's configuration says about policy."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from catflap.model.resources import Action
from catflap.policy.host_policy import ACCEPT_MARK, Failsafe


class Settings(msgspec.Struct, frozen=True):
    """The settings of one host.

    ``workload_prefixes`` may be empty: then there are no workload interfaces. ``node_labels`` win over the labels of
    the host's Node object. With ``auto_host_endpoints`` all interfaces that nothing else polices get an endpoint that
    allows what no policy denies. ``workload_to_host`` is Deny or Allow; ``accept_mark`` is one bit of the packet mark.
    """

    hostname: str
    failsafe: Failsafe = Failsafe()
    workload_prefixes: tuple[str, ...] = ("cali",)
    node_labels: Mapping[str, str] = {}
    auto_host_endpoints: bool = False
    workload_to_host: Action = Action.DENY
    accept_mark: int = ACCEPT_MARK
