"""The files that are read: made by DuckDB alone, the same on every machine, once; and what a copy of them must hold."""

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from bench.files import check
from lakehouse.settings import ROOT

FOLDER = ROOT / "var" / "bench" / "files"
FORMATS = ("csv", "csv.gz", "jsonl")
DOCUMENTS = 0.42  # for each row of the CSV file: four million rows go with a gigabyte of documents
# Multiplicative hashing spreads a row number over a range without a random generator whose seed would have to be kept.
_SPREAD = "(n::hugeint * 2654435761 % 4294967296)"
_FAR = "(n::hugeint * 6364136223846793005 % 1000000000000000000)"
_WORD = "['São Paulo', 'Évora', 'Zürich', 'Łódź', 'Ålesund', 'Recife', 'Ōsaka', 'Brno'][1 + (n % 8)::int]"

_ROWS = f"""
select n as id, lpad(({_SPREAD} % 100000)::varchar, 5, '0') as code, {_WORD} || ' ' || md5(n::varchar)[:8] as name,
       case n % 10 when 0 then null when 1 then 'said "yes", then left' when 2 then 'São João, 3º andar, "fundos"'
            else 'item ' || md5((n + 1)::varchar)[:20] end as note,
       (({_SPREAD} % 10000000)::decimal(10, 0) * 0.01::decimal(2, 2))::decimal(12, 2) as amount,
       ({_FAR}::decimal(18, 0) * 0.000001::decimal(6, 6))::decimal(18, 6) as balance,
       n % 3 = 0 as paid, date '2020-01-01' + (n % 1500)::int as born,
       case when n % 7 > 0 then timestamp '2024-01-01' + to_microseconds(n * 7123457) end as updated_at, sqrt(n) as weight
from range(1, {{rows}} + 1) t(n)
"""
_DOCUMENTS = f"""
select n as id, ['new', 'paid', 'sent', 'lost'][1 + (n % 4)::int] as status, n % 3 = 0 as paid,
       strftime(timestamp '2024-01-01' + to_seconds(n), '%Y-%m-%dT%H:%M:%SZ') as created_at,
       {{'name': {_WORD} || ' ' || md5(n::varchar)[:8], 'address': {{'city': {_WORD}, 'code': lpad(({_SPREAD} % 100000)::varchar, 5, '0')}}}} as customer,
       [{{'sku': md5((n * 10 + i)::varchar)[:12], 'quantity': 1 + (n + i) % 9, 'price': (n * (i + 1) % 100000 / 100)::double,
          'note': case when (n + i) % 3 > 0 then 'said "yes", then left' end}} for i in range(2 + (n % 7)::int)] as items,
       ['a', 'b', md5(n::varchar)[:6]] as tags, case when n % 5 > 0 then md5((n + 2)::varchar) end as note
from range(1, {{rows}} + 1) t(n)
"""
_CSV = "(format csv, header, delimiter ',', quote '\"', escape '\"', nullstr '')"
# Files and checksums of another recipe, or of a DuckDB that may hash otherwise, are made anew.
_RECIPE = hashlib.sha256(
    "\n".join([_ROWS, _DOCUMENTS, _CSV, str(check.COLUMNS), str(check.FIELDS), duckdb.__version__]).encode()
).hexdigest()


@dataclass(frozen=True)
class SourceFile:
    """A file, and what is in it.

    Attributes:
        sums: a checksum for each column.
    """

    path: str
    form: str
    rows: int
    bytes: int
    sums: Mapping[str, str]


def make(rows: int) -> dict[str, SourceFile]:
    """The files of so many rows by their format, made if they are not there yet."""
    return {form: _file(form, rows) for form in FORMATS}


def _file(form: str, rows: int) -> SourceFile:
    rows = max(1, int(rows * DOCUMENTS)) if form == "jsonl" else rows
    folder = FOLDER / f"{form.replace('.', '_')}_{rows}"  # of its own: a source is a folder
    path, facts = folder / f"rows.{form}", folder / "facts.json"
    held = json.loads(facts.read_text()) if facts.exists() else {}
    if held.get("recipe") != _RECIPE:
        folder.mkdir(parents=True, exist_ok=True)
        sums = _written(path.with_name("making"), form, rows)
        path.with_name("making").replace(path)
        held = {"recipe": _RECIPE, "rows": rows, "bytes": path.stat().st_size, "sums": sums}
        facts.write_text(json.dumps(held, indent=1) + "\n")
    return SourceFile(str(path), form, rows=rows, bytes=held["bytes"], sums=held["sums"])


def _written(path: Path, form: str, rows: int) -> dict[str, str]:
    """Write a file; the checksums of what went in."""
    if form == "csv.gz":
        plain = _file("csv", rows)
        with Path(plain.path).open("rb") as text, path.open("wb") as packed, gzip.GzipFile("", "wb", 6, packed, 0) as file:
            shutil.copyfileobj(text, file, 1 << 20)
        return dict(plain.sums)
    with duckdb.connect(config={"temp_directory": str(path.parent)}) as writer:
        writer.execute("set timezone = 'UTC'")
        select = (_DOCUMENTS if form == "jsonl" else _ROWS).replace("{rows}", str(rows))
        how = "(format json)" if form == "jsonl" else _CSV
        writer.execute(f"copy ({select}) to '{path}' {how}")
        if form == "jsonl":  # the text that DuckDB wrote is what whole documents are held against
            read = f"read_ndjson_objects('{path}', maximum_object_size=16777216)"
            select = f"select json as _document from {read}"
        sums = check.sums(writer, f"({select})", form)
    os.sync()
    return sums
