"""Sessions of the server's Thrift door, as PyHive makes them, with our token."""

import getpass
from collections.abc import Mapping
from typing import Any

from pyhive import hive
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TTransportException
from thrift_sasl import TSaslClientTransport

from lakehouse.servers import authentication
from lakehouse.settings import Settings


class Session(hive.Connection):  # type: ignore[misc]
    """PyHive's, without the `use default` that it begins with.

    A session is in `default` anyway, and that statement has the thread that serves it connect to the metastore, which takes as long
    as planning a small merge.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        self._is_opening = named.get("database", "default") == "default"
        super().__init__(*given, **named)
        self._is_opening = False

    def cursor(self, *given: Any, **named: Any) -> Any:
        """As PyHive's; nothing is asked while the session opens."""
        return _Nothing() if self._is_opening else super().cursor(*given, **named)


class _Nothing:
    def execute(self, statement: str) -> None:
        pass

    def close(self) -> None:
        pass


hive.Connection = Session  # dbt-spark's sessions are made by `hive.connect` too
# The server has rows made as they are fetched; a session that is to know that its queries have run says otherwise.
STREAM = "set:hiveconf:spark.sql.thriftServer.incrementalCollect"


def answer(settings: Settings, patience: float) -> None:
    """Ask `select 1` in a session of its own.

    Args:
        patience: seconds for each step of it.

    Raises:
        Exception: of whatever kind, if it is not answered.
    """
    wire = TSocket("127.0.0.1", settings.thrift_port)
    wire.setTimeout(1000 * patience)
    with connect(settings, wire, {STREAM: "false"}) as connection, connection.cursor() as opened:
        opened.execute("select 1")
        opened.fetchall()


def connect(settings: Settings, wire: TSocket, configuration: Mapping[str, str]) -> Any:
    """A session over `wire`, which begins with `configuration`.

    Raises:
        ServerError: the server refuses our token.
    """
    password = authentication.token(settings)

    def client() -> Any:
        return hive.get_installed_sasl(host=wire.host, sasl_auth="PLAIN", username=getpass.getuser(), password=password)

    try:
        return hive.connect(thrift_transport=TSaslClientTransport(client, "PLAIN", wire), configuration=configuration)
    except TTransportException as error:
        if authentication.REFUSED in str(error):
            raise authentication.refused(settings) from None
        raise
