"""Ports for servers of the tests' own."""

import contextlib
import os
import random
import socket

_SYSTEM = random.SystemRandom()  # Hypothesis seeds the usual one: two runs would ask for the same ports

_WORKERS = 8  # processes of a run that never ask for the same port


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on.

    Below those that the system gives to whoever connects, and others for each process of a run: between this answer and the
    server's start nobody else takes them.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    found: set[int] = set()
    while len(found) < count:
        port = 12_000 + _WORKERS * _SYSTEM.randrange(20_000 // _WORKERS) + worker % _WORKERS
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.add(port)
    return list(found)
