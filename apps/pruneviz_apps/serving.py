"""Where the explorers listen: on this machine alone, at a free port."""

from __future__ import annotations

import socket

from pruneviz.core.errors import UsageError

HOST = "127.0.0.1"  # never all interfaces: whoever reaches the port reads the study
PORT = 5006


def free_port(port: int | None) -> int:
    """A port that can be listened on.

    Args:
        port: the port wanted, 0 for any; the first free one from 5006 when absent.

    Raises:
        UsageError: it is taken.
    """
    for candidate in (port,) if port is not None else range(PORT, PORT + 100):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((HOST, candidate))
            except OSError:
                continue
            return int(s.getsockname()[1])
    wanted = f"port {port}" if port is not None else f"every port from {PORT} to {PORT + 99}"
    raise UsageError(f"{wanted} on {HOST} is taken. Name another with --port, or leave it out to take a free one.")


def say(address: str) -> None:
    """Print the address that can be opened now."""
    print(f"pruneviz: {address}  (Ctrl-C ends it)", flush=True)
