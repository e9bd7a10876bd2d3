"""A source that somebody else owns: what is granted, what its server refuses, what its role and database carry."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from decimal import Decimal
from urllib.parse import urlsplit

import psycopg2
import pytest
from bronze_reader import bronze, execute, latest, query
from ingest_helpers import configure, outcome
from pydantic import SecretStr

from ingestion import reconcile
from ingestion import run as ingest
from ingestion.sources.base import Request
from ingestion.sources.postgres.connect import open_source
from ingestion.sources.postgres.snapshot import take_snapshot, unknown
from lakehouse.errors import SourceError
from lakehouse.settings import Settings


@pytest.fixture
def guest(lake_settings: Settings) -> Iterator[Settings]:
    """Settings whose source is read by a role of this test's own, which may log in and nothing else."""
    role = f"guest_{lake_settings.source_name}"
    execute(lake_settings.dsn(), f"drop role if exists {role}", f"create role {role} login password 'secret'")
    parts = urlsplit(lake_settings.dsn())
    yield with_dsn(lake_settings, f"postgresql://{role}:secret@{parts.hostname}:{parts.port}{parts.path}")


def with_dsn(settings: Settings, dsn: str, **values: object) -> Settings:
    return settings.model_copy(update={"source_dsn": SecretStr(dsn), **values})


def role(settings: Settings) -> str:
    return str(urlsplit(settings.dsn()).username)


# Grants.


def test_partitions_are_read_through_a_root_that_alone_is_granted(lake_settings: Settings, guest: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int, day date, v text, primary key (id, day)) partition by range (day)",
        "create schema parts",
        "create table parts.a partition of t for values from ('2026-01-01') to ('2026-02-01')",
        "create table b partition of t for values from ('2026-02-01') to ('2026-03-01')",
        f"grant select on t, b to {role(guest)}",
        "insert into t select n, date '2026-01-01' + n, 'x' from generate_series(0, 40) n",
    )
    assert (outcome(guest).mode, outcome(guest).status) == ("incremental", "empty")
    execute(
        dsn,
        "create table parts.c partition of t for values from ('2026-03-01') to ('2026-04-01')",
        "insert into t values (100, '2026-03-05', 'new')",
        "update t set v = 'y' where id = 3",
        "delete from t where id = 4",
    )
    again = outcome(guest)
    assert again.deletes == 1 and again.reason == ""
    assert latest(guest, "t", ["id"], "id, v") == query(dsn, "select id, v from t order by id")
    assert [verdict.word for verdict in reconcile.run(guest)] == ["equal"]


def test_columns_that_are_granted_one_by_one_are_copied_without_the_others(lake_settings: Settings, guest: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int primary key, name text, ssn text)",
        "insert into t values (1, 'a', 's'), (2, 'b', 's')",
        f"grant select (id, name) on t to {role(guest)}",
    )
    done = ingest.run(guest)
    assert [(one.mode, one.rows, one.error) for one in done.outcomes] == [("full", 2, "")]
    assert "without ssn, which this user may not read" in done.notes[0]
    assert bronze(guest, "t", "columns(c -> not starts_with(c, '_'))", "order by id") == [(1, "a"), (2, "b")]
    execute(dsn, "delete from t where id = 1")
    assert (outcome(guest).deletes, [verdict.word for verdict in reconcile.run(guest)]) == (1, ["equal"])


def test_rights_by_membership_and_by_schema(lake_settings: Settings, guest: Settings) -> None:
    dsn, name = lake_settings.dsn(), role(guest)
    execute(
        dsn,
        "create schema crm",
        "create table crm.t(id int primary key)",
        "insert into crm.t values (1)",
        "create table t(id int primary key)",
        "insert into t values (1)",
        f"drop role if exists readers_{name}",
        f"create role readers_{name}",
        f"grant select on all tables in schema public, crm to readers_{name}",
        f"grant readers_{name} to {name}",
    )
    done = ingest.run(guest)
    assert [(one.table, one.status) for one in done.outcomes] == [("public.t", "committed")]
    assert done.notes == ["crm.t: may not be read by this user. make discover lists what may be copied."]
    assert 'usage on schema "crm"' in ingest.run(guest, "crm.t").failed[0].error
    execute(dsn, f"grant usage on schema crm to {name}")
    assert ingest.run(guest).rows == 1
    execute(dsn, f"revoke usage on schema crm from {name}")
    [failed] = ingest.run(guest).failed  # it was copied before: somebody counts on it
    assert failed.table == "crm.t"


