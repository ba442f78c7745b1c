from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from catflap.agent.parameters import PARAMETERS
from catflap.schema.parameters import parameter_schema, parameter_schemas


def test_all_parameters_that_a_store_may_set_are_there_and_take_their_defaults_as_shown() -> None:
    assert len(parameter_schemas()) == sum(each.in_store for each in PARAMETERS.values())
    for parameter in PARAMETERS.values():
        if parameter.in_store:
            shown = parameter.show(parameter.default())
            jsonschema.validate(shown, parameter_schema(parameter))


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("ReportingIntervalSecs", [30, "30", "0x1e", ""], [1.5, "thirty", []]),
        ("ExistingConnections", ["keep", "Recheck", ""], ["often"]),
        ("NftablesOptimize", [True, "Yes"], ["maybe", 1]),
        ("FailsafeInboundHostPorts", ["22", "none", [], [{"port": 22}]], [22, [22], [{"prt": 22}]]),
        ("NodeLabels", ["a=b", {"a": "b"}], [7]),
    ],
)
def test_values(name: str, good: list[Any], bad: list[Any]) -> None:
    valid = jsonschema.Draft7Validator(parameter_schema(PARAMETERS[name.lower()])).is_valid
    assert [each for each in good if not valid(each)] == []
    assert [each for each in bad if valid(each)] == []
