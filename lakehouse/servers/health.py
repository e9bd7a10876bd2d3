"""Whether the Spark server answers, and what to say where it does not: that its process runs is not enough.

Its JVM may be stopped, busy with its memory alone, or left without Spark by what went wrong in it; who waits for it would wait for ever.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import psutil

from lakehouse import imports
from lakehouse.errors import ServerError
from lakehouse.servers import authentication, process, thrift_session
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql.connect.client.core import SparkConnectClient

PATIENCE = 60.0  # seconds that a `select 1` may take. On two processors with twenty threads to run it has taken ten
BEAT = 15.0  # seconds between two looks at a server that somebody waits for
STOPPED = "is not running"
_LAST_WORDS = ("Terminating due to", "java.lang.OutOfMemoryError", "a stopped SparkContext")  # the plainest first


def pid_file(settings: Settings) -> process.PidFile:
    """Where the pid of the server is kept."""
    return process.PidFile(settings.var_dir / "run" / "spark.pid")


def log_file(settings: Settings) -> Path:
    """The log of the server."""
    return settings.log_dir / "spark.log"


def trouble(settings: Settings, patience: float | None = None, connect: bool = False) -> str:
    """What is wrong with the server, as the end of a sentence that begins with its name; "" if it answers.

    Args:
        patience: seconds for each answer; PATIENCE by default.
        connect: whether to ask over Spark Connect too, whose client takes half a second to load.
    """
    patience = PATIENCE if patience is None else patience
    noted = pid_file(settings)
    running = noted.process()
    if not running and not noted.runs():
        return f"has died: {last_words(settings)}" if noted.died() else STOPPED
    asks: list[tuple[str, int, Callable[[], object]]] = [
        ("Thrift", settings.thrift_port, lambda: thrift_session.answer(settings, patience))
    ]
    if connect:
        asks.append(("Connect", settings.connect_port, lambda: _answer(settings, patience)))
    runs = f"runs (pid {running.pid})" if running else "runs in another container"
    for name, port, ask in asks:
        if not process.listening(port):
            return f"{runs} and does not listen on port {port} ({name}): {last_words(settings)}"
        try:
            ask()
        except Exception as error:  # whatever it is: `select 1` was not answered
            if not noted.runs():
                return trouble(settings, patience, connect)  # it ended while it was asked
            if isinstance(error, ServerError):
                return error.seen
            said = str(error).strip().splitlines() or [type(error).__name__]
            why = "stopped by a signal" if running and running.status() == psutil.STATUS_STOPPED else said[0][:200]
            return f"{runs} and does not answer within {patience:g} s over {name}: {why}"
    return ""


def _answer(settings: Settings, patience: float) -> None:
    imports.spark_client()
    import grpc
    from pyspark.sql.connect.proto import base_pb2, base_pb2_grpc

    with grpc.secure_channel(f"127.0.0.1:{settings.connect_port}", authentication.channel(settings)) as channel:
        stub = base_pb2_grpc.SparkConnectServiceStub(channel)
        who: dict[str, Any] = {"session_id": str(uuid.uuid4()), "user_context": {"user_id": "health"}}
        plan: Any = {"root": {"sql": {"query": "select 1"}}}
        list(stub.ExecutePlan(base_pb2.ExecutePlanRequest(plan=plan, **who), timeout=patience))
        stub.ReleaseSession(base_pb2.ReleaseSessionRequest(**who), timeout=patience)


def last_words(settings: Settings) -> str:
    """What the end of the log says of how the server ended."""
    end = process.last_lines(log_file(settings), 400)
    for words in _LAST_WORDS:
        if said := [line for line in end if words in line]:
            return said[-1].strip()[:200]
    return "its log does not say why, as when it is killed from outside"


def lost(settings: Settings, seen: str = "") -> ServerError:
    """The error of whoever waited for an answer of the server that will not come."""
    running = pid_file(settings).process()
    if running and not seen:
        with suppress(psutil.TimeoutExpired):
            running.wait(0 if process.listening(settings.thrift_port) else 3)  # a process closes its sockets before it is gone
    seen = seen or trouble(settings) or "has broken off the connection"
    return ServerError(
        "Spark server", seen, remedy=f"What it was doing is undone. Run make up and then this again; see {log_file(settings)}"
    )


def cut_off(settings: Settings) -> None:
    """End the server at once: whoever has the lease now writes through another driver, and what ours still runs must not commit any more.

    Raises:
        ServerError: it does not end.
    """
    noted = pid_file(settings)
    running = noted.process()
    noted.stop(patience=0)
    if running is not None and _lives(running):
        raise ServerError(f"Spark server (pid {running.pid})", "does not end, and may still commit what it runs", remedy="End it")


def _lives(found: psutil.Process) -> bool:
    try:
        return found.is_running() and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def watched(settings: Settings, cut: Callable[[], None]) -> Iterator[list[str]]:
    """While somebody waits for the server over Thrift, look after it; `cut` is to break off the wait if it does not answer.

    Yields:
        what was seen then; empty until it is.
    """
    over, seen = threading.Event(), list[str]()

    def tell(found: str) -> None:
        seen.append(found)
        cut()

    _watch(settings, over.wait, tell)
    try:
        yield seen
    finally:
        over.set()


def watch_client(settings: Settings, client: "SparkConnectClient") -> None:
    """Have a client of Spark Connect break off with a ServerError where the server has died or does not answer.

    Its own way is to try again for ten minutes where nobody listens, and to wait for ever where nobody answers.
    """
    imports.spark_client()
    import grpc
    from pyspark.sql.connect.client.retries import DefaultPolicy

    seen, handle = list[str](), client._handle_error

    class WhileAlive(DefaultPolicy):  # type: ignore[misc]
        def can_retry(self, error: BaseException) -> bool:
            return bool(super().can_retry(error)) and process.listening(settings.connect_port)

    def handle_error(error: Exception) -> NoReturn:
        if isinstance(error, grpc.RpcError) and error.code() == grpc.StatusCode.UNAUTHENTICATED:
            raise authentication.refused(settings) from None
        if seen or not process.listening(settings.connect_port):
            raise lost(settings, *seen) from None
        handle(error)
        raise error

    def tell(found: str) -> None:
        seen.append(found)
        client._channel.close()  # whoever waits on it gets an error

    def over(seconds: float) -> bool:
        time.sleep(seconds)
        return bool(client.is_closed)

    client.set_retry_policies([WhileAlive()])
    client._handle_error = handle_error
    _watch(settings, over, tell)


def _watch(settings: Settings, over: Callable[[float], bool], tell: Callable[[str], None]) -> None:
    """Look after the server until `over`, which waits some seconds and says whether nobody waits for it any more."""

    def watch() -> None:
        while not over(BEAT):
            if found := trouble(settings, 2 * PATIENCE):
                if not over(0):
                    tell(found)
                return

    threading.Thread(target=watch, daemon=True, name="watch of the Spark server").start()