def test_only_tables_that_may_not_be_read_are_an_error(lake_settings: Settings, guest: Settings) -> None:
    execute(lake_settings.dsn(), "create table t(id int)")
    with pytest.raises(SourceError, match=r"no table that may be copied.*public\.t: may not be read"):
        ingest.run(guest)


def test_row_security_of_a_partition_does_not_hide_what_the_root_shows(lake_settings: Settings, guest: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int primary key) partition by range (id)",
        "create table p partition of t for values from (0) to (10)",
        "alter table p enable row level security",
        "create policy none on p using (false)",
        "insert into t values (1), (2)",
        f"grant select on t, p to {role(guest)}",
    )
    assert outcome(guest).rows == 2


# Relations.


def test_an_inheritance_parent_is_read_with_its_children_and_these_not_again(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table log(id int primary key, v text)",
        "create table log_2025(more int) inherits (log)",
        "create table log_2026() inherits (log)",
        "insert into log_2025 values (1, 'a', 7)",
        "insert into log_2026 values (1, 'b'), (2, 'c')",
    )
    done = ingest.run(lake_settings)
    assert [(one.table, one.mode, one.rows) for one in done.outcomes] == [("public.log", "full", 3)]
    assert done.notes[0].startswith("public.log_2025, public.log_2026: copied with public.log")
    assert "key holds alone" in done.notes[1] and len(done.notes) == 2
    assert bronze(lake_settings, "log", "id, v", "order by all") == query(dsn, "select id, v from log order by 1, 2")
    assert outcome(lake_settings).status == "empty"
    assert [one.rows for one in ingest.run(lake_settings, "log_2025").outcomes] == [1]  # who asks for one gets it, all its columns
    assert bronze(lake_settings, "log_2025", "more") == [(7,)]


def test_a_key_over_inheritance_children_must_be_one(lake_settings: Settings, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    dsn = lake_settings.dsn()
    configure(monkeypatch, tmp_path, "tables:\n  public.log:\n    key: [id]\n")
    execute(
        dsn,
        "create table log(id int primary key, v text)",
        "create table child() inherits (log)",
        "insert into log values (1, 'a')",
        "insert into child values (1, 'b')",
    )
    [failed] = ingest.run(lake_settings).failed
    assert "key (id) is not unique over its children: (1)" in failed.error
    execute(dsn, "update child set id = 2")
    assert (outcome(lake_settings).rows, outcome(lake_settings).status) == (2, "empty")
    execute(dsn, "update child set v = 'c'", "delete from only log")
    again = outcome(lake_settings)
    assert (again.mode, again.rows, again.deletes) == ("incremental", 1, 1)


def test_a_materialised_view_that_was_never_filled_is_a_note(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int primary key)",
        "insert into t values (1)",
        "create materialized view m as select id from t with no data",
        "create unlogged table u as select 1 as id",
    )
    done = ingest.run(lake_settings)
    assert sorted(one.table for one in done.outcomes) == ["public.t", "public.u"] and not done.failed
    assert "never filled" in done.notes[0]
    assert 'refresh materialized view "public"."m"' in ingest.run(lake_settings, "m").failed[0].error


def test_foreign_partitions_are_read_with_the_others(lake_settings: Settings, guest: Settings) -> None:
    dsn = lake_settings.dsn()
    parts = urlsplit(dsn)
    execute(
        dsn,
        "create extension postgres_fdw",
        "create table far(id int, v text)",
        "insert into far values (11, 'far')",
        f"create server s foreign data wrapper postgres_fdw options (host '127.0.0.1', port '{parts.port}', dbname '{parts.path[1:]}')",
        f"create user mapping for current_user server s options (user '{parts.username}', password '{parts.password}')",
        "create table t(id int not null, v text) partition by range (id)",
        "create table near partition of t for values from (0) to (10)",
        "create foreign table away partition of t for values from (10) to (20) server s options (table_name 'far')",
        "insert into near values (1, 'near')",
    )
    assert [(one.mode, one.rows) for one in ingest.run(lake_settings, "t").outcomes] == [("full", 2)]
    assert bronze(lake_settings, "t", "id, v", "order by id") == [(1, "near"), (11, "far")]


