"""Schemas of what stands under ``spec``, by kind, with what each kind is for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from catflap.model.names import INTERFACE_NAME_PATTERN
from catflap.model.resources import MAX_PORT, Action, Direction
from catflap.model.v3_policies import STAGED_ACTIONS
from catflap.schema import values as v
from catflap.schema.parameters import parameter_schemas
from catflap.schema.rules import rules

_TYPES = [each.value for each in Direction]
_MAC = (
    r"|[0-9A-Fa-f]{1,2}([:-][0-9A-Fa-f]{1,2}){5}|[0-9A-Fa-f]{12}|[0-9A-Fa-f]{6}-[0-9A-Fa-f]{6}"
    r"|([0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}"
)


class Spec(msgspec.Struct, frozen=True):
    """A kind of object.

    Attributes:
        about: what it is for.
        fields: the schemas of the fields under ``spec``, by name.
        required: the fields that must be there.
        more: whether other fields may stand there, too.
        either: pairs of fields of which one must be there.
        names: the names that such an object may have, as a pattern; empty for any name.
    """

    about: str
    fields: Mapping[str, v.Schema]
    required: tuple[str, ...] = ()
    more: bool = False
    either: tuple[tuple[str, str], ...] = ()
    names: str = ""

    @property
    def needed(self) -> bool:
        """Whether there must be a ``spec`` at all."""
        return bool(self.required or self.either)

    def schema(self) -> v.Schema:
        """The schema of ``spec``."""
        schema = v.record(self.about, self.fields, self.required, closed=not self.more)
        if self.either:
            schema["allOf"] = [
                {
                    "anyOf": [
                        {"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in pair
                    ]
                }
                for pair in self.either
            ]
        return schema


def specs() -> Mapping[str, Spec]:
    """Every kind that Catflap acts upon."""
    return {kind: make() for kind, make in _KINDS.items()}


def _host_endpoint() -> Spec:
    return Spec(
        "A host endpoint: one or several interfaces of a host that policy is to police.",
        {
            "node": v.text("The name of the host that the endpoint is on."),
            "nodeSelector": v.selector("Instead of node: every host with such labels has this endpoint."),
            "interfaceName": {
                "description": "An interface (eth0), a pattern ('eth*', '*'), or a list of them.",
                "anyOf": [
                    v.interface("An interface, or a pattern with one * at its end."),
                    v.items("Several.", v.interface("An interface, or a pattern with one * at its end.")),
                ],
            },
            "expectedIPs": v.addresses(
                "Its addresses. Selectors in rules of other endpoints stand for these; without interfaceName they also "
                "say which interface is meant."
            ),
            "profiles": _profiles(),
            "ports": v.items(
                "Named ports, for rules that name them.", _port(required=("name", "protocol", "port"))
            ),
        },
        either=(("node", "nodeSelector"), ("interfaceName", "expectedIPs")),
    )


def _workload_endpoint() -> Spec:
    nat = v.record(
        "One translation.",
        {"internalIP": v.address("The workload's address."), "externalIP": v.address("The other.")},
    )
    port = _port(
        required=("protocol", "port"), hostPort=v.anything("Not used."), hostIP=v.anything("Not used.")
    )
    return Spec(
        "A workload endpoint: the host's side of the interface of a container or virtual machine.",
        {
            "node": v.text("The name of the host.", "."),
            "interfaceName": v.text(
                "The host's interface to the workload.", v.whole_text(INTERFACE_NAME_PATTERN)
            ),
            "mac": v.text("The workload's Ethernet address. Others are blocked.", v.whole_text(_MAC)),
            "ipNetworks": v.networks("The workload's addresses. Others are blocked as sources."),
            "allowSpoofedSourcePrefixes": v.networks("Further networks that it may send from."),
            "ipv4Gateway": v.address("Its IPv4 gateway. Not used."),
            "ipv6Gateway": v.address("Its IPv6 gateway."),
            "ipNATs": v.items("Translations of addresses. Checked, and not used.", v.or_null(nat)),
            "profiles": _profiles(),
            "ports": v.items("Named ports, for rules that name them.", port),
            "orchestrator": v.text("Who runs the workload; a label, too."),
            "serviceAccountName": v.text("Its service account; a label, too."),
            **{
                name: v.text("Where it comes from. Not used.")
                for name in ("workload", "containerID", "pod", "endpoint")
            },
            "qosControls": v.unsupported("Not supported: traffic is not shaped, nor connections counted."),
        },
        required=("node", "interfaceName"),
    )


def _port(required: tuple[str, ...], **more: v.Schema) -> v.Schema:
    fields = {
        "name": v.text("What rules call it; at least one letter.", "[A-Za-z]" if "name" in required else ""),
        "protocol": v.protocol("A protocol with ports: TCP, UDP, SCTP or UDPLite."),
        "port": v.whole("The number.", 1, MAX_PORT),
        **more,
    }
    return v.record("A named port.", fields, required)


def _profiles() -> v.Schema:
    return v.items(
        "Profiles, in order. Their rules are asked where no tier decides.",
        v.identifier("The name of a profile."),
    )


def _policy_fields() -> dict[str, v.Schema]:
    return {
        "tier": v.name_or_empty("The tier that the policy is in.", default="default"),
        "order": v.number("Lower ones are asked first; a policy without comes last."),
        "selector": v.selector("The endpoints that the policy is for; without one: all of them."),
        "types": v.items(
            "The directions that the policy governs. Without types it governs both.", {"enum": _TYPES}
        ),
        "ingress": rules("Rules for what comes into the endpoint, asked in order."),
        "egress": rules("Rules for what goes out of the endpoint, asked in order."),
        "serviceAccountSelector": v.selector("Only workloads whose service account has such labels."),
        "performanceHints": v.anything("A hint to other agents. Not used."),
    }


def _global_fields() -> dict[str, v.Schema]:
    return {
        **_policy_fields(),
        "namespaceSelector": v.selector("Only endpoints in namespaces with such labels."),
        "doNotTrack": v.flag("Ask the policy before connection tracking. Replies need rules of their own."),
        "preDNAT": v.flag("Ask the policy before destinations are translated. Ingress only."),
        "applyOnForward": v.flag("The policy governs forwarded packets as well."),
    }


def _policy() -> Spec:
    return Spec("Policy: ordered rules for the endpoints that its selector matches.", _global_fields())


def _network_policy() -> Spec:
    return Spec("Policy for the endpoints of one namespace.", _policy_fields())


def _staged_policy() -> Spec:
    staged = v.text(
        f"What is proposed: {', '.join(STAGED_ACTIONS)}.", v.whole_text("|".join(("", *STAGED_ACTIONS)))
    )
    return Spec(
        "Policy that is only proposed: reported, never enforced.",
        {**_global_fields(), "stagedAction": staged},
    )


def _tier() -> Spec:
    actions = [Action.DENY.value, Action.PASS.value]
    return Spec(
        "A tier: policies that are asked as one step.",
        {
            "order": v.number("Lower ones are asked first."),
            "defaultAction": v.text(
                "What becomes of packets that no policy of the tier decides about: Deny (as without it) or Pass.",
                v.whole_text("|".join(("", *actions))),
                default=actions[0],
            ),
        },
    )


def _profile() -> Spec:
    return Spec(
        "A profile: rules, and labels, that endpoints take over by naming it.",
        {
            "ingress": rules("Rules for what comes into the endpoint."),
            "egress": rules("Rules for what goes out of the endpoint."),
            "labelsToApply": v.labels("Labels that endpoints with this profile have as well."),
        },
    )


def _network_set() -> Spec:
    return Spec(
        "A network set: networks with labels, so that selectors in rules can mean them.",
        {"nets": v.networks("The networks.")},
    )


def _node() -> Spec:
    interface = v.record(
        "An interface.",
        {"name": v.text("Its name.", "."), "addresses": v.networks("Its addresses.")},
        ["name"],
        closed=False,
    )
    return Spec(
        "A host: its labels, and its interfaces where commands shall know them. Hosts may note more here.",
        {"interfaces": v.items("Its interfaces.", interface)},
        more=True,
    )


def _configuration() -> Spec:
    return Spec(
        "Parameters of agents: 'default' for all hosts, 'node.HOST' for one.",
        parameter_schemas(),
        more=True,
        names=r"default|node\..+",
    )


def _ready_flag() -> Spec:
    return Spec(
        "Facts about the store; one of them says whether agents may act upon it.",
        {"datastoreReady": v.flag("Whether agents may act upon the data.")},
        more=True,
        names="default",
    )


_KINDS: Mapping[str, Callable[[], Any]] = {
    "HostEndpoint": _host_endpoint,
    "GlobalNetworkPolicy": _policy,
    "Tier": _tier,
    "Profile": _profile,
    "GlobalNetworkSet": _network_set,
    "FelixConfiguration": _configuration,
    "Node": _node,
    "ClusterInformation": _ready_flag,
    "StagedGlobalNetworkPolicy": _staged_policy,
    "WorkloadEndpoint": _workload_endpoint,
    "NetworkPolicy": _network_policy,
    "NetworkSet": _network_set,
}
