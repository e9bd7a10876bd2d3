"""Cursors, keys and flags of deletion mean what their types say; where a type says nothing, the table is refused by name."""

from pathlib import Path

import pytest
from bronze_reader import bronze, execute, latest, query
from ingest_helpers import configure, outcome

from ingestion import reconcile
from ingestion import run as ingest
from lakehouse.settings import Settings
from lakehouse.tables import ledger

LOCAL = "create function stamp() returns trigger language plpgsql as $$ begin new.updated_at := now() at time zone 'America/Sao_Paulo'; return new; end $$"


def refusal(settings: Settings) -> str:
    [failed] = ingest.run(settings).failed
    return failed.error


# Cursors.


@pytest.mark.parametrize("kind", ["int", "bigint", "text", "uuid", "timestamptz[]", "numeric", "time"])
def test_a_cursor_that_does_not_tell_when_is_refused_at_its_first_use(
    lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    configure(monkeypatch, tmp_path, "tables:\n  public.t:\n    cursor: version\n")
    execute(lake_settings.dsn(), f"create table t(id int primary key, version {kind})")
    error = refusal(lake_settings)
    assert (
        'public.t: cursor column "version" is' in error
        and "does not tell when a row was written" in error
        and "cursor: xmin is exact" in error
    )


def test_local_times_are_refused_without_a_zone_and_exact_with_one(
    lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int primary key, v int, updated_at timestamp)",
        LOCAL,
        "create trigger stamped before insert or update on t for each row execute function stamp()",
        "create index on t(updated_at)",
        "insert into t select n, 0 from generate_series(1, 10) n",
    )
    configure(monkeypatch, tmp_path, "tables:\n  public.t:\n    cursor: updated_at\n    deletes: none\n")
    error = refusal(lake_settings)
    assert "is a timestamp without zone" in error and "zone: America/Sao_Paulo" in error
    configure(
        monkeypatch, tmp_path, "tables:\n  public.t:\n    cursor: updated_at\n    zone: America/Sao_Paulo\n    deletes: none\n"
    )
    outcome(lake_settings)
    execute(dsn, "update t set v = 1 where id = 3")
    assert outcome(lake_settings).reason == ""
    assert latest(lake_settings, "t", ["id"], "id, v") == query(dsn, "select id, v from t order by id")
    configure(monkeypatch, tmp_path, "tables:\n  public.t:\n    cursor: updated_at\n    zone: UTC\n    deletes: none\n")
    assert "read as times of UTC now, was America/Sao_Paulo" in outcome(lake_settings).reason
    configure(monkeypatch, tmp_path, "tables:\n  public.t:\n    cursor: updated_at\n    zone: Mars/Base\n")
    assert 'time zone "Mars/Base" not recognized' in refusal(lake_settings)


