"""A server that can't be reached is told at once: Spark's own client would try for ten minutes."""

import pytest
from ports import free_ports

from lakehouse.engines import session
from lakehouse.errors import ServerError
from lakehouse.servers import server
from lakehouse.settings import Settings


def test_a_server_on_another_port_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    [free] = free_ports(1)
    monkeypatch.setattr(server, "runs", lambda settings: True)
    with pytest.raises(ServerError, match=f"nothing answers on CONNECT_PORT {free}.*the port it was started with"):
        session.connect(Settings(connect_port=free))
