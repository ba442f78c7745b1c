"""One agent for each network namespace: two would undo each other's rule sets for ever.

An abstract Unix socket is the lock: its name lives in the network namespace, and the kernel releases it with the
process, however that ends. No file can be left behind.
"""

from __future__ import annotations

import socket
import struct

LOCK_NAME = "\0catflap/agent"
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


class AlreadyRunningError(Exception):
    """Another agent runs in this network namespace."""


def acquire_lock(name: str = LOCK_NAME) -> socket.socket:
    """Take the lock. It is held until the returned socket is closed or the process ends.

    Raises:
        AlreadyRunningError: another process holds it; the text names its process id.
    """
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        lock.bind(name)
        lock.listen(1)
    except OSError:
        lock.close()
        raise AlreadyRunningError(
            f"another agent{_holder(name)} is running in this network namespace: stop it first"
        ) from None
    return lock


def _holder(name: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(name)
        except OSError:
            return ""
        credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return f" (process {_CREDENTIALS.unpack(credentials)[0]})"
