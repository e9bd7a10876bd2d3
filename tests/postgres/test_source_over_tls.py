"""The source over TLS: who can't show a certificate for its name hears nothing, whichever library asks.

The embedded server is built without TLS, so a front speaks it; what verifies it is libpq, psycopg2's and DuckDB's.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import pytest
from bronze_reader import execute
from certificates import Authority, Front, front
from psycopg2.extensions import parse_dsn
from pydantic import SecretStr

from ingestion.sources.postgres import extract, tls
from ingestion.sources.postgres.connect import open_source, prepare, session
from ingestion.sources.postgres.work import Context
from lakehouse.errors import SourceError, SourceLostError
from lakehouse.settings import Settings
from samples.dump import load_dump

Named = Callable[..., Settings]
NAME = "db.example"
PASSWORD = "Jm4-xQ!9"


@pytest.fixture(autouse=True)
def nobody_s_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGSSLMODE", "PGSSLROOTCERT", "PGHOST", "PGHOSTADDR", "PGSERVICE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "company")


@pytest.fixture
def server(fresh_database: str, authority: Authority) -> Iterator[Front]:
    """A server whose certificate is for NAME."""
    with front(int(urlsplit(fresh_database).port or 0), authority.server(NAME)) as running:
        yield running


@pytest.fixture
def named(fresh_database: str, tmp_path: Path) -> Named:
    """Settings of a source that is called by a name, and is on a port of this machine."""
    parts = urlsplit(fresh_database)
    execute(fresh_database, f"create role reader login password '{PASSWORD}'")

    def made(port: int | None, host: str = NAME, **more: str) -> Settings:
        words = {
            "host": host,
            "hostaddr": "127.0.0.1",
            "port": port,
            "dbname": parts.path[1:],
            "user": "reader",
            "password": PASSWORD,
        }
        dsn = " ".join(f"{name}={value}" for name, value in (words | more).items() if value)
        return Settings(var_dir=tmp_path / "var", source_dsn=SecretStr(dsn))

    yield made
    execute(fresh_database, "drop role reader")


def refused(settings: Settings) -> str:
    """The message of a connection that does not come about."""
    with pytest.raises(SourceError) as found:
        open_source(settings)
    assert not isinstance(found.value, SourceLostError), "trying again would not help"
    assert PASSWORD not in str(found.value) and "sslmode=disable" in str(found.value), str(found.value)
    return str(found.value)


def read(settings: Settings, authorities: bytes | None = None, gone: Path | None = None) -> object:
    """What DuckDB's reader, as a task has it, reads through the source."""
    dsn = prepare(settings)
    carried = tls.roots(dsn) if authorities is None else authorities
    if gone:
        gone.unlink()
    with tls.at_hand(dsn, carried) as at_hand:
        context = Context(
            batch_id=1,
            ingested_at="",
            lsn=None,
            storage={},
            dsn=at_hand,
            session=tuple(session(180000, 10)),
            snapshot=None,
            authorities=carried,
        )
        reader = extract._open(context)
        with closing(reader):
            return reader.execute("select * from postgres_query('pg', 'select 7')").fetchall()


