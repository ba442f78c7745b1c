"""An example of the configuration file: every parameter that a file may set, with its meaning and default."""

from __future__ import annotations

from typing import Final

from catflap.agent.parameters import PARAMETERS, Parameter

_HEAD: Final = """\
# Catflap's configuration: every parameter, with its default. Copy this file to /etc/calico/felix.cfg and remove the
# "# " before what you want to change; 'systemctl reload catflap' then reads it. FELIX_<PARAMETER> in the environment
# is stronger than this file; what the store says is weaker.

[global]
"""


def example() -> str:
    """The text of the file."""
    return _HEAD + "".join(
        f"\n# {each.description}\n# {each.name} = {default(each)}\n" for each in PARAMETERS.values()
    )


def default(parameter: Parameter) -> str:
    """What would be written in the file to say what holds anyway; a name in angle brackets where the host decides."""
    if parameter.name == "FelixHostname":
        return "<the name of this host>"
    shown = parameter.show(parameter.default())
    return "" if shown is None or shown == () else str(shown)
