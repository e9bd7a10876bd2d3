"""Values that others bend: they arrive, or they are flagged; none is falsified."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from bronze_reader import bronze, execute
from ingest_helpers import configure, outcome

from ingestion import run as ingest
from lakehouse.settings import Settings


def test_what_delta_cannot_hold_is_null_and_flagged(lake_settings: Settings) -> None:
    execute(
        lake_settings.dsn(),
        """create table t(id int primary key, n numeric(10,2), d date, ts timestamp, tz timestamptz, a int[], x numeric(6,2)[], "q""x" date)""",
        "insert into t values (1, 1.25, '2020-02-29', '2020-02-29 12:00', '2020-02-29 12:00+02', '{1,null}', '{1.5,null}', '2020-01-01')",
        "insert into t values (2, 'NaN', 'infinity', '-infinity', 'infinity', '{{1,2},{3,4}}', '{NaN}', '-infinity')",
    )
    [outcome] = ingest.run(lake_settings).outcomes
    assert outcome.status == "committed", outcome.error
    whole, flagged = bronze(lake_settings, "t", "n, d, ts, tz, a, x, q_x22_x, _flags", "order by id")
    assert whole == (
        Decimal("1.25"),
        date(2020, 2, 29),
        datetime(2020, 2, 29, 12),
        datetime(2020, 2, 29, 10, tzinfo=UTC),
        [1, None],
        [Decimal("1.50"), None],
        date(2020, 1, 1),
        None,
    )
    assert flagged[:-1] == (None,) * 7
    assert json.loads(flagged[-1]) == {
        "n": "NaN",
        "d": "infinity",
        "ts": "-infinity",
        "tz": "infinity",
        "a": "{{1,2},{3,4}}",
        "x": "{NaN}",
        'q"x': "-infinity",
    }


def test_numbers_keep_every_digit(lake_settings: Settings) -> None:
    execute(
        lake_settings.dsn(),
        "create table t(id int primary key, bare numeric, wide numeric(60,20), neg numeric(5,-2), tiny numeric(3,5), f real, g float8)",
        "insert into t values (1, 1.10, 12345678901234567890.12345678901234567890, 12300, 0.00123, 'NaN', '-Infinity')",
    )
    assert ingest.run(lake_settings).failed == []
    [row] = bronze(lake_settings, "t", "bare, wide, neg, tiny, f::varchar, g::varchar")
    assert row == ("1.10", "12345678901234567890.12345678901234567890", Decimal(12300), Decimal("0.00123"), "nan", "-inf")


def test_a_decimal_by_choice_holds_the_value_or_refuses_the_table(
    lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = lake_settings.dsn()
    configure(monkeypatch, tmp_path, "tables:\n  public.t:\n    decimals: {n: '12,2'}\n")
    execute(
        dsn,
        "create table t(id int primary key, n numeric)",
        "insert into t values (1, 1.10), (2, 'NaN'), (3, 9999999999.99), (4, 2.5000)",
    )
    assert outcome(lake_settings).rows == 4
    held = bronze(lake_settings, "t", "n, _flags", "order by id")
    assert held == [(Decimal("1.10"), None), (None, '{"n": "NaN"}'), (Decimal("9999999999.99"), None), (Decimal("2.50"), None)]
    for value in ("1.234", "10000000000"):
        execute(dsn, f"insert into t values (5, {value})")
        [failed] = ingest.run(lake_settings).failed
        assert f"column n holds {value}, which decimal(12,2) does not" in failed.error
        execute(dsn, "delete from t where id = 5")
    assert len(bronze(lake_settings, "t", "id")) == 4


def test_text_travels_byte_for_byte(lake_settings: Settings) -> None:
    execute(
        lake_settings.dsn(),
        "create table t(id int primary key, c char(5), j json, b bytea, t time, i interval, u uuid)",
        r"""insert into t values (1, 'ab', '{"b":1,  "a":2, "a":"\u0000"}', '\x00ff10', '24:00', '1 mon 2 days 03:04:05.000006',
            'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11')""",
    )
    assert ingest.run(lake_settings).failed == []
    [row] = bronze(lake_settings, "t", "c, j, b, t, i, u")
    assert row == (
        "ab   ",
        '{"b":1,  "a":2, "a":"\\u0000"}',
        b"\x00\xff\x10",
        "24:00:00",
        "P1M2DT3H4M5.000006S",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    )


def test_hostile_names_are_copied_like_any_other(lake_settings: Settings) -> None:
    execute(
        lake_settings.dsn(),
        'create table "x""; drop table y; --" ("a""b" int primary key, "it\'s" text, "A" int, "a" int)',
        'insert into "x""; drop table y; --" values (1, \'v\', 2, 3)',
        "create table y(id int primary key)",
    )
    done = ingest.run(lake_settings)
    assert done.failed == [] and len(done.outcomes) == 2
    name = next(outcome.name for outcome in done.outcomes if "drop" in outcome.table).removeprefix(f"{lake_settings.source_name}__")
    assert bronze(lake_settings, name, "a_x22_b, it_x27_s, _x41_, a") == [(1, "v", 2, 3)]


def test_rows_hidden_by_a_policy_refuse_the_table(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int primary key)",
        "insert into t values (1), (2)",
        "create table open(id int primary key)",
        "alter table t enable row level security",
        "create policy few on t using (id = 1)",
        "drop role if exists reader",
        "create role reader login password 'secret'",
        "grant select on t, open to reader",
    )
    from urllib.parse import urlsplit

    from pydantic import SecretStr

    parts = urlsplit(dsn)
    limited = SecretStr(f"postgresql://reader:secret@{parts.hostname}:{parts.port}{parts.path}")
    done = ingest.run(lake_settings.model_copy(update={"source_dsn": limited}))
    assert {outcome.table: outcome.status for outcome in done.outcomes} == {"public.open": "committed", "public.t": "failed"}
    assert "row-level security" in done.failed[0].error