@pytest.mark.parametrize("how", ["string", "environment", "machine"])
def test_a_server_of_a_known_authority_is_read(
    server: Front, named: Named, authority: Authority, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how != "string":
        monkeypatch.setenv({"environment": "PGSSLROOTCERT", "machine": "SSL_CERT_FILE"}[how], str(authority.path))
    settings = named(server.port, **({"sslrootcert": str(authority.path)} if how == "string" else {}))
    with closing(open_source(settings)) as source:
        assert source.info.ssl_in_use and source.info.dsn_parameters["sslmode"] == "verify-full"
    assert read(settings) == [(7,)]


def test_a_task_on_another_machine_is_given_the_authorities(server: Front, named: Named, authority: Authority) -> None:
    settings = named(server.port, sslrootcert=str(authority.path))
    assert read(settings, gone=authority.path) == [(7,)], "the file that the string names is not there"


@pytest.mark.parametrize("what", ["certificate verify failed", "SSL error: ", "does not match host name"])
def test_a_server_that_is_not_who_it_says_hears_nothing(
    server: Front, named: Named, authority: Authority, what: str, tmp_path: Path
) -> None:
    strangers = {"certificate verify failed": "a stranger", "SSL error: ": "a company"}  # the latter takes the company's name
    known = Authority(tmp_path / "other", strangers[what]).path if what in strangers else authority.path
    settings = named(server.port, host=NAME if what in strangers else "other.example", sslrootcert=str(known))
    message = refused(settings)
    assert what in message and "wanted: a certificate for the host's name" in message
    with pytest.raises(duckdb.Error, match=what):
        read(settings)
    assert len(server.heard) > 1 and not any(server.heard), "nothing was said to it, not even a name"


def test_the_authorities_of_this_machine_are_not_any_authority(server: Front, named: Named) -> None:
    message = refused(named(server.port))
    assert (
        "SOURCE_DSN: " in message
        and "certificate verify failed" in message
        and "wanted: a certificate for the host's name" in message
    )
    assert "sslrootcert=/path/ca.pem" in message and not any(server.heard)


def test_a_server_without_tls_is_refused_unless_that_is_said(named: Named, fresh_database: str) -> None:
    plain = urlsplit(fresh_database).port
    message = refused(named(plain))
    assert "server does not support SSL" in message and "(wanted: TLS)" in message
    for mode in ("disable", "prefer"):
        settings = named(plain, sslmode=mode)
        with closing(open_source(settings)) as source:
            assert not source.info.ssl_in_use
        assert read(settings) == [(7,)]


def test_a_string_without_a_name_says_so(server: Front, named: Named, authority: Authority) -> None:
    with pytest.raises(SourceError, match=r"Add host= to SOURCE_DSN"):
        open_source(named(server.port, host="", sslmode="verify-full", sslrootcert=str(authority.path)))


def test_a_file_of_authorities_that_is_not_there_says_so(server: Front, named: Named) -> None:
    with pytest.raises(SourceError, match="/is/not/there.pem.*Check sslrootcert"):
        open_source(named(server.port, sslrootcert="/is/not/there.pem"))


def test_every_connection_of_a_run_is_made_alike(named: Named, server: Front, authority: Authority) -> None:
    """`prepare` is what all of them are given: the snapshot's joiners, the comparison's, the tasks'."""
    said = parse_dsn(prepare(named(server.port, sslrootcert=str(authority.path))))
    assert (said["sslmode"], said["sslrootcert"]) == ("verify-full", str(authority.path))


def test_a_dump_is_not_played_in_clear_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel's psql is built without TLS."""
    dump = tmp_path / "dump.sql"
    dump.write_text("select 1;\n")
    dsn = f"host={NAME} hostaddr=127.0.0.1 port=1 user=me password={PASSWORD} sslmode=verify-full sslrootcert={tmp_path}/ca.pem"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="psql: speaks no TLS here.*Install postgresql-client"):
        load_dump(dsn, dump)
    (tmp_path / "psql").write_text(
        '#!/bin/sh\n/bin/cat > /dev/null\necho "$PGSSLMODE $PGSSLROOTCERT $PGHOST" > ' + f"'{tmp_path}/said'\n"
    )
    (tmp_path / "psql").chmod(0o755)
    assert load_dump(dsn, dump) == {}
    assert (tmp_path / "said").read_text() == f"verify-full {tmp_path}/ca.pem {NAME}\n"


def test_a_server_that_takes_tls_only_is_told_apart_from_a_bad_dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dump, said = (
        tmp_path / "dump.sql",
        'connection to server at "localhost" failed: FATAL:  no pg_hba.conf entry for host "::1", no encryption',
    )
    dump.write_text("select 1;\n")
    (tmp_path / "psql").write_text(f"#!/bin/sh\n/bin/cat > /dev/null\necho 'psql: error: {said}' >&2\nexit 2\n")
    (tmp_path / "psql").chmod(0o755)
    monkeypatch.setattr("samples.dump.POSTGRES_BIN_PATH", tmp_path)
    with pytest.raises(SourceError, match="The server wants TLS: say sslmode=require in SOURCE_DSN"):
        load_dump("host=localhost dbname=db", dump)
