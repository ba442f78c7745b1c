from __future__ import annotations

import logging
from pathlib import Path

import pytest

from catflap.agent.config import (
    GLOBAL_SOURCE,
    HOST_SOURCE,
    ConfigurationError,
    Source,
    environment_source,
    file_source,
    log_configuration,
    resolve,
    store_source,
)

from .conftest import local_sources

HOST = "FailsafeInboundHostPorts (Inbound ports that stay open whatever policy says)"


def in_store(title: str = GLOBAL_SOURCE, **values: object) -> Source:
    return store_source(values, title)


def written(path: Path, text: str) -> Source:
    path.write_text(text)
    return file_source(path, required=True)


def test_the_line_that_the_guide_tells_users_to_look_for() -> None:
    configuration, _ = resolve(local_sources(FelixHostname="my-host"))
    assert configuration.line("felixhostname") == (
        "Parameter FelixHostname (Felix compute host hostname) has value 'my-host' read from"
        " Environment variable FELIX_FELIXHOSTNAME"
    )
    defaults, _ = resolve([])
    assert defaults.line("logseverityfile") == (
        "Parameter LogSeverityFile (Log severity for logging to file) has value 'info' read from None"
    )


def test_the_first_source_wins_and_the_others_are_named(tmp_path: Path) -> None:
    sources = [
        environment_source({"FELIX_FAILSAFEINBOUNDHOSTPORTS": "1", "PATH": "/bin"}),
        written(tmp_path / "felix.cfg", "[global]\nFailsafeInboundHostPorts = 2\nLogSeverityFile = debug\n"),
        in_store(HOST_SOURCE, FailsafeInboundHostPorts="3", LogSeveritySys="debug"),
        in_store(GLOBAL_SOURCE, LogSeveritySys="info", LogSeverityScreen="none"),
    ]
    configuration, warnings = resolve(sources)
    assert configuration["FailsafeInboundHostPorts"][0].ports.first == 1
    assert configuration.settings["logseverityfile"].source == f"Configuration file {tmp_path / 'felix.cfg'}"
    assert configuration.settings["logseveritysys"].source == HOST_SOURCE
    assert configuration.settings["logseverityscreen"].source == GLOBAL_SOURCE
    assert warnings[0] == (
        f"Ignore 'Configuration file {tmp_path / 'felix.cfg'}' value for {HOST} - already set from"
        " 'Environment variable FELIX_FAILSAFEINBOUNDHOSTPORTS'"
    )
    assert len(warnings) == 3


def test_section_names_do_not_matter_and_a_later_value_replaces_an_earlier_one(tmp_path: Path) -> None:
    text = (
        "[DEFAULT]\nlogseverityfile = debug\n[a]\nLogSeverityFile = error\n[b]\nLOGSEVERITYSYS = info % x\n"
    )
    source = written(tmp_path / "felix.cfg", text.replace(" % x", ""))
    configuration, _ = resolve([source])
    assert configuration["LogSeverityFile"] == "error"
    assert configuration["LogSeveritySys"] == "info"


def test_a_percent_sign_is_only_a_percent_sign(tmp_path: Path) -> None:
    configuration, _ = resolve([written(tmp_path / "f.cfg", "[global]\nEtcdPassword = 100%(x)s\n")])
    assert configuration["EtcdPassword"] == "100%(x)s"


def test_the_default_file_may_be_missing_and_a_named_one_may_not(tmp_path: Path) -> None:
    assert file_source(tmp_path / "none.cfg", required=False).values == ()
    with pytest.raises(ConfigurationError, match=r"none\.cfg does not exist"):
        file_source(tmp_path / "none.cfg", required=True)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"LogSeverityFile = debug\n", r"line 1: a section must come first, such as \[global\]"),
        (b"[global\n", "a section must come first"),
        (b"[global]\nnot a setting\n", "cannot be read: "),
        (b"[global]\nFelixHostname = \xff\n", "cannot be read: 'utf-8' codec"),
    ],
)
def test_an_unreadable_file_is_an_error_with_its_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "felix.cfg"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=reason):
        file_source(path, required=False)


