from __future__ import annotations

import pytest

from catflap.cli.answers import answer, headline, policy_name, short_answer
from catflap.model import Encoding, Kind, ResourceKey
from catflap.verdict.evaluate import Evaluator

from .worlds import Document, allow, asked, endpoint, explained, policy, world

WEB = endpoint("web1-eth0", "web1", "eth0", "192.0.2.1", labels={"role": "web"})


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        ((WEB, policy("web", allow(80))), "allow, POLICY_ALLOW by default/web, Ingress rule 0"),
        ((WEB, policy("web", allow(81))), "deny, TIER_DEFAULT_DENY of tier default"),
        ((WEB,), "deny, NO_MATCH_DENY"),
        (
            (endpoint("web1-eth0", "web1", "eth0", "192.0.2.1", profiles=["none"]),),
            "deny, MISSING_PROFILE_DENY by profile none",
        ),
    ],
)
def test_the_verdict_in_a_few_words(documents: tuple[Document, ...], expected: str) -> None:
    assert headline(explained(world(*documents)).verdict) == expected


def test_a_namespaced_policy_is_named_with_its_namespace() -> None:
    keys = [
        ResourceKey(Kind.POLICY, "p", "ns", Encoding.V3),
        ResourceKey(Kind.POLICY, "p", "tier", Encoding.V1),
    ]
    assert [policy_name(key) for key in keys] == ["ns/p", "p"]


def test_who_decided_as_data() -> None:
    question = asked(world(WEB, policy("web", allow(80))))
    verdict = Evaluator(question.host.policy()).evaluate(question.packet)
    decided = {"verdict": "allow", "reason": "POLICY_ALLOW", "tier": "default", "policy": "web", "rule": 0}
    assert short_answer(verdict) == decided
    whole = answer(question, verdict)
    assert decided.items() <= whole.items()
    assert (whole["stage"], whole["direction"], list(whole["trace"])) == ("input", "Ingress", [])


def test_a_missing_profile_is_named_though_it_has_no_key() -> None:
    question = asked(world(endpoint("web1-eth0", "web1", "eth0", "192.0.2.1", profiles=["none"])))
    verdict = Evaluator(question.host.policy()).evaluate(question.packet)
    assert short_answer(verdict)["policy"] == "profile none"
