"""Sessions of the Thrift server, whose errors name the model's file and line."""

import json
import re
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass
from typing import Any, cast

import thrift.transport.TSocket
from dbt.adapters.comporta.message import kind_of, readable
from dbt.adapters.contracts.connection import Connection
from dbt.adapters.exceptions import FailedToConnectError
from dbt.adapters.spark.connections import CONNECTION_LOST_EXCEPTIONS, SparkConnectionManager, SparkCredentials
from dbt_common.exceptions import DbtDatabaseError, DbtRuntimeError
from thrift.transport.TSocket import TSocket

from lakehouse import values
from lakehouse.errors import LockError
from lakehouse.machine import load
from lakehouse.servers import authentication, health, thrift_session
from lakehouse.settings import Settings
from lakehouse.store import lock


class _PatientSocket(TSocket):  # type: ignore[misc]
    """What PyHive makes its sessions of; a server that does not answer is told. It answers each poll of a statement within 5 s."""

    def __init__(self, *where: Any, **options: Any) -> None:
        super().__init__(*where, **options)
        self.setTimeout(2000 * health.PATIENCE)


thrift.transport.TSocket.TSocket = _PatientSocket
_LOOPBACK = ("127.0.0.1", "localhost")
_COMMENT = re.compile(r"\s*/\*\s*(\{.*?\})\s*\*/", re.DOTALL)  # what dbt puts before each statement
_WROTE = re.compile(r"\[TASK_WRITE_FAILED\] (Task failed while writing rows to \S+)")


class StatementError(DbtDatabaseError):
    """Spark refuses a statement, or breaks it off.

    Attributes:
        kind: Spark's name for it; dbt-spark looks for that in the message, where ours no longer has it.
    """

    def __init__(self, said: str, kind: str) -> None:
        super().__init__(said)
        self.kind = kind


@dataclass
class ComportaCredentials(SparkCredentials):
    """dbt-spark's, with Spark's own view of what breaks a statement: a value that does not fit is an error."""

    ui_port: int = 4040  # Spark's own web page, which knows why a task failed

    @property
    def type(self) -> str:
        """The adapter's name in profiles.yml."""
        return "comporta"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.server_side_parameters.pop("spark.sql.ansi.enabled", None)  # dbt-spark's `false`
        # A hook's `select assert_true(…)`, whose rows nobody fetches, is to run.
        self.server_side_parameters.setdefault(thrift_session.STREAM, "false")


class ComportaConnectionManager(SparkConnectionManager):
    """dbt-spark's, with readable errors."""

    TYPE = "comporta"
    nodes: Mapping[str, Any] = {}  # of the manifest, by id
    _next = threading.local()
    _loaded: Settings | None = None

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        type(self)._loaded = None  # one is made for each command, and a process may run several, each with its own settings

    @classmethod
    def for_next_session(cls, node: str | None, settings: Mapping[str, str]) -> None:
        """Open this thread's next session, which dbt does with a node's first statement, with these settings if it is for `node`."""
        cls._next.settings = node, {f"set:hiveconf:{name}": value for name, value in settings.items()}

    @classmethod
    def open(cls, connection: Connection) -> Connection:
        """As dbt-spark's; a server that is not there is said to be so."""
        node, settings = vars(cls._next).pop("settings", (None, {}))
        plain = getattr(connection.credentials, "plain", connection.credentials)  # one connection serves many nodes
        known = connection.credentials = copy(plain)
        known.plain = plain
        if settings and node == connection.name:
            known.server_side_parameters = plain.server_side_parameters | settings
        if known.password is None and known.host in _LOOPBACK:  # the profile has none: it is of this machine's server
            known.auth, known.password = "CUSTOM", authentication.token(cls._settings())
        try:
            return super().open(connection)
        except FailedToConnectError as error:
            if authentication.REFUSED in f"{error} {error.__cause__}":
                raise FailedToConnectError(str(authentication.refused(cls._settings()))) from None
            if "refused" not in str(error).lower() and "could not connect" not in str(error).lower():
                raise
            raise FailedToConnectError(
                f"nothing listens on {known.host}:{known.port} (wanted: the Spark Thrift server). Start it with make up"
            ) from None

    @classmethod
    def _close_handle(cls, connection: Connection) -> None:
        """As dbt's; where the server is gone there is nothing to close, and the error that told so is to be heard."""
        with suppress(*CONNECTION_LOST_EXCEPTIONS):
            super()._close_handle(connection)

    @classmethod
    def process_results(cls, column_names: Iterable[str], rows: Iterable[Any]) -> Iterator[dict[str, Any]]:
        """As dbt's; bytes as text in hex, which agate would write as Python does."""
        told = ([values.text(each) if isinstance(each, bytes) else each for each in row] for row in rows)
        found: Iterator[dict[str, Any]] = super().process_results(column_names, told)
        return found

    @contextmanager
    def exception_handler(self, sql: str) -> Generator[None, None, None]:
        """Raise what Spark says as one error, in words that lead to the model's line; ask for nothing once the lake's lease is lost."""
        try:
            lock.check(self._settings())
            yield
        except LockError as error:
            raise DbtRuntimeError(str(error)) from None
        except Exception as error:
            if isinstance(error.__cause__ or error, CONNECTION_LOST_EXCEPTIONS):
                raise DbtRuntimeError(str(health.lost(self._settings(), self._seen()))) from None
            if isinstance(error, DbtRuntimeError) and type(error) is not DbtDatabaseError:
                raise
            said = _raw(error)
            if found := _WROTE.search(said):
                said = self._cause(found[1]) or said
            raise StatementError(readable(said, sql, *self._source(sql)), kind_of(said)) from None

    @classmethod
    def _settings(cls) -> Settings:
        if cls._loaded is None:
            cls._loaded = load()
        return cls._loaded

    def _server(self) -> ComportaCredentials:
        return cast(ComportaCredentials, self.profile.credentials)

    def _seen(self) -> str:
        """What became of a server that is not of this machine, as far as is known."""
        host = self._server().host
        return "" if host in _LOOPBACK else f"on {host} has broken off the connection or does not answer"

    def _source(self, sql: str) -> tuple[str, str]:
        """Path and text of the file that the statement comes from, both empty if it is not known."""
        found = _COMMENT.match(sql)
        with suppress(ValueError):
            node = self.nodes.get(json.loads(found[1]).get("node_id", "")) if found else None
            if node is not None:
                return node.original_file_path, node.raw_code
        return "", ""

    def _cause(self, failure: str) -> str:
        """Why a task could not write, which Spark keeps to itself: its message says only that it could not. Empty if not known."""
        import requests

        credentials = self._server()
        page = f"http://{credentials.host}:{credentials.ui_port}/api/v1/applications"
        with suppress(requests.RequestException, ValueError, LookupError):
            page += f"/{requests.get(page, timeout=2).json()[0]['id']}/stages"
            for stage in requests.get(page, params={"status": "failed"}, timeout=2).json():
                if failure in stage.get("failureReason", ""):
                    tasks = f"{page}/{stage['stageId']}/{stage['attemptId']}/taskList"
                    failed = requests.get(tasks, params={"status": "failed", "length": "1"}, timeout=2).json()
                    return str(failed[0]["errorMessage"])
        return ""


def _raw(error: Exception) -> str:
    """What Spark said."""
    status = getattr(error.args[0], "status", None) if error.args else None
    return str(getattr(status, "errorMessage", None) or getattr(error, "msg", None) or error)
