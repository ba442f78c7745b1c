from __future__ import annotations

from catflap.model.resources import Action
from catflap.schema.rules import peer, rule


def test_a_rule_needs_an_action_and_has_two_ends() -> None:
    schema = rule()
    assert schema["required"] == ["action"]
    assert schema["properties"]["action"]["enum"] == list(Action)
    assert schema["properties"]["source"]["anyOf"][0] == {"$ref": "#/definitions/Peer"}
    assert schema["additionalProperties"] is False
    assert "nets" in peer()["properties"]