def test_a_date_as_cursor_takes_its_day_again(lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dsn = lake_settings.dsn()
    configure(monkeypatch, tmp_path, "tables:\n  public.t:\n    cursor: changed\n    deletes: none\n")
    execute(
        dsn,
        "create table t(id int primary key, v int, changed date)",
        "insert into t values (1, 0, current_date - 9), (2, 0, current_date - 1), (3, 0, current_date)",
    )
    assert outcome(lake_settings).rows == 3
    execute(dsn, "update t set v = 1, changed = (now() at time zone 'Pacific/Midway')::date where id = 1")
    assert outcome(lake_settings).rows >= 2
    assert latest(lake_settings, "t", ["id"], "id, v") == [(1, 1), (2, 0), (3, 0)]


@pytest.mark.parametrize("large", [False, True])
def test_a_change_that_does_not_move_the_cursor_is_noticed(
    lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    dsn = lake_settings.dsn()
    if large:
        monkeypatch.setattr("ingestion.sources.postgres.plan.COMPARE_PAGES", 1)
    configure(monkeypatch, tmp_path, "tables:\n  public.t:\n    cursor: updated_at\n")
    execute(
        dsn,
        "create table t(id int primary key, v int, updated_at timestamptz default now())",
        "insert into t select n, 0, now() - interval '1 day' from generate_series(1, 2000) n",
        "analyze t",
    )
    done = ingest.run(lake_settings)
    assert [note for note in done.notes if "no index begins with updated_at" in note]
    assert outcome(lake_settings).status == "empty"
    execute(dsn, "update t set v = 1 where id = 3", "update t set v = 2, updated_at = now() where id = 4")
    again = outcome(lake_settings)
    assert (again.rows, again.reason) == (3, "")  # the one that moved its cursor, then both by xmin
    assert latest(lake_settings, "t", ["id"], "id, v") == query(dsn, "select id, v from t order by id")
    assert (outcome(lake_settings).status, [verdict.word for verdict in reconcile.run(lake_settings)]) == ("empty", ["equal"])
    execute(dsn, "update t set v = 3 where id = 5", "update t set v = 3, updated_at = now() where id = 6")
    said: list[str] = []
    with monkeypatch.context() as killed:  # between the batch and the one that reads what its cursor did not show
        real = ingest._patiently
        killed.setattr("ingestion.run._patiently", lambda *given: 1 / 0 if given[2].unmarked else real(*given))
        with pytest.raises(ZeroDivisionError):
            ingest.run(lake_settings, warn=said.append)
    assert said[0].startswith("public.t: 1 rows were changed and their cursor was not moved")
    assert ingest.run(lake_settings, warn=said.append).outcomes[0].reason == "" and len(said) == 2
    assert latest(lake_settings, "t", ["id"], "id, v") == query(dsn, "select id, v from t order by id")


# Flags of deletion.

FLAGS = [  # type, a value that says deleted, values that do not
    ("boolean", "true", ["false", "null"]),
    ("smallint", "1", ["0", "null"]),
    ("numeric(3,1)", "1", ["0.0"]),
    ("char(1)", "'Y'", ["'N'", "' '", "null"]),
    ("text", "'true'", ["'false'", "''", "'0'"]),
    ("varchar(3)", "'yes'", ["'no'"]),
    ("bit(1)", "B'1'", ["B'0'"]),
    ("timestamptz", "now()", ["null", "'infinity'"]),
    ("date", "current_date", ["null"]),
]


def test_a_flag_says_deleted_by_the_meaning_of_its_type(
    lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn, entries, expected = lake_settings.dsn(), "tables:\n", {}
    for number, (kind, deleted, alive) in enumerate(FLAGS):
        values = ", ".join(f"({place}, {value})" for place, value in enumerate([deleted, *alive]))
        execute(dsn, f"create table t{number}(id int primary key, gone {kind})", f"insert into t{number} values {values}")
        entries += f"  public.t{number}:\n    deletes: soft:gone\n"
        expected[f"public.t{number}"] = (kind, 1, len(alive))
    configure(monkeypatch, tmp_path, entries)
    done = ingest.run(lake_settings)
    assert [one.error for one in done.failed] == []
    assert {one.table: (expected[one.table][0], one.deletes, one.rows) for one in done.outcomes} == expected
    for number in range(len(FLAGS)):
        assert bronze(lake_settings, f"t{number}", "id", "where _op = 'd'") == [(0,)]
    assert {verdict.word for verdict in reconcile.run(lake_settings)} == {"equal"}


def test_a_flag_without_a_meaning_is_refused_with_the_choice(
    lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table words(id int primary key, gone char(1))",
        "insert into words values (1, 'S'), (2, 'N')",
        "create table docs(id int primary key, gone jsonb)",
        "create type state as enum ('live', 'dead')",
        "create table states(id int primary key, gone state)",
        "insert into states values (1, 'dead'), (2, 'live')",
    )
    configure(
        monkeypatch,
        tmp_path,
        "tables:\n" + "".join(f"  public.{name}:\n    deletes: soft:gone\n" for name in ("words", "docs", "states")),
    )
    errors = {one.table: one.error for one in ingest.run(lake_settings).failed}
    assert "soft column gone holds S, neither yes nor no" in errors["public.words"]
    assert all("Say deletes: soft:gone=value" in errors[f"public.{name}"] for name in ("docs", "states"))
    configure(
        monkeypatch,
        tmp_path,
        "tables:\n  public.words:\n    deletes: soft:gone=S\n  public.docs:\n    deletes: soft:gone=*\n  public.states:\n    deletes: soft:gone=dead\n",
    )
    done = ingest.run(lake_settings)
    assert {one.table: (one.rows, one.deletes, one.error) for one in done.outcomes} == {
        "public.words": (1, 1, ""),
        "public.docs": (0, 0, ""),
        "public.states": (1, 1, ""),
    }


# Keys.


def test_keys_stay_keys_whatever_their_type(lake_settings: Settings) -> None:
    """Deleted and changed rows are found by keys of every type that a key can have."""
    dsn = lake_settings.dsn()
    execute(dsn, "create extension citext")
    keys = {
        "float8": ["'NaN'", "0", "'-Infinity'", "0.1"],
        "float4": ["'NaN'", "'-0'", "0.1"],
        "numeric": ["'NaN'", "1.10", "1e40", "'Infinity'"],
        "numeric(50,10)": ["1", "12345678901234567890123456789012345678.0000000001"],
        "date": ["'0044-03-15 BC'", "'9999-12-31'"],
        "timestamptz": ["'2026-01-01 00:00:00.000001+00'", "'0001-01-01 00:00+00'"],
        "uuid": ["'00000000-0000-0000-0000-00000000000a'"],
        "bytea": ["'\\x00'", "'\\x'"],
        "char(3)": ["'a'", "'ab'"],
        "citext": ["'a'", "'B'"],
        "inet": ["'10.0.0.1'", "'10.0.0.0/8'"],
        "interval": ["'1 day'", "'1 month'"],
        "int4range": ["'[1,5)'", "'empty'"],
        "time": ["'24:00'"],
        "bool": ["true", "false"],
        "text": ["''", "' '", "'é😀'"],
    }
    for number, (kind, values) in enumerate(keys.items()):
        listed = ", ".join(f"({value}, 0)" for value in [*values])
        execute(dsn, f"create table t{number}(k {kind} primary key, v int)", f"insert into t{number} values {listed}")
    done = ingest.run(lake_settings)
    assert [one.error for one in done.failed] == [] and {one.mode for one in done.outcomes} == {"incremental"}
    assert {one.status for one in ingest.run(lake_settings).outcomes} == {"empty"}
    for number, (kind, values) in enumerate(keys.items()):
        first, last = f"cast({values[0]} as {kind})", f"cast({values[-1]} as {kind})"
        execute(dsn, f"update t{number} set v = 1 where k = {last}", f"delete from t{number} where k = {first}")
    done = ingest.run(lake_settings)
    assert {one.table: (one.deletes, one.rows, one.reason) for one in done.outcomes} == {
        f"public.t{number}": (1, len(values) > 1, "") for number, values in enumerate(keys.values())
    }
    verdicts = reconcile.run(lake_settings)
    assert [(verdict.table, verdict.differences, verdict.error) for verdict in verdicts if verdict.word != "equal"] == []
    assert {one.status for one in ingest.run(lake_settings).outcomes} == {"empty"}


@pytest.mark.parametrize("kind", ["float4", "float8"])
def test_both_zeros_are_one_key(lake_settings: Settings, kind: str) -> None:
    dsn = lake_settings.dsn()
    execute(dsn, f"create table t(k {kind} primary key, v int)", "insert into t values ('-0', 0), ('NaN', 0), (0.5, 0)")
    outcome(lake_settings)
    execute(dsn, "update t set k = 0, v = 1 where v = 0 and k = 0")
    again = outcome(lake_settings)
    assert (again.rows, again.deletes) == (1, 0)
    assert [(verdict.word, verdict.differences) for verdict in reconcile.run(lake_settings)] == [("equal", [])]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("date", "'infinity'"), ("timestamptz", "'-infinity'"), ("numeric(10,2)", "'NaN'"), ("timestamp", "'294276-12-31'")],
)
def test_a_key_that_delta_can_not_hold_is_refused_or_goes_as_text(
    lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, value: str
) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        f"create table t(id int, k {kind}, v int, primary key (id, k))",
        f"insert into t values (1, {value}, 0), (2, {value}, 0)",
    )
    error = refusal(lake_settings)
    assert "public.t: " in error and "key column k holds a value that Delta does not" in error and "texts: [k]" in error
    configure(monkeypatch, tmp_path, "tables:\n  public.t:\n    texts: [k]\n")
    assert outcome(lake_settings).rows == 2
    execute(dsn, "delete from t where id = 1", "update t set v = 1")
    again = outcome(lake_settings)
    assert (again.rows, again.deletes) == (1, 1)
    assert bronze(lake_settings, "t", "k", "where _op = 'd'") == query(dsn, "set timezone = 'UTC'; select k::text from t")
    assert [verdict.word for verdict in reconcile.run(lake_settings)] == ["equal"]


