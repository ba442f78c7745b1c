"""From resources and interfaces to what one host enforces, incrementally and without I/O.

`PolicyEngine` takes changes of resources, the host's interfaces and its settings, and gives a `HostPolicy`. It must
never depend on the order in which changes arrive: the same final data give the same `HostPolicy`.
"""

from catflap.policy.engine import PolicyEngine
from catflap.policy.host_policy import HostPolicy
from catflap.policy.settings import Settings

__all__ = ["HostPolicy", "PolicyEngine", "Settings"]
