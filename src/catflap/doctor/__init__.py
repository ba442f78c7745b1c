"""Looks at a host as others have left it: what can stop packets that Catflap allows, what is broken, what is left over.

It reads, and changes nothing but what `remove` is told to. Other people's rule sets are read by programs of their own,
with a limit of time, and never trusted: none of them may crash or hang it.
"""

from __future__ import annotations

from catflap.doctor.examine import Diagnosis, examine
from catflap.doctor.finding import Finding, Level
from catflap.doctor.port import Host
from catflap.doctor.removal import RemovalError, described, removal_steps, remove
from catflap.doctor.this_host import ThisHost

__all__ = [
    "Diagnosis",
    "Finding",
    "Host",
    "Level",
    "RemovalError",
    "ThisHost",
    "described",
    "examine",
    "removal_steps",
    "remove",
]
