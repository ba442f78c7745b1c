"""Lets connections that are older than our first rule live on. See `catflap.host.connections`.

It is done by a process of its own: the netlink library behind it weighs a fifth of the whole agent, and is needed for
a moment, once in the life of a host.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Final

log = logging.getLogger(__name__)

# -I: nothing may be imported from the working directory, which others may write to.
COMMAND: Final = (sys.executable, "-I", "-m", "catflap.host.connections")
TIMEOUT: Final = 20.0  # seconds; 5,000 connections take 2.5


def keep_existing_connections() -> None:
    """Make conntrack know the connections of local sockets; a failure is reported and stops nothing."""
    try:
        done = subprocess.run(COMMAND, capture_output=True, text=True, check=True, timeout=TIMEOUT)
        found, added = done.stdout.split()
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        detail = getattr(error, "stderr", "") or error
        reason = str(detail).strip().rpartition("\n")[2]
        log.warning("Connections that exist already may be cut: conntrack does not take them: %s", reason)
    else:
        log.info("Existing connections: %s, of which conntrack did not know %s", found, added)
