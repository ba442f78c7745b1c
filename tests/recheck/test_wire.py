from __future__ import annotations

import io

import pytest
from msgspec.structs import replace

from catflap.policy.host_policy import IpSet
from catflap.recheck.wire import frames, read_policy

from .scene import policy


def test_policies_arrive_as_they_were_sent_one_after_the_other() -> None:
    sets = {name: IpSet(name, "has(x)", frozenset({"192.0.2.1", "10.0.0.0/8"})) for name in ("a", "b")}
    one, other = replace(policy("eth0", (80,), ()), ip_sets=sets), policy("*", (), (443,))
    stream = io.BytesIO(b"".join([*frames(one), *frames(other)]))
    assert read_policy(stream) == one
    assert read_policy(stream) == other
    with pytest.raises(EOFError):
        read_policy(stream)


def test_a_policy_that_breaks_off_is_none() -> None:
    content = b"".join(frames(policy("eth0", (80,), ())))
    with pytest.raises(EOFError):
        read_policy(io.BytesIO(content[:-1]))
