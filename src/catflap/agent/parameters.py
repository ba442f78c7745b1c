"""Every configuration parameter: its name, meaning, default and how its value is read.

The names are the old system's, so that existing files and stores serve. Parameters of the old system that mean
nothing here are known too: setting one is answered with the reason instead of "unexpected".
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from catflap.agent.failsafe import DEFAULT_INBOUND, DEFAULT_OUTBOUND, format_failsafe, parse_failsafe
from catflap.agent.parameter_values import (
    number_between,
    one_of,
    read_address,
    read_endpoints,
    read_flag,
    read_labels,
    read_log_level,
    read_mark_bit,
    read_path_or_none,
    read_prefixes,
    read_text,
    read_workload_to_host,
    show_labels,
    show_list,
    show_prefixes,
    show_secret,
    show_workload_to_host,
)
from catflap.model.resources import MAX_PORT, Action
from catflap.policy.host_policy import ACCEPT_MARK

LONG = 86_400 * 365  # seconds
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104  # as ever; metrics are served only where somebody asks for them
DATASTORE_TYPES = ("etcdv3", "etcdv2", "directory")


class Parameter(msgspec.Struct, frozen=True):
    """One parameter.

    Attributes:
        name: as written in files and stores; any case is read.
        description: a few words, as the log prints them.
        default: gives the value that holds when no source names the parameter.
        parse: from text (or, in v3 resources, any JSON value) to the value; raises ValueError with the reason.
        show: from the value to what the log prints.
        in_store: whether the store may set it; the way to the store and the host's name cannot come from it.
    """

    name: str
    description: str
    default: Callable[[], Any]
    parse: Callable[[object], Any]
    show: Callable[[Any], object] = lambda value: value
    in_store: bool = True


def _always(value: Any) -> Callable[[], Any]:
    return lambda: value


PARAMETERS: Mapping[str, Parameter] = {
    parameter.name.lower(): parameter
    for parameter in (
        Parameter(
            "FelixHostname", "Felix compute host hostname", socket.gethostname, read_text, in_store=False
        ),
        Parameter(
            "DatastoreType",
            "Where policy is kept",
            _always("etcdv3"),
            one_of(*DATASTORE_TYPES),
            in_store=False,
        ),
        Parameter(
            "DatastorePath",
            "Directory of the directory store",
            _always("/etc/catflap/policy"),
            read_text,
            in_store=False,
        ),
        Parameter(
            "DatastoreCheckInterval",
            "Seconds that an etcd watch may be silent before the store is asked whether it still serves",
            _always(4),
            number_between(1, 300),
            in_store=False,
        ),
        Parameter(
            "DatastoreStrictModes",
            "Refuse files of the directory store that others may write to",
            _always(value=True),
            read_flag,
            in_store=False,
        ),
        Parameter(
            "EtcdAddr", "Address and port for etcd", _always("localhost:2379"), read_address, in_store=False
        ),
        Parameter(
            "EtcdScheme",
            "Protocol type for http or https",
            _always("http"),
            one_of("http", "https"),
            in_store=False,
        ),
        Parameter(
            "EtcdEndpoints", "List of etcd endpoints", _always(()), read_endpoints, show_list, in_store=False
        ),
        Parameter("EtcdKeyFile", "Path to etcd key file", _always(None), read_path_or_none, in_store=False),
        Parameter(
            "EtcdCertFile", "Path to etcd certificate file", _always(None), read_path_or_none, in_store=False
        ),
        Parameter(
            "EtcdCaFile",
            "Path to etcd CA certificate file",
            _always("/etc/ssl/certs/ca-certificates.crt"),
            read_path_or_none,
            in_store=False,
        ),
        Parameter("EtcdUsername", "User name for etcd", _always(None), read_path_or_none, in_store=False),
        Parameter("EtcdPassword", "Password for etcd", _always(None), read_text, show_secret, in_store=False),
        Parameter(
            "EtcdPasswordFile",
            "File with the password for etcd",
            _always(None),
            read_path_or_none,
            in_store=False,
        ),
        Parameter(
            "InterfacePrefix",
            "Prefix(es) of workload interfaces",
            _always(("cali",)),
            read_prefixes,
            show_prefixes,
        ),
        Parameter(
            "DefaultEndpointToHostAction",
            "What becomes of packets from workloads to the host",
            _always(Action.DENY),
            read_workload_to_host,
            show_workload_to_host,
        ),
        Parameter(
            "ExistingConnections",
            "What becomes of connections that policy no longer allows",
            _always("keep"),
            one_of("keep", "recheck"),
        ),
        Parameter(
            "AutoHostEndpoints",
            "Police interfaces that no endpoint names, too",
            _always(value=False),
            read_flag,
        ),
        Parameter(
            "NodeLabels", "Labels of this host, for node selectors", _always({}), read_labels, show_labels
        ),
        Parameter(
            "NftablesOptimize",
            "Put long lists of rules into look-ups",
            _always(value=True),
            read_flag,
        ),
        Parameter(
            "PolicyCounters",
            "For what packets are counted",
            _always("none"),
            one_of("none", "policy", "rule"),
        ),
        Parameter(
            "IptablesMarkMask",
            "Bits of packet marks that may be used",
            _always(ACCEPT_MARK),
            read_mark_bit,
            hex,
        ),
        Parameter(
            "FailsafeInboundHostPorts",
            "Inbound ports that stay open whatever policy says",
            _always(DEFAULT_INBOUND),
            parse_failsafe,
            format_failsafe,
        ),
        Parameter(
            "FailsafeOutboundHostPorts",
            "Outbound ports that stay open whatever policy says",
            _always(DEFAULT_OUTBOUND),
            parse_failsafe,
            format_failsafe,
        ),
        Parameter(
            "BootAction",
            "What holds where no rule set is in force and none was saved",
            _always("open"),
            one_of("open", "failsafe-only"),
            in_store=False,  # it is for when the store is out of reach
        ),
        Parameter(
            "LogFilePath",
            "Path to log file",
            _always("/var/log/calico/felix.log"),
            read_path_or_none,
            in_store=False,  # else whoever may write to the store could let root append to any file
        ),
        Parameter("LogSeverityFile", "Log severity for logging to file", _always("info"), read_log_level),
        Parameter("LogSeveritySys", "Log severity for logging to syslog", _always("error"), read_log_level),
        Parameter(
            "LogSeverityScreen", "Log severity for logging to screen", _always("error"), read_log_level
        ),
        Parameter(
            "ReportingIntervalSecs",
            "Seconds between reports of this agent to the store, 0 for none",
            _always(30),
            number_between(-LONG, LONG),  # negative ones were always allowed, and mean 0
        ),
        Parameter(
            "ReportingTTLSecs",
            "Seconds after which a report vanishes that is not renewed",
            _always(90),
            number_between(0, LONG),
        ),
        Parameter(
            "EndpointReportingEnabled",
            "Write the state of each endpoint to the store",
            _always(value=False),
            read_flag,
        ),
        Parameter(
            "EndpointReportingDelaySecs",
            "Seconds between writes of the states of endpoints",
            _always(1),
            number_between(-LONG, LONG),  # negative ones were always allowed, and mean 1
        ),
        Parameter(
            "NftablesRefreshInterval",
            "Seconds between comparisons of all that the kernel holds with what it should hold, 0 for none",
            _always(600),
            number_between(0, LONG),
        ),
        Parameter("PrometheusMetricsEnabled", "Serve Prometheus metrics", _always(value=False), read_flag),
        Parameter(
            "PrometheusMetricsHost",
            "Address to serve Prometheus metrics on",
            _always(EVERY_ADDRESS),
            read_text,
        ),
        Parameter(
            "PrometheusMetricsPort",
            "TCP port to serve Prometheus metrics on",
            _always(9091),
            number_between(1, MAX_PORT),
        ),
        Parameter("HealthEnabled", "Serve health over HTTP", _always(value=False), read_flag),
        Parameter("HealthHost", "Address to serve health on", _always("localhost"), read_text),
        Parameter("HealthPort", "TCP port to serve health on", _always(9099), number_between(1, MAX_PORT)),
    )
}

_NO_IPTABLES = "rules are changed in place, without iptables"
_NO_POLLING = "changes are followed by events"
_NOT_OFFERED = "this version does not offer it"
WITHOUT_EFFECT: Mapping[str, str] = {
    name.lower(): reason
    for names, reason in {
        "StartupCleanupDelay IptablesGeneratorPlugin MaxIpsetSize NftablesMode ChainInsertMode": _NO_IPTABLES,
        "IptablesRefreshInterval IpsetsRefreshInterval": "the one interval is NftablesRefreshInterval",
        "NftablesMarkMask": "the one bit that is used comes from IptablesMarkMask",
        "PeriodicResyncInterval HostInterfacePollInterval": _NO_POLLING,
        "EtcdDriverLogFilePath": "there is one log file",
        "Ipv6Support": "IPv6 is always policed",
        "IgnoreLooseRPF IpForwarding": "no sysctl of the host is touched",
        "UsageReportingEnabled ClusterGUID": "nothing is ever reported to anybody",
        "DropActionOverride MetadataAddr MetadataPort": _NOT_OFFERED,
        "IpInIpEnabled IpInIpMtu IpInIpTunnelAddr": _NOT_OFFERED,
        "ReportingInterval ReportingTTL": "use ReportingIntervalSecs and ReportingTTLSecs, in seconds",
        "EndpointReportingDelay": "use EndpointReportingDelaySecs, in seconds",
        "EtcdDriverPrometheusMetricsPort": "all metrics are served on PrometheusMetricsPort",
    }.items()
    for name in names.split()
}
