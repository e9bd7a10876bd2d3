"""A port that a server is to have is refused in words that say what to do, whoever has it."""

import socket

import pytest

from lakehouse.errors import ServerError
from lakehouse.servers import process


def test_a_port_that_somebody_listens_on_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as there, pytest.raises(ServerError, match=r"is in use.* or set SITE_PORT"):
        process.refuse_busy(there.getsockname()[1], "SITE_PORT")


def test_a_port_that_is_a_connections_own_end_is_refused() -> None:
    """PostgreSQL said of it `could not start server`, in a log that only its own user may read."""
    said = r"by a connection of this machine .*Run again in a minute or set POSTGRES_PORT"
    with (
        socket.create_server(("127.0.0.1", 0)) as there,
        socket.create_connection(there.getsockname()) as ours,
        pytest.raises(ServerError, match=said),
    ):
        process.refuse_busy(ours.getsockname()[1], "POSTGRES_PORT")


def test_a_free_port_is_let_through_also_right_after_a_server_has_left_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), there.accept()[0]:
            pass
    process.refuse_busy(port, "SITE_PORT")
