"""`seed`: puts the sample shop, an SQL dump or CSV files into any PostgreSQL. All of it, or nothing."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import make_dsn

from ingestion.sources.files import infer
from ingestion.sources.files.dialect import FileOptions
from ingestion.sources.files.table import FileTable, look
from ingestion.sources.postgres import tls
from lakehouse import console
from lakehouse.errors import SettingsError, SourceError
from lakehouse.machine import load
from samples.dump import load_dump
from samples.shop import load as shop
from samples.shop.copytext import escaped

_TABLES = (".csv", ".tsv", ".txt")
_PACKED = (".gz", ".zip", ".zst", ".bz2", ".xz")
_LONGEST = 63  # bytes of a name


@click.command()
@click.option(
    "--from", "origin", type=click.Path(exists=True, path_type=Path), help="an SQL dump, a CSV file or a folder of CSV files"
)
@click.option("--encoding", help="of the CSV files: utf-8, windows-1252, …; by default it is found out, as what follows is")
@click.option("--separator", help="between fields: a character, or tab, or none")
@click.option("--quote", help="around fields: a character, or none")
@click.option("--escape", help="before a character that is part of a field: backslash, or none")
@click.option("--header", type=click.IntRange(min=1), help="the line that the names of the columns are in")
def seed(
    origin: Path | None, encoding: str | None, separator: str | None, quote: str | None, escape: str | None, header: int | None
) -> None:
    """Fill SOURCE_DSN with the sample shop (SCALE), an SQL dump or CSV files; nothing that exists is replaced."""
    settings = load()
    dsn = str(make_dsn(**tls.secured(settings)))
    said = FileOptions(encoding=encoding, separator=separator, quote=quote, escape=escape, header=header)
    if said != FileOptions() and (origin is None or not _is_table(origin)):
        raise SettingsError(
            "ENCODING, SEPARATOR, QUOTE, ESCAPE, HEADER",
            "say how CSV files are",
            "FROM=file.csv or a folder",
            "Leave them out, or name one",
        )
    try:
        with console.step(f"Filling {settings.source()}"):
            if origin is None:
                rows = shop.load(dsn, settings.scale)
            elif _is_table(origin):
                rows = load_files(dsn, files_of(origin) if origin.is_dir() else [origin], said)
            else:
                rows = load_dump(dsn, origin)
    except shop.ShopExists as error:
        raise SourceError("SOURCE_DSN", str(error), remedy="Nothing was changed") from None
    except psycopg2.OperationalError as error:
        wanted, remedy = tls.refusal(str(error)) or ("", "Check host, user and password")
        raise SourceError("SOURCE_DSN", str(error).splitlines()[0], wanted, remedy) from None
    if not rows:
        console.out.print(f"{origin} was played. make discover lists what the database holds.")
        return
    console.table("", ("table", "rows"), [(name, console.count(number)) for name, number in rows.items()], numbers=("rows",))


def _is_table(origin: Path) -> bool:
    """Whether it is a CSV file or a folder of some, and no dump."""
    return not (origin / "toc.dat").exists() if origin.is_dir() else origin.suffix.lower() in _TABLES


def files_of(folder: Path) -> list[Path]:
    """The files of a folder that may be tables; the others are named.

    Raises:
        SourceError: there is none, or one is packed.
    """
    seen = sorted(each for each in folder.iterdir() if each.is_file() and not each.name.startswith("."))
    files = [each for each in seen if each.suffix.lower() in _TABLES]
    if packed := [each for each in seen if each.suffix.lower() in _PACKED]:
        raise SourceError(str(packed[0]), "is packed", "a CSV file", "Nothing was changed. Unpack it, or move it away")
    if not files:
        raise SourceError(str(folder), "holds no CSV files", "one file a table, with a header")
    if left := [each.name for each in seen if each not in files]:
        console.warn(
            f"{folder}: left out {', '.join(left[:5])}{' and more' if len(left) > 5 else ''}, since only .csv, .tsv and .txt are taken"
        )
    return files


def load_files(dsn: str, files: Sequence[Path], said: FileOptions | None = None) -> dict[str, int]:
    """Make a table in schema public of each file, called as the file is; returns rows per table, and says what was found.

    Raises:
        SourceError: a file that is no table, a table that exists, or a row that does not fit; nothing was changed.
    """
    names = [each.stem for each in files]
    for file in files:
        if len(file.stem.encode()) > _LONGEST or names.count(file.stem) > 1:
            seen = (
                "has the name of another file's table"
                if names.count(file.stem) > 1
                else f"has a name of more than {_LONGEST} bytes"
            )
            raise SourceError(str(file), seen, remedy="Nothing was changed. Rename it")
    with shop.transaction(dsn) as cursor:
        return {file.stem: _load_file(cursor, file, said) for file in files}


def _load_file(cursor: Cursor, file: Path, said: FileOptions | None) -> int:
    try:
        found = look(file, said)
        if found.problems:
            line, reason = found.problems[0]
            others = f", and so are {found.wrong - 1:,} more lines" if found.wrong > 1 else ""
            raise SourceError(f"{file}, line {line}", reason + others, remedy="Mend the file")
        _create(cursor, file, found)
    except SourceError as error:
        raise SourceError(
            error.where, error.seen, error.wanted, ". ".join(filter(None, ("Nothing was changed", error.remedy)))
        ) from None
    console.out.print(f"  {found.described()}")
    for note in found.notes:
        console.out.print(f"    · {note}", style="dim")
    return found.rows


def _create(cursor: Cursor, file: Path, found: FileTable) -> None:
    table = sql.Identifier("public", file.stem)
    columns = [sql.SQL("{} {}").format(sql.Identifier(each.name), sql.SQL(infer.POSTGRES[each.kind])) for each in found.columns]
    try:
        cursor.execute(sql.SQL("create table {} ({})").format(table, sql.SQL(", ").join(columns)))
        cursor.copy_expert(
            sql.SQL("copy {} from stdin").format(table).as_string(cursor), io.BufferedReader(_Stream(found), 1 << 20)
        )
    except psycopg2.OperationalError as error:
        if error.pgcode is None:  # the connection is gone
            raise
        raise SourceError(str(file), (error.diag.message_primary or str(error)).splitlines()[0]) from None
    except errors.DuplicateTable:
        raise SourceError(str(file), f"table public.{file.stem} exists", remedy="Drop it, or rename the file") from None
    except psycopg2.Error as error:
        raise SourceError(str(file), (error.diag.message_primary or str(error)).splitlines()[0]) from None
    if cursor.rowcount != found.rows:
        raise SourceError(str(file), f"gave {cursor.rowcount} rows", f"{found.rows}", "This is a mistake of ours: report it")


class _Stream(io.RawIOBase):
    """A file that COPY reads, made of rows as it goes."""

    def __init__(self, found: FileTable) -> None:
        self._lines, self._rest = map(_line, found.values()), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        parts, length = [self._rest], len(self._rest)
        while length < len(buffer) and (line := next(self._lines, b"")):
            parts.append(line)
            length += len(line)
        text = b"".join(parts)
        given = min(len(text), len(buffer))
        buffer[:given], self._rest = text[:given], text[given:]
        return given


def _line(row: Sequence[str | None]) -> bytes:
    return ("\t".join("\\N" if cell is None else escaped(cell) for cell in row) + "\n").encode()