def test_a_locked_table_is_its_own_trouble(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table a(id int primary key)",
        "create table b(id int primary key)",
        "insert into a values (1)",
        "insert into b values (1)",
    )
    with closing(psycopg2.connect(dsn)) as other, other.cursor() as cursor:
        cursor.execute("lock table b in access exclusive mode")
        done = ingest.run(lake_settings)
        assert {one.table: one.status for one in done.outcomes} == {"public.a": "committed", "public.b": "failed"}
        assert f"public.b: is locked by pid {other.info.backend_pid} of comporta" in done.failed[0].error
        assert done.seconds < 30
        assert [(verdict.table, verdict.word) for verdict in sorted(reconcile.run(lake_settings), key=lambda one: one.table)] == [
            ("public.a", "equal"),
            ("public.b", "failed"),
        ]
    assert not ingest.run(lake_settings).failed


# What a server refuses.

_REFUSED = [
    "pg_control_system()",
    "pg_control_checkpoint()",
    "pg_walfile_name(pg_lsn)",
    "pg_current_wal_lsn()",
    "pg_export_snapshot()",
    "pg_last_wal_replay_lsn()",
    "pg_stat_get_wal_receiver()",
    "pg_relation_size(regclass, text)",
    "pg_stat_get_activity(integer)",
]


@pytest.mark.parametrize(
    "refused",
    [["pg_control_system()"], ["pg_current_wal_lsn()"], ["pg_export_snapshot()"], _REFUSED],
    ids=["system", "lsn", "snapshot", "all"],
)
def test_functions_beyond_plain_sql_are_optional(lake_settings: Settings, guest: Settings, refused: list[str]) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int primary key, v text)",
        "create table log(v text)",
        "create table w(id int primary key)",
        "insert into t select n, 'x' from generate_series(1, 3000) n",
        "insert into log values ('a'), ('a')",
        "insert into w values (1)",
        f"grant select on all tables in schema public to {role(guest)}",
        *(f"revoke execute on function {function} from public" for function in refused),
    )
    assert {one.table: (one.status, one.rows) for one in ingest.run(guest).outcomes} == {
        "public.t": ("committed", 3000),
        "public.log": ("committed", 2),
        "public.w": ("committed", 1),
    }
    assert [one.status for one in ingest.run(guest).outcomes] == ["empty"] * 3
    execute(dsn, "update t set v = 'y' where id < 10", "delete from t where id = 20", "insert into log values ('b')")
    again = {one.table: (one.status, one.rows, one.deletes, one.reason) for one in ingest.run(guest).outcomes}
    assert again == {"public.t": ("committed", 9, 1, ""), "public.log": ("committed", 3, 0, ""), "public.w": ("empty", 0, 0, "")}
    assert {verdict.word for verdict in reconcile.run(guest)} == {"equal"}
    [(empty,)] = bronze(guest, "t", "count(*) filter (where _source_lsn is null) = count(*)")
    assert empty == ("pg_current_wal_lsn()" in refused)
    with closing(open_source(guest)) as source:
        lines = " ".join(unknown(take_snapshot(source)))
    assert [name for name in ("pg_control_system", "pg_current_wal_lsn", "pg_export_snapshot") if name in lines] == [
        name.partition("(")[0]
        for name in refused
        if name in ("pg_control_system()", "pg_current_wal_lsn()", "pg_export_snapshot()")
    ]


def test_a_role_with_one_connection_is_enough(lake_settings: Settings, guest: Settings) -> None:
    execute(
        lake_settings.dsn(),
        "create table t(id int primary key)",
        "insert into t values (1)",
        f"grant select on t to {role(guest)}",
        f"alter role {role(guest)} connection limit 1",
    )
    assert (outcome(guest).rows, outcome(guest).status) == (1, "empty")
    assert [verdict.word for verdict in reconcile.run(guest)] == ["equal"]


