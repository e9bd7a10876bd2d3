"""The tables that are copied: made by SQL alone, the same on every machine, in a PostgreSQL of their own."""

from contextlib import closing
from dataclasses import dataclass

import psycopg2

# Multiplicative hashing spreads a row number over a range without a random generator whose seed would have to be kept.
_SPREAD = "(n * 2654435761 % 4294967296)"

_WIDE = f"""
select n as id, (n % 97)::int as status, ({_SPREAD} % 1000000)::int as customer, ({_SPREAD} % 10000000 / 100.0)::numeric(12,2) as amount,
       timestamptz '2024-01-01 00:00+00' + n * interval '7 seconds' as updated_at, 'item ' || md5(n::text) as label,
       n % 3 = 0 as paid, sqrt(n)::float8 as weight, date '2020-01-01' + (n % 1500)::int as due_date,
       case when n % 10 > 0 then {_SPREAD} % 5000 end as discount
from generate_series({{first}}, {{last}}) n
"""
_NARROW = f"select n as id, ({_SPREAD} % 1000)::int as value, timestamptz '2024-01-01 00:00+00' + n * interval '1 s' as at from generate_series({{first}}, {{last}}) n"
# Hashes don't compress, so a value stays as large as it is here; 60 to 250 of them are 2 to 8 kB.
_DOCUMENTS = """
select n as id, t.body, jsonb_build_object('id', n, 'tags', jsonb_build_array('a', n % 7, null), 'text', t.body) as document
from generate_series({first}, {last}) n,
     lateral (select string_agg(md5((n * 1000 + part)::text), ' ') as body from generate_series(1, 60 + (n % 190)::int) part) t
"""
# Nine rows in ten have keys in a hundredth of the key's range, and their text is short; the tenth is far away and wide.
_SKEWED = """
select case when n % 10 > 0 then n else n * 100 end as id, (n % 97)::int as status,
       timestamptz '2024-01-01 00:00+00' + n * interval '1 s' as updated_at,
       repeat(md5(n::text), case when n % 10 > 0 then 1 when n > {last} / 2 then 20 else 4 end) as label
from generate_series({first}, {last}) n
"""


@dataclass(frozen=True)
class Table:
    """A table of the benchmark: a query over row numbers, and how many rows at SCALE=1."""

    name: str
    select: str
    rows: int
    after: str = ""


TABLES = {
    table.name: table
    for table in (
        Table("wide", _WIDE, 4_000_000),
        Table("narrow", _NARROW, 4_000_000),
        Table("documents", _DOCUMENTS, 100_000),
        Table("skewed", _SKEWED, 4_000_000, "delete from skewed where id % 1000000 between 300000 and 500000"),
    )
}
RACED = tuple(TABLES)
# Built only where it is asked for; its times end where those of `wide` do, not in the future.
TABLES["wide40"] = Table("wide40", _WIDE.replace("'7 seconds'", "'0.7 seconds'"), 40_000_000)


@dataclass(frozen=True)
class Facts:
    """What a copy is held against, and how large the source is."""

    rows: int
    key_sum: int
    low: int
    high: int
    pages: int
    bytes: int


def build(dsn: str, table: Table, scale: float) -> None:
    """Make `table` with an index on its key, vacuumed, analysed and checkpointed, so that no one pays for it later."""
    last = max(int(table.rows * scale), 100)
    statements = [
        f"create table {table.name} as {table.select.format(first=1, last=last)}",
        table.after,
        f"alter table {table.name} add primary key (id)",
        f"vacuum (freeze, analyze) {table.name}",
        "checkpoint",
    ]
    execute(dsn, *filter(None, statements))


def build_twenty(dsn: str, scale: float) -> None:
    """Make the twenty tables of the measurement of unchanged ones."""
    for number in range(20):
        build(dsn, Table(f"t{number:02}", _WIDE, 50_000), scale)


def index_cursor(dsn: str, name: str) -> None:
    """Index the cursor column of a wide table."""
    execute(dsn, f"create index if not exists {name}_updated_at on {name} (updated_at)", f"analyze {name}", "checkpoint")


def change(dsn: str, name: str, rows: int, step: int) -> None:
    """Change `rows` rows spread over the whole table; `step` moves on, so that each round changes others."""
    every = f"select greatest(max(id) / {rows}, 1) from {name}"
    changed = f"update {name} set status = status + 1, updated_at = clock_timestamp() where id in (select id from {name} where id % ({every}) = {step} % ({every}) order by id limit {rows})"
    execute(dsn, changed, "checkpoint")


def facts(dsn: str, name: str) -> Facts:
    """Read through `name` once, which also brings it into the page cache."""
    query = f"select count(*), sum(id)::bigint, min(id), max(id), pg_relation_size('{name}') / 8192, pg_table_size('{name}') from {name}"
    [row] = execute(dsn, query)
    return Facts(*map(int, row))


def execute(dsn: str, *statements: str) -> list[tuple[int, ...]]:
    """Run `statements`, each in a transaction of its own; the rows of the last one."""
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
