from __future__ import annotations

from catflap.agent.compose import compose
from catflap.agent.document import ForeignReport, InvalidReport, KeptReport, decode, encode
from catflap.agent.in_force import InForce
from catflap.agent.shared_engine import Decision
from catflap.agent.status import AgentStatus, InvalidObject, KeptStatus, State, StoreStatus
from catflap.nft import Enforced
from catflap.policy import HostPolicy


def test_everything_that_is_known_is_told() -> None:
    status = AgentStatus(
        StoreStatus(State.STALE, 20.04, 9, 5, "lost " + "x" * 1000),
        7,
        1,
        1,
        tuple(f"eth{number}" for number in range(60)),
        KeptStatus(6, "disk full"),
        invalid=(InvalidObject("/calico/v1/x", "policy x", ("odd",)),),
    )
    in_force = InForce(lambda: "now")
    notices = tuple(f"notice {number}" for number in range(70))
    in_force.take(Decision(HostPolicy(), notices, 7, entries=3), Enforced(1, 0.0))
    found = compose(status, in_force, ["eth0"], ForeignReport(total=2))
    assert (found.revision_enforced, found.enforced_since, found.entries) == (7, "now", 3)
    assert (found.store.state, found.store.seconds_since_alive, found.store.revision_seen) == ("stale", 20, 9)
    assert found.store.reason is not None
    assert len(found.store.reason) == 300
    assert (len(found.not_enforced), found.not_enforced_total) == (50, 60)
    assert (len(found.notices), found.notices_total) == (50, 70)
    assert found.invalid == (InvalidReport(path="/calico/v1/x", subject="policy x", reasons=("odd",)),)
    assert found.kept_for_boot == KeptReport(revision=6, problem="disk full")
    assert found.foreign.total == 2
    assert decode(encode(found)) == found


def test_an_agent_that_enforces_nothing_says_so() -> None:
    status = AgentStatus(StoreStatus(State.WAIT_FOR_READY, 0, None, 0, "not set"), None, 0, 0)
    found = compose(status, InForce(), [], ForeignReport())
    assert (found.revision_enforced, found.entries, found.interfaces) == (None, None, ())
