from __future__ import annotations

from pathlib import Path

import pytest

from catflap.agent.config import Configuration, ConfigurationError, resolve
from catflap.agent.connect import exposures, store_options, store_url

from .conftest import local_sources


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "etcd://localhost:2379"),
        ({"EtcdAddr": "etcd:4001"}, "etcd://etcd:4001"),
        ({"EtcdAddr": "etcd:4001", "EtcdScheme": "https"}, "etcds://etcd:4001"),
        ({"EtcdAddr": "x:1", "EtcdEndpoints": "http://a:1,http://b:2/"}, "etcd://a:1,b:2"),
        ({"EtcdEndpoints": "https://[::1]:1"}, "etcds://[::1]:1"),
        ({"DatastoreType": "etcdv2"}, "etcd2://localhost:2379"),
        ({"DatastoreType": "etcdv2", "EtcdEndpoints": "https://a:1"}, "etcd2s://a:1"),
        ({"DatastoreType": "directory"}, "dir:/etc/catflap/policy"),
        ({"DatastoreType": "directory", "DatastorePath": "/srv/policy"}, "dir:/srv/policy"),
    ],
)
def test_urls(environment: dict[str, str], url: str) -> None:
    assert store_url(resolve(local_sources(**environment))[0]) == url


def test_options() -> None:
    environment = {
        "EtcdCaFile": "none",
        "EtcdCertFile": "/c",
        "EtcdKeyFile": "/k",
        "EtcdUsername": "u",
        "EtcdPassword": "p",
    }
    options = store_options(resolve(local_sources(**environment))[0])
    assert (options.ca_file, options.cert_file, options.key_file) == (None, "/c", "/k")
    assert (options.username, options.password) == ("u", "p")


def test_the_strictness_of_a_directory() -> None:
    assert store_options(configured()).strict_modes
    assert not store_options(configured(DatastoreStrictModes="false")).strict_modes


def test_how_long_the_store_may_be_silent() -> None:
    assert store_options(configured()).check_interval == 4
    assert store_options(configured(DatastoreCheckInterval="60")).check_interval == 60


def configured(**environment: str) -> Configuration:
    return resolve(local_sources(**environment))[0]


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text(" s3cret \n")
    file.chmod(0o600)
    return file


def test_the_password_may_stand_in_a_file(password_file: Path) -> None:
    configuration = configured(EtcdUsername="u", EtcdPasswordFile=str(password_file))
    assert store_options(configuration).password == " s3cret "  # noqa: S105  # this test's own
    assert exposures(configuration) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
@pytest.mark.parametrize("parameter", ["EtcdPasswordFile", "EtcdKeyFile"])
def test_a_file_that_others_may_use_is_named(password_file: Path, parameter: str, mode: int) -> None:
    password_file.chmod(mode)
    (warning,) = exposures(configured(**{parameter: str(password_file)}))
    assert f"{parameter} {password_file} has mode {mode:04o}" in warning
    assert f"chmod 600 {password_file}" in warning


def test_without_a_file_nothing_is_exposed() -> None:
    assert exposures(configured(EtcdPassword="p")) == []
    assert exposures(configured(EtcdKeyFile="/nowhere/key.pem")) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff", "is not UTF-8"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_without_password(password_file: Path, content: bytes | None, reason: str) -> None:
    password_file.unlink()
    if content is not None:
        password_file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"EtcdPasswordFile {password_file} {reason}"):
        store_options(configured(EtcdPasswordFile=str(password_file)))


def test_two_passwords_are_refused(password_file: Path) -> None:
    with pytest.raises(ConfigurationError, match="both set: set one of them"):
        store_options(configured(EtcdPassword="p", EtcdPasswordFile=str(password_file)))
