"""Settings of all tests."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# A busy machine is no fault, so examples have no deadline. In CI the examples are the same in every run.
settings.register_profile(
    "catflap",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("catflap")
