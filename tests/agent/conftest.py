"""Shared helpers for tests of the agent."""

from __future__ import annotations

from catflap.agent.config import Source, environment_source


def local_sources(**environment: str) -> tuple[Source, ...]:
    """Sources outside of the store: an environment without a file."""
    return (environment_source({f"FELIX_{name.upper()}": value for name, value in environment.items()}),)
