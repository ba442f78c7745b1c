from __future__ import annotations

from catflap.agent.status import State


def test_the_words_for_states_are_what_others_look_for() -> None:
    assert list(State) == ["wait-for-ready", "resync", "in-sync", "stale"]
