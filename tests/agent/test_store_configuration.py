from __future__ import annotations

import logging

import pytest

from catflap.agent.config import ConfigurationError, Source
from catflap.agent.store_configuration import StoreConfiguration, store_sources
from catflap.model import ConfigurationValues, Encoding, Kind, ResourceKey

from .conftest import local_sources

NAME = "FailsafeInboundHostPorts"


def key(scope: str = "", encoding: Encoding = Encoding.V1) -> ResourceKey:
    return ResourceKey(Kind.CONFIGURATION, NAME, scope, encoding)


def values(text: object, host: str | None = None, name: str = NAME) -> ConfigurationValues:
    return ConfigurationValues(host, {name: text})


class Local:
    """Sources outside of the store that a test can change."""

    def __init__(self, **environment: str) -> None:
        self.environment = {"FelixHostname": "web1", **environment}

    def __call__(self) -> tuple[Source, ...]:
        return local_sources(**self.environment)


@pytest.fixture
def configuration() -> StoreConfiguration:
    return StoreConfiguration(Local())


def first_port(configuration: StoreConfiguration) -> int:
    configuration.resolve()
    return int(configuration.current[NAME][0].ports.first)


def test_a_bad_value_outside_of_the_store_is_an_error_at_once() -> None:
    with pytest.raises(ConfigurationError, match="invalid port"):
        StoreConfiguration(Local(FailsafeInboundHostPorts="ssh"))


def test_the_hosts_own_values_win_over_global_ones_and_deletion_uncovers_them(
    configuration: StoreConfiguration,
) -> None:
    assert configuration.take(key(), values("23"))
    assert first_port(configuration) == 23
    assert configuration.take(key("web1"), values("24", "web1"))
    assert first_port(configuration) == 24
    assert configuration.take(key("web1"), None)
    assert first_port(configuration) == 23
    assert configuration.take(key(), None)
    assert first_port(configuration) == 22


def test_other_hosts_and_unknown_deletions_do_not_concern_this_host(
    configuration: StoreConfiguration,
) -> None:
    assert not configuration.take(key("db1"), values("23", "db1"))
    assert not configuration.take(key(), None)
    assert not configuration.take(ResourceKey(Kind.TIER, "t"), None)


def test_of_both_encodings_the_newer_one_wins(configuration: StoreConfiguration) -> None:
    configuration.take(key("", Encoding.V3), values([{"port": 25}], name="failsafeInboundHostPorts"))
    configuration.take(key(), values("23"))
    assert first_port(configuration) == 25


def test_a_bad_value_keeps_what_held_and_is_warned_of_once(
    configuration: StoreConfiguration, caplog: pytest.LogCaptureFixture
) -> None:
    configuration.take(key(), values("23"))
    configuration.resolve()
    configuration.take(key(), values("ssh"))
    assert first_port(configuration) == 23
    assert first_port(configuration) == 23
    assert len(caplog.messages) == 1
    assert "the previous value is kept" in caplog.text


def test_reload_takes_over_a_changed_file_and_survives_a_bad_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    local = Local()
    configuration = StoreConfiguration(local)
    local.environment[NAME] = "23"
    configuration.reload()
    assert first_port(configuration) == 23
    local.environment[NAME] = "ssh"
    configuration.reload()
    assert first_port(configuration) == 23
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_what_says_who_the_agent_is_cannot_change_while_it_runs(caplog: pytest.LogCaptureFixture) -> None:
    local = Local()
    configuration = StoreConfiguration(local)
    local.environment["FelixHostname"] = "other"
    local.environment["LogFilePath"] = "/tmp/other.log"
    configuration.reload()
    configuration.resolve()
    configuration.resolve()
    assert configuration.current["FelixHostname"] == "web1"
    assert configuration.current["LogFilePath"] == "/tmp/other.log"
    assert caplog.messages == ["A new value for FelixHostname takes effect when the agent is restarted"]


def test_the_store_is_two_sources_the_hosts_own_first() -> None:
    stored = {key(): values("22"), key(encoding=Encoding.V3): values("23"), key("web1"): values("24", "web1")}
    own, everybodys = store_sources(stored)
    assert [value.raw for value in own.values] == ["24"]
    assert [value.raw for value in everybodys.values] == ["23"]  # the newer encoding's
    assert own.in_store
    assert everybodys.in_store
