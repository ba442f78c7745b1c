"""The schema of policy tests, which lie beside policy."""

from __future__ import annotations

from typing import Final

from catflap.model.resources import MAX_PORT, Direction
from catflap.schema import values as v
from catflap.store.directory.documents import TEST_KIND, TEST_VERSION
from catflap.verdict.result import Outcome

_ABOUT: Final = "Tests of what policy promises: catflap test and catflap check run them. They are not stored."


def policy_test() -> v.Schema:
    """The schema of a document with policy tests."""
    notes = {name: v.anything("Not used.") for name in ("annotations", "labels")}
    metadata = v.record("What the tests are called.", {"name": v.text("The name.", "."), **notes}, ["name"])
    spec = v.record(_ABOUT, {"tests": {**v.items("The tests.", _test()), "minItems": 1}}, ["tests"])
    fields = {
        "apiVersion": {"const": TEST_VERSION, "description": "The form of the document."},
        "kind": {"const": TEST_KIND, "description": _ABOUT},
        "metadata": metadata,
        "spec": spec,
    }
    return v.record(_ABOUT, fields, list(fields))


def _test() -> v.Schema:
    return v.record(
        "One packet, or several that differ in their ports, and what must become of them.",
        {
            "name": v.text("What the test is called in reports."),
            "from": _end("Who sends."),
            "to": _end("Who receives."),
            "protocol": v.protocol("The protocol; TCP where it is left out."),
            "ports": v.items(
                "Destination ports: one test for each.",
                {"type": "integer", "minimum": 0, "maximum": MAX_PORT},
            ),
            "icmp": v.record(
                "The type and code of ICMP.",
                {"type": v.octet("The type."), "code": v.octet("The code.")},
                ["type"],
            ),
            "expect": _any_case("What must become of the packet.", [each.value for each in Outcome]),
            "by": v.text("Who must have decided: tier/policy, tier/policy#rule, or a reason code."),
            "direction": _any_case(
                "Look only at the policy of this end.", [each.lower() for each in Direction]
            ),
        },
        ["from", "to", "expect"],
    )


def _end(about: str) -> v.Schema:
    fields = {
        "endpoint": v.text("The endpoint of this name."),
        "host": v.text("With interface: whatever polices that interface of this host."),
        "interface": v.text("The interface of the host."),
        "selector": v.selector("All endpoints that it matches."),
        "any": v.flag("With selector: at least one of them."),
        "address": v.text("An address: of somebody outside, or in place of the endpoint's own."),
    }
    text = {"type": "string", "minLength": 1}
    return {
        "description": f"{about} An address, the name of an endpoint, or an object.",
        "anyOf": [text, v.record(about, fields)],
    }


def _any_case(about: str, words: list[str]) -> v.Schema:
    pattern = v.whole_text("|".join(v.any_case(word) for word in words))
    return {"description": about, "anyOf": [{"enum": words}, {"type": "string", "pattern": pattern}]}
