from __future__ import annotations

import pytest

from catflap.store.api import StoreUnavailableError
from catflap.store.etcd2.client import Reply
from catflap.store.etcd2.follower import event_of
from catflap.store.etcd2.tree import Answer, Failure, Node
from catflap.store.supervisor import ResyncNeededError


def reply(body: Answer | Failure) -> Reply:
    return Reply(index=1, cluster_id="c", body=body)


def test_an_event_is_the_body_of_a_poll() -> None:
    answer = Answer(action="set", node=Node(key="/calico/v1/a"))
    assert event_of(reply(answer), "host:1") is answer


def test_cleared_history_asks_for_a_resync() -> None:
    with pytest.raises(ResyncNeededError, match="cleared"):
        event_of(
            reply(Failure(error_code=401, message="The event in requested index is outdated and cleared")),
            "h:1",
        )


def test_any_other_failure_ends_the_session() -> None:
    with pytest.raises(StoreUnavailableError, match="h:1: Raft Internal Error"):
        event_of(reply(Failure(error_code=300, message="Raft Internal Error")), "h:1")