def test_a_key_that_two_rows_share_is_refused(lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dsn = lake_settings.dsn()
    configure(
        monkeypatch,
        tmp_path,
        "tables:\n  public.t:\n    key: [email]\n  public.v:\n    mode: incremental\n    key: [x]\n    cursor: at\n",
    )
    execute(
        dsn,
        "create table t(id int, email text)",
        "insert into t values (1, 'a@b'), (2, 'a@b'), (3, 'c')",
        "create table words(w text)",
        "insert into words values ('a')",
        "create function first_word() returns text language sql as 'select w from words limit 1'",
        "create view v as select first_word() as x, now() as at",
    )
    errors = {one.table: one.error for one in ingest.run(lake_settings, "t,v").outcomes}
    assert (
        "public.t: key (email) is not unique: (a@b) stands there more than once" in errors["public.t"] and errors["public.v"] == ""
    )
    execute(dsn, "delete from t where id = 2")
    assert {one.table: (one.rows, one.error) for one in ingest.run(lake_settings, "t").outcomes} == {"public.t": (2, "")}


# A mapping that changed.


def test_a_lake_of_an_earlier_mapping_is_read_whole_once_and_says_so(
    lake_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a lake that was made when `inet` travelled by its cast to text."""
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(ip inet primary key, v int)",
        "insert into t values ('10.0.0.1', 0), ('10.0.0.0/8', 0)",
        "create table log(ip inet[])",
        "insert into log values ('{10.0.0.1}')",
        "create table other(id int primary key)",
    )
    with monkeypatch.context() as before:
        before.setattr("ingestion.sources.postgres.types.printed", lambda value, *_: f"{value}::text")
        before.setattr("ingestion.sources.postgres.contract.MAPPING", 1)
        ingest.run(lake_settings)
        assert bronze(lake_settings, "t", "ip", "order by ip") == [("10.0.0.0/8",), ("10.0.0.1/32",)]
    assert {verdict.table: verdict.word for verdict in reconcile.run(lake_settings)} == {
        "public.t": "failed",
        "public.log": "failed",
        "public.other": "equal",
    }
    done = {one.table: one for one in ingest.run(lake_settings).outcomes}
    assert all("ip is copied as PostgreSQL prints it now" in done[name].reason for name in ("public.t", "public.log"))
    assert (done["public.t"].rows, done["public.t"].deletes, done["public.other"].status) == (2, 1, "empty")
    assert latest(lake_settings, "t", ["ip"], "ip") == [("10.0.0.0/8",), ("10.0.0.1",)]
    assert {one.status for one in ingest.run(lake_settings).outcomes} == {"empty"}
    assert {verdict.word for verdict in reconcile.run(lake_settings)} == {"equal"}
    assert ledger.rows(lake_settings, "schema_changes") == []


# Small things that mislead.


def test_an_empty_table_with_a_time_column_reconciles(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table empty(id int primary key, at timestamptz, day date, f float8, l text[], b bytea, ok bool, n numeric(4,4))",
        "create table bare(at timestamptz, l date[])",
        "create table t(id int primary key)",
        "insert into t values (1)",
    )
    ingest.run(lake_settings)
    assert {verdict.table: (verdict.word, verdict.source_rows) for verdict in reconcile.run(lake_settings)} == {
        "public.empty": ("equal", 0),
        "public.bare": ("equal", 0),
        "public.t": ("equal", 1),
    }


def test_a_table_that_could_not_be_copied_says_why_when_it_is_compared(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(dsn, "create table t(id int, k date, primary key (id, k))", "insert into t values (1, 'infinity')")
    ingest.run(lake_settings)
    [verdict] = reconcile.run(lake_settings)
    assert (
        "was never copied" in verdict.error
        and "key column k holds a value" in verdict.error
        and "Run make ingest" not in verdict.error
    )


def test_patience_is_wall_time(lake_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt that takes long counts as well as the pauses between attempts."""
    now = [0.0]

    def away(*given: object) -> None:
        now[0] += 25
        raise ingest.SourceLostError("SOURCE_DSN", "is away")

    monkeypatch.setattr("ingestion.run.time.monotonic", lambda: now[0])
    monkeypatch.setattr("ingestion.run._once", away)
    slept: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", slept.append)
    with pytest.raises(ingest.SourceLostError):
        ingest.run(lake_settings)
    assert slept == [1, 2, 4]  # seen to be away for 0, 25 and 50 seconds of 60


def test_a_type_of_a_name_that_postgresql_has_goes_by_its_schema(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create type public.date as enum ('soon', 'later')",
        "create type public.money as (a int, b text)",
        "create table t(id int primary key, d public.date, m public.money, ds public.date[])",
        "insert into t values (1, 'soon', row(1, 'x,y'), '{later,null}')",
    )
    assert outcome(lake_settings).rows == 1
    assert bronze(lake_settings, "t", "d, m, ds") == [("soon", '(1,"x,y")', ["later", None])]
    assert [verdict.word for verdict in reconcile.run(lake_settings)] == ["equal"]


def test_a_view_by_key_and_cursor_moves_what_changed_and_no_more(
    lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int primary key, v int, at timestamptz)",
        "insert into t select n, 0, now() - interval '1 day' from generate_series(1, 50) n",
        "create view w as select * from t",
    )
    entry = "tables:\n  public.w:\n    mode: incremental\n    key: [id]\n    cursor: at\n"
    configure(monkeypatch, tmp_path, entry)
    assert ingest.run(lake_settings, "w").rows == 50
    execute(dsn, "update t set v = 1, at = now() where id = 3", "delete from t where id = 4")
    again = outcome(lake_settings, "w")
    assert (again.rows, again.deletes, again.reason) == (1, 1, "")
