from __future__ import annotations

import os
import socket

import pytest

from catflap.agent.lock import AlreadyRunningError, acquire_lock


@pytest.fixture
def name() -> str:
    return f"\0catflap/test/{os.getpid()}"


def test_the_lock_is_exclusive_and_names_its_holder(name: str) -> None:
    with acquire_lock(name), pytest.raises(AlreadyRunningError, match=rf"process {os.getpid()}\)"):
        acquire_lock(name)


def test_the_lock_is_free_again_after_release(name: str) -> None:
    acquire_lock(name).close()
    acquire_lock(name).close()


def test_a_holder_that_cannot_be_asked_is_not_named(name: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.bind(name)
        with pytest.raises(AlreadyRunningError, match="another agent is running"):
            acquire_lock(name)