def test_every_bad_value_outside_of_the_store_is_named() -> None:
    with pytest.raises(ConfigurationError) as raised:
        resolve(local_sources(FailsafeInboundHostPorts="ssh", LogSeverityFile="loud"))
    first, second = str(raised.value).splitlines()
    assert "invalid port in 'ssh'" in first
    assert f"(value 'ssh' for {HOST}, read from Environment variable FELIX_FAILSAFEINBOUNDHOSTPORTS)" in first
    assert "invalid log level" in second


def test_a_bad_value_in_the_store_keeps_the_previous_one() -> None:
    previous, _ = resolve([in_store(FailsafeInboundHostPorts="23")])
    configuration, warnings = resolve([in_store(FailsafeInboundHostPorts="ssh")], previous)
    assert configuration.settings == previous.settings
    (warning,) = warnings
    assert "the previous value is kept" in warning
    assert "'ssh'" in warning
    assert GLOBAL_SOURCE in warning


def test_a_bad_value_does_not_hide_a_good_one_of_a_weaker_source_at_first() -> None:
    sources = [
        in_store(HOST_SOURCE, FailsafeInboundHostPorts="bogus"),
        in_store(GLOBAL_SOURCE, FailsafeInboundHostPorts="443"),
    ]
    defaults, _ = resolve([])
    configuration, warnings = resolve(sources, defaults)
    assert configuration.settings["failsafeinboundhostports"].source == GLOBAL_SOURCE
    assert len(warnings) == 1
    again, warnings = resolve(sources, configuration)
    assert again.settings == configuration.settings
    assert len(warnings) == 1


def test_a_bad_value_at_first_is_ignored() -> None:
    configuration, warnings = resolve([in_store(FailsafeInboundHostPorts="ssh")])
    assert configuration.settings["failsafeinboundhostports"].source is None
    assert "it is ignored" in warnings[0]


def test_an_empty_text_counts_as_not_set_since_a_slip_must_not_disable_failsafes() -> None:
    configuration, warnings = resolve(local_sources(FailsafeInboundHostPorts=" "))
    assert configuration["FailsafeInboundHostPorts"]
    assert warnings == [
        f"Ignoring empty value for {HOST}, read from Environment variable FELIX_FAILSAFEINBOUNDHOSTPORTS"
    ]


def test_an_explicit_empty_list_of_a_v3_resource_disables() -> None:
    configuration, warnings = resolve([in_store(failsafeInboundHostPorts=[])])
    assert configuration["FailsafeInboundHostPorts"] == ()
    assert warnings == []


def test_the_way_to_the_store_cannot_come_from_the_store() -> None:
    configuration, warnings = resolve([in_store(FelixHostname="other", EtcdAddr="x:1")])
    assert configuration.settings["felixhostname"].source is None
    assert all("set it in the environment or the file" in warning for warning in warnings)


def test_unknown_names_are_named() -> None:
    _, warnings = resolve([in_store(Failsafe="1")])
    assert warnings == [f"Got unexpected config item Failsafe='1', read from {GLOBAL_SOURCE}"]


def test_parameters_of_the_old_system_without_effect_say_why() -> None:
    _, warnings = resolve([in_store(Ipv6Support="false")])
    assert warnings == [
        f"Parameter Ipv6Support, read from {GLOBAL_SOURCE}, has no effect: IPv6 is always policed"
    ]


def test_long_values_are_shortened() -> None:
    _, warnings = resolve([in_store(Unknown="x" * 100_000)])
    assert len(warnings[0]) < 500


def test_where_to_log_cannot_come_from_the_store() -> None:
    configuration, warnings = resolve([in_store(LogFilePath="/etc/ld.so.preload")])
    assert configuration.settings["logfilepath"].source is None
    assert "set it in the environment or the file" in warnings[0]


def test_no_warning_shows_a_secret() -> None:
    _, warnings = resolve([in_store(EtcdPasword="s3cret", MyToken="s3cret")])
    assert len(warnings) == 2
    assert not any("s3cret" in warning for warning in warnings)


def test_all_parameters_are_logged_once_then_only_changes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    first, _ = resolve([])
    log_configuration(first, None)
    assert len(caplog.messages) == len(first.settings)
    caplog.clear()
    second, _ = resolve([in_store(FailsafeInboundHostPorts="none")])
    log_configuration(second, first)
    assert caplog.messages == [f"Parameter {HOST} has value 'none' read from {GLOBAL_SOURCE}"]
