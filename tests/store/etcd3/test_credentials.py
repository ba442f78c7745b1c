from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from catflap.store.api import StoreError, StoreOptions
from catflap.store.etcd3.credentials import Login, channel_credentials

if TYPE_CHECKING:
    from pathlib import Path


def test_only_a_user_without_a_token_has_to_log_in() -> None:
    assert not Login(StoreOptions()).due
    login = Login(StoreOptions(username="agent", password="secret"))  # noqa: S106 - of this test
    assert login.due
    login.succeeded("token.1")
    assert not login.due


def test_that_authentication_is_off_is_told_once_until_it_was_on_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    login = Login(StoreOptions(username="agent"))
    login.not_needed("host:1")
    login.not_needed("host:1")
    assert not login.due
    assert len(caplog.messages) == 1
    login.succeeded("token.1")
    login.not_needed("host:1")
    assert len(caplog.messages) == 2
    assert login.token is None


FILES = pytest.mark.parametrize(
    ("option", "words"),
    [("ca_file", "CA file"), ("cert_file", "certificate file"), ("key_file", "key file")],
)


@FILES
def test_a_tls_file_that_cannot_be_read_is_named(option: str, words: str, tmp_path: Path) -> None:
    file = str(tmp_path / "missing.pem")
    with pytest.raises(StoreError, match=rf"cannot read the {words} .*missing\.pem: No such file"):
        channel_credentials(structs.replace(StoreOptions(), **{option: file}))


@FILES
@pytest.mark.parametrize(
    "content", ["", "\n", "-----BEGIN CERTIFICATE-----\nMII"], ids=["empty", "blank", "half"]
)
def test_a_tls_file_that_is_being_written_is_named_and_not_given_to_grpc(
    option: str, words: str, content: str, tmp_path: Path
) -> None:
    file = tmp_path / "new.pem"
    file.write_text(content)
    with pytest.raises(StoreError, match=rf"the {words} .*new\.pem holds no whole PEM block"):
        channel_credentials(structs.replace(StoreOptions(), **{option: str(file)}))
