"""What shells complete, generated from the parser of the command line, where each of them looks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import shtab

from catflap.cli.main import build_parser

PLACES: Final[Mapping[str, str]] = {
    "bash": "bash-completion/completions/catflap",
    "zsh": "zsh/site-functions/_catflap",
    "fish": "fish/vendor_completions.d/catflap.fish",
}


def scripts() -> dict[str, str]:
    """The scripts, by their paths below ``share``."""
    return {place: shtab.complete(build_parser(), shell=shell) for shell, place in PLACES.items()}
