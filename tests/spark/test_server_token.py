"""Whoever comes to the Spark server without its token is not let in, by none of its doors; nor is the token to be read by others."""

import socket
import stat
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from pydantic import SecretStr
from pyhive import hive
from pyspark.sql.connect.proto import base_pb2, base_pb2_grpc
from small_dbt import placed
from thrift.transport.TTransport import TTransportException

from lakehouse import dbt, machine
from lakehouse.engines import catalog, session
from lakehouse.errors import ServerError
from lakehouse.servers import authentication, server
from lakehouse.settings import Settings

WRONG = [None, "", "x", "Bearer"]


@pytest.fixture
def stranger(spark_server: Settings) -> Settings:
    return spark_server.model_copy(update={"spark_token": SecretStr("of-another-server")})


@pytest.mark.parametrize("given", WRONG)
def test_server_token_is_asked_for_over_connect(spark_server: Settings, given: str | None) -> None:
    asked = base_pb2.ExecutePlanRequest(
        session_id="00112233-4455-6677-8899-aabbccddeeff",
        user_context={"user_id": "x"},
        plan={"root": {"sql": {"query": "select 1"}}},
    )  # type: ignore[arg-type]
    metadata = [] if given is None else [("authorization", f"Bearer {given}")]
    with grpc.insecure_channel(f"127.0.0.1:{spark_server.connect_port}") as channel, pytest.raises(grpc.RpcError) as refused:
        list(base_pb2_grpc.SparkConnectServiceStub(channel).ExecutePlan(asked, timeout=60, metadata=metadata))
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED  # type: ignore[attr-defined]


@pytest.mark.parametrize("given", WRONG)
def test_server_token_is_asked_for_over_thrift(spark_server: Settings, given: str | None) -> None:
    who: dict[str, Any] = {"auth": "NONE"} if given is None else {"auth": "CUSTOM", "password": given}
    with pytest.raises(TTransportException, match=authentication.REFUSED):
        hive.connect("127.0.0.1", port=spark_server.thrift_port, username="anybody", **who)


def test_server_token_lets_in_whoever_knows_it(spark_server: Settings) -> None:
    token = authentication.token(spark_server)
    with hive.connect("127.0.0.1", port=spark_server.thrift_port, username="anybody", auth="LDAP", password=token) as opened:
        cursor = opened.cursor()
        cursor.execute("select 1")
        assert cursor.fetchall() == [(1,)]


def test_server_token_of_another_server_is_told(stranger: Settings) -> None:
    opened = session.connect(stranger)
    for ask in (
        lambda: catalog.thrift_rows(stranger, "select 1"),
        lambda: opened.sql("select 1").collect(),
        lambda: machine.start(stranger),
    ):
        with pytest.raises(ServerError, match="refuses the token of SPARK_TOKEN .*make down up"):
            ask()
    done = subprocess.run(
        [sys.executable, "-c", "from dbt.cli.main import cli; cli(['debug', '--connection'], prog_name='dbt')"],
        cwd=dbt.PROJECT,
        env=dbt.environment(stranger) | {"SPARK_TOKEN": "of-another-server"},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0 and "refuses the token of SPARK_TOKEN" in done.stdout and "of-another-server" not in done.stdout
    opened.stop()  # else it stays this process's active session, which Great Expectations asks


def test_each_dbt_in_a_process_has_its_own_settings(spark_server: Settings, tmp_path: Path) -> None:
    with placed(tmp_path / "project", spark_server) as project:
        project.settings = spark_server.model_copy(update={"var_dir": tmp_path})
        with pytest.raises(AssertionError, match=f"refuses the token of {tmp_path}/run/spark.token"):
            project.dbt("run")
        project.settings = spark_server
        project.dbt("run")
        assert project.ids("stg") == [1, 2, 3]


def test_server_token_stands_where_its_owner_alone_can_read(spark_server: Settings) -> None:
    token, running = authentication.token(spark_server), server.running(spark_server)
    assert running and len(token) >= 32 and token not in " ".join(running.cmdline())
    assert running.environ()["SPARK_CONNECT_AUTHENTICATE_TOKEN"] == token  # `/proc/<pid>/environ` is its owner's alone
    assert stat.S_IMODE(authentication.file(spark_server).stat().st_mode) == 0o600
    told = [str(cell) for row in catalog.thrift_rows(spark_server, "set") for cell in row]
    assert told and token not in "".join(told)


def test_server_token_is_no_way_round_by_the_drivers_own_port(spark_server: Settings) -> None:
    [(_, port)] = catalog.thrift_rows(spark_server, "set spark.driver.port")
    body = b"\xac\xed\x00\x05"
    message = struct.pack(">Bqi", 3, 1, len(body)) + body  # a request of Spark's transport, with something serialised by Java in it
    with socket.create_connection(("127.0.0.1", int(port)), timeout=30) as door:
        door.sendall(struct.pack(">q", 8 + len(message)) + message)
        (length,) = struct.unpack(">q", door.recv(8, socket.MSG_WAITALL))
        said = door.recv(length - 8, socket.MSG_WAITALL)
    assert b"Expected SaslMessage" in said  # else it had read what was sent, as Java reads what is serialised
