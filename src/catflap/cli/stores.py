"""Opening the store that a command was told to use."""

from __future__ import annotations

import os
from pathlib import Path

from catflap.agent.config import (
    DEFAULT_FILE,
    ConfigurationError,
    Source,
    environment_source,
    file_source,
    resolve,
)
from catflap.agent.connect import store_options, store_url
from catflap.cli.common import CommandError, Exit
from catflap.store import Store, StoreError, open_store


def local_sources(path: Path | None) -> tuple[Source, ...]:
    """The sources outside of the store: the environment, and the named file or else the default one.

    Raises:
        ConfigurationError: the file is missing though named, or cannot be read.
    """
    return environment_source(os.environ), file_source(path or DEFAULT_FILE, required=path is not None)


def open_configured_store(url: str | None, config_file: Path | None = None) -> Store:
    """Open the named store, or else the one that the agent's environment and file name.

    The files and credentials to connect with come from there in both cases.

    Raises:
        CommandError: the configuration or the URL is invalid.
    """
    try:
        configuration, _ = resolve(local_sources(config_file))
        return open_store(url or store_url(configuration), store_options(configuration))
    except (ConfigurationError, StoreError) as error:
        raise CommandError(str(error), Exit.USAGE) from None