def test_odd_names_can_be_named(lake_settings: Settings) -> None:
    names = ["a[1]", "b*", "c,d", "e.f", 'q"x', "s'p", "ção", "Select", "x" * 63]
    quoted = [name.replace('"', '""') for name in names]
    execute(
        lake_settings.dsn(),
        *(f'create table "{name}"("{name}" int primary key, "a b" text)' for name in quoted),
        *(f'insert into "{name}" values (1, null)' for name in quoted),
    )
    for name in names:
        assert [(one.table, one.rows) for one in ingest.run(lake_settings, f"public.{name}").outcomes] == [(f"public.{name}", 1)]
    assert {verdict.word for verdict in reconcile.run(lake_settings)} == {"equal"}


@contextmanager
def pooler(port: int) -> Iterator[int]:
    """A port that passes on to `port` what a pooler would, and refuses start-up parameters that it does not know."""
    known = {"user", "database", "client_encoding", "application_name"}

    def carry(here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while data := here.recv(65536):
                there.sendall(data)
        for end in (here, there):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve(client: socket.socket) -> None:
        while True:
            [size] = struct.unpack("!i", client.recv(4, socket.MSG_WAITALL))
            packet = client.recv(size - 4, socket.MSG_WAITALL)
            if packet[:4] != struct.pack("!i", 80877103):
                break
            client.sendall(b"N")  # no TLS
        names = packet[4:].split(b"\0")[:-2:2]
        if strange := [name for name in map(bytes.decode, names) if name not in known]:
            told = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: " + strange[0].encode() + b"\0\0"
            client.sendall(b"E" + struct.pack("!i", len(told) + 4) + told)
            client.close()
            return
        there = socket.create_connection(("127.0.0.1", port))
        there.sendall(struct.pack("!i", size) + packet)
        threading.Thread(target=carry, args=(client, there), daemon=True).start()
        carry(there, client)

    def listen() -> None:
        while True:
            try:
                client, _ = door.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(target=listen, daemon=True).start()
        yield door.getsockname()[1]
        door.shutdown(socket.SHUT_RDWR)


def test_a_pooler_that_refuses_start_up_options_serves_as_well(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn, "create table t(id int primary key, at timestamptz)", "insert into t select n, now() from generate_series(1, 500) n"
    )
    with pooler(urlsplit(dsn).port or 5432) as port:
        pooled = with_dsn(lake_settings, dsn.replace(f":{urlsplit(dsn).port}/", f":{port}/"))
        assert outcome(pooled).rows == 500
        assert [verdict.word for verdict in reconcile.run(pooled)] == ["equal"]
        refused = with_dsn(pooled, pooled.dsn() + "?options=-c%20geqo%3Doff", source_patience=30)
        with pytest.raises(SourceError, match="unsupported startup parameter: options.*pooler") as caught:
            ingest.run(refused)
        assert type(caught.value) is SourceError  # told once, not tried for half a minute


# What a role and a database carry.

_CARRIED = {
    "search_path": "evil, pg_catalog, public",
    "timezone": "'America/Sao_Paulo'",
    "datestyle": "'SQL, DMY'",
    "intervalstyle": "'sql_standard'",
    "bytea_output": "'escape'",
    "extra_float_digits": "-15",
    "statement_timeout": "'1ms'",
    "standard_conforming_strings": "off",
    "default_transaction_isolation": "'serializable'",
    "default_transaction_read_only": "on",
    "quote_all_identifiers": "on",
    "transform_null_equals": "on",
    "lock_timeout": "'1ms'",
    "idle_in_transaction_session_timeout": "'100ms'",
    "transaction_timeout": "'500ms'",
    "client_encoding": "'LATIN1'",
    "lc_monetary": "'C'",
    "row_security": "off",
    "xmlbinary": "hex",
}


def test_settings_that_a_role_carries_bend_nothing(lake_settings: Settings, guest: Settings, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    dsn = lake_settings.dsn()
    columns = "moment timestamptz, local timestamp, day date, span interval, raw bytea, f float8, r float4, m money, ms money[], cls regclass, word text"
    values = """'2026-03-29 01:30+00', '2026-12-31 23:59:59.999999', '2026-02-03', '1 mon 2 days 03:04:05', '\\x00ff5c27', 0.1, 0.1,
                1234.5, '{1.5}', 'public.t', 'é\\ \u20ac 😀'"""
    execute(
        dsn,
        f"create table t(id int primary key, {columns})",
        f"insert into t values (1, {values})",
        "create table own as select 1 as one",
        "create function shout(x text) returns text language sql as 'select x || one from own'",
        "create view v as select id, shout(word) as w from t",
        "create schema evil",
        "create table evil.pg_class(oid oid, relname name)",
        "create function evil.length(text) returns int language sql as 'select -1'",
        f"grant usage on schema evil to {role(guest)}",
        f"grant select on all tables in schema public to {role(guest)}",
        *(f"alter role {role(guest)} set {name} = {value}" for name, value in _CARRIED.items()),
    )
    configure(monkeypatch, tmp_path, "tables:\n  public.v:\n    mode: full\n")
    done = ingest.run(guest, "t,v")
    assert [one.error for one in done.failed] == [] and {one.table: one.rows for one in done.outcomes} == {
        "public.t": 1,
        "public.v": 1,
    }
    shown = "epoch_us(moment), local::varchar, day::varchar, span, hex(raw), f, r::varchar, m, ms, cls, word"
    assert bronze(guest, "t", shown) == [
        (
            1774747800000000,
            "2026-12-31 23:59:59.999999",
            "2026-02-03",
            "P1M2DT3H4M5S",
            "00FF5C27",
            0.1,
            "0.1",
            Decimal("1234.50"),
            ["$1.50"],
            "public.t",
            "é\\ € 😀",
        )
    ]
    assert bronze(guest, "v", "w") == [("é\\ € 😀1",)]
    execute(dsn, "update t set word = 'x'")
    assert ingest.run(guest, "t").rows == 1
    assert {verdict.word for verdict in reconcile.run(guest, "t,own")} == {"equal", "failed"}  # own was never copied


# Encodings.


def with_encoding(settings: Settings, encoding: str) -> Settings:
    name = f"{settings.source_name}_{encoding.lower()}"
    execute(settings.dsn(), f"create database {name} encoding '{encoding}' locale 'C' template template0")
    return with_dsn(settings, settings.dsn().rpartition("/")[0] + f"/{name}")


def test_a_database_in_latin_1_arrives_in_utf_8(lake_settings: Settings) -> None:
    latin = with_encoding(lake_settings, "LATIN1")
    execute(latin.dsn(), 'create table t("preço" text primary key, c char(4))', "insert into t values ('São', 'é'), ('x', null)")
    assert outcome(latin).rows == 2
    assert bronze(latin, "t", '"preço", c', "order by all") == [("São", "é   "), ("x", None)]
    assert [verdict.word for verdict in reconcile.run(latin)] == ["equal"]


def test_bytes_that_are_no_character_are_flagged_and_not_lost(lake_settings: Settings) -> None:
    raw = with_encoding(lake_settings, "SQL_ASCII")
    execute(
        raw.dsn(),
        "create table t(id int primary key, v text, c varchar(9))",
        r"insert into t values (1, 'plain', 'a'), (2, E'S\303\243o', null), (3, E'S\343o', 'b'), (4, E'\355\240\200', E'\377')",
    )
    assert outcome(raw).rows == 4
    assert bronze(raw, "t", "id, v, c, _flags", "order by id") == [
        (1, "plain", "a", None),
        (2, "São", None, None),
        (3, None, "b", r'{"v": "\\x53e36f"}'),
        (4, None, None, r'{"c": "\\xff", "v": "\\xeda080"}'),
    ]
    assert [verdict.word for verdict in reconcile.run(raw)] == ["equal"]


def test_a_name_too_long_for_a_folder_is_cut_by_rule(lake_settings: Settings) -> None:
    dsn, long = lake_settings.dsn(), "😀" * 15
    execute(
        dsn,
        f'create schema "{long}"',
        f'create table "{long}"."{long}x"(id int primary key)',
        f'create table "{long}"."{long}y"(id int primary key)',
        f'insert into "{long}"."{long}x" values (1)',
    )
    done = ingest.run(lake_settings)
    assert [(one.rows, len(one.name)) for one in done.outcomes] == [(1, 200), (0, 200)] and len(
        {one.name for one in done.outcomes}
    ) == 2
    assert {verdict.word for verdict in reconcile.run(lake_settings)} == {"equal"}
    assert [one.status for one in ingest.run(lake_settings, request=Request(f"{long}.*")).outcomes] == ["empty", "empty"]
