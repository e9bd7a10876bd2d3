"""A database that nobody here made the lakehouse for: every table arrives, row for row."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from bronze_reader import bronze, execute, files, query

from ingestion import run as ingest
from ingestion.bronze.names import delta_names
from lakehouse.settings import Settings

DATABASE = Path(__file__).with_name("library.sql")


def digest(rows: Iterable[tuple[Any, ...]]) -> str:
    """Order-independent checksum of rows of text."""
    lines = sorted(hashlib.sha256(repr(row).encode()).hexdigest() for row in rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def text_of_source(dsn: str, schema: str, table: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Columns, and rows as text in one canonical form, computed by PostgreSQL."""
    columns = query(
        dsn,
        f"select attname, format_type(coalesce(nullif(typbasetype, 0), t.oid), -1) from pg_attribute a join pg_type t on t.oid = a.atttypid "
        f'where attrelid = \'"{schema}"."{table}"\'::regclass and attnum > 0 and not attisdropped order by attnum',
    )
    shown = ", ".join(_canonical(name, kind) for name, kind in columns)
    return [name for name, _ in columns], query(
        dsn, f'set timezone = \'UTC\'; set intervalstyle = iso_8601; select {shown} from "{schema}"."{table}"'
    )


def _canonical(name: str, kind: str) -> str:
    quoted = '"' + name.replace('"', '""') + '"'
    if kind.startswith("timestamp"):
        return f"(extract(epoch from {quoted}) * 1000000)::bigint::text"
    if kind == "date":
        return f"({quoted} - date '1970-01-01')::text"
    if kind in ("real", "double precision"):
        return f"{quoted}::float8"
    if kind == "money":
        return f"{quoted}::numeric::numeric(19,2)::text"
    if kind in ("character", "bpchar"):
        return f"textin(bpcharout({quoted}))"
    if kind == "inet":  # as it is printed, which a cast to text is not
        return f"textin(inet_out({quoted}))"
    if name == "matrix":
        return f"to_json({quoted})::text"
    if kind == "boolean[]":
        return f"array_to_string({quoted}::text[], '|', '∅')"
    if kind == "bytea":
        return f"upper(encode({quoted}, 'hex'))"
    if kind.endswith("[]"):
        return f"array_to_string({quoted}, '|', '∅')"
    return f"{quoted}::text"


def text_of_bronze(settings: Settings, table: str, columns: list[str]) -> list[tuple[Any, ...]]:
    """The same canonical text from bronze."""
    shown = []
    kinds = dict(bronze_types(settings, table))
    for name in delta_names(columns).values():
        quoted, kind = f'"{name}"', kinds[name]
        if kind.startswith("TIMESTAMP"):
            shown.append(f"epoch_us({quoted})::varchar")
        elif kind == "DATE":
            shown.append(f"date_diff('day', date '1970-01-01', {quoted})::varchar")
        elif kind in ("FLOAT", "DOUBLE"):
            shown.append(f"{quoted}::double")
        elif kind == "BLOB":
            shown.append(f"hex({quoted})")
        elif kind.endswith("[]"):
            shown.append(f"array_to_string(list_transform({quoted}, lambda x: coalesce(x::varchar, '∅')), '|')")
        else:
            shown.append(f"{quoted}::varchar")
    return bronze(settings, table, ", ".join(shown))


def bronze_types(settings: Settings, table: str) -> list[tuple[str, str]]:
    import duckdb

    described = duckdb.sql(f"describe select * from read_parquet({files(settings, table)})").fetchall()
    return [(row[0], row[1]) for row in described]


@pytest.fixture
def library(lake_settings: Settings) -> Settings:
    execute(lake_settings.dsn(), DATABASE.read_text())
    return lake_settings


def test_every_table_arrives_with_equal_counts_and_checksums(library: Settings) -> None:
    done = ingest.run(library)
    assert done.failed == []
    assert len(done.outcomes) >= 20
    for outcome in done.outcomes:
        schema, table = outcome.table.split(".", 1)
        columns, source = text_of_source(library.dsn(), schema, table)
        arrived = text_of_bronze(library, outcome.name.removeprefix(f"{library.source_name}__"), columns) if outcome.rows else []
        assert len(arrived) == len(source) == outcome.rows, outcome.table
        assert digest(arrived) == digest(source), (
            f"{outcome.table}: {sorted(set(arrived) - set(source), key=repr)[:1]} for {sorted(set(source) - set(arrived), key=repr)[:1]}"
        )
    assert sum(outcome.rows for outcome in done.outcomes) > 1000


def test_views_are_copied_only_when_named(library: Settings) -> None:
    tables = {outcome.table for outcome in ingest.run(library, "public.*").outcomes}
    assert "public.overdue_loans" in tables
    assert "public.overdue_loans" not in {outcome.table for outcome in ingest.run(library).outcomes}


def test_partitions_stand_under_their_root_once(library: Settings) -> None:
    [outcome] = ingest.run(library, "public.loans").outcomes
    [(count,)] = query(library.dsn(), "select count(*) from loans")
    assert outcome.rows == count > 0
