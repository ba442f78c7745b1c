"""Looks at a host as others have left it: what can stop packets that Catflap allows, what is broken, what is left over.

It reads, and changes nothing but what `remove` is told to. Other people's rule sets are read by programs of their own,
with a limit of time, and never trusted: none of them may crash or hang it.
"""

from __future__ import annotations

from catflap.doctor.examine import Diagnosis, examine, foreign_chains
from catflap.doctor.finding import Finding, Level
from catflap.doctor.foreign import ChainView
from catflap.doctor.from_felix import STEPS, from_felix
from catflap.doctor.memory import MemoryHost
from catflap.doctor.port import Host, Process, ProgramError, ProgramMissingError
from catflap.doctor.removal import RemovalError, described, removal_steps, remove
from catflap.doctor.this_host import ThisHost

__all__ = [
    "STEPS",
    "ChainView",
    "Diagnosis",
    "Finding",
    "Host",
    "Level",
    "MemoryHost",
    "Process",
    "ProgramError",
    "ProgramMissingError",
    "RemovalError",
    "ThisHost",
    "described",
    "examine",
    "foreign_chains",
    "from_felix",
    "removal_steps",
    "remove",
]
