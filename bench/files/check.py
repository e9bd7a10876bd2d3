"""Whether a copy holds what was generated: a checksum for each column, whatever types a tool chose, asked of DuckDB."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable

WHOLE = "_document"
# What the values of the CSV file are. A copy's are cast to that: text that reads so is equal, a double for a decimal is where it lost nothing.
COLUMNS = {
    "id": "bigint",
    "code": "varchar",
    "name": "varchar",
    "note": "varchar",
    "amount": "decimal(12,2)",
    "balance": "decimal(18,6)",
    "paid": "boolean",
    "born": "date",
    "updated_at": "timestamp",
    "weight": "double",
}
# The fields of a document, and their structure as DuckDB's from_json wants it.
FIELDS: dict[str, Any] = {
    "id": "BIGINT",
    "status": "VARCHAR",
    "paid": "BOOLEAN",
    "created_at": "TIMESTAMP",
    "customer": {"name": "VARCHAR", "address": {"city": "VARCHAR", "code": "VARCHAR"}},
    "items": [{"sku": "VARCHAR", "quantity": "BIGINT", "price": "DOUBLE", "note": "VARCHAR"}],
    "tags": ["VARCHAR"],
    "note": "VARCHAR",
}


def sums(reader: duckdb.DuckDBPyConnection, rows: str, form: str) -> dict[str, str]:
    """A checksum for each column of `rows`, a relation of DuckDB; it does not depend on the order of rows.

    Columns that are not there have none. Each value is hashed together with its row's id, so that values of other rows don't do.
    """
    types = {name: type_ for name, type_, *_ in reader.execute(f"describe select * from {rows}").fetchall()}
    values = _values(types, form)
    if "id" not in values:
        return {}
    select = ", ".join(f'{value} as "{name}"' for name, value in values.items())
    hashes = ", ".join(f'sum(hash("id", "{name}"))::varchar as "{name}"' for name in values)
    row = reader.execute(f"select {hashes} from (select {select} from {rows})").fetchall()[0]
    return {name: str(value) for name, value in zip(values, row, strict=True)}


def _values(types: Mapping[str, str], form: str) -> dict[str, str]:
    """Expressions, by column: its values as what they were generated as."""
    if form != "jsonl":
        return {name: f'try_cast("{name}" as {type_})' for name, type_ in COLUMNS.items() if name in types}
    if WHOLE in types:
        fields = {name: f"json_extract({WHOLE}::json, '$.{name}')" for name in FIELDS}
        return {name: _field(name, fields[name]) for name in FIELDS} | {WHOLE: f"{WHOLE}::varchar"}
    found = {}
    for name, shape in FIELDS.items():
        is_text = types.get(name) in ("VARCHAR", "JSON") and not isinstance(shape, str)
        if name in types:
            found[name] = _field(name, f'try_cast("{name}" as json)' if is_text else f'to_json("{name}")')
    return found


def _field(name: str, value: str) -> str:
    shape = FIELDS[name]
    if isinstance(shape, str):
        return f"try_cast({value} ->> '$' as {shape})"
    return f"from_json({value}, '{json.dumps(shape)}')"


def copy(target: Path, form: str) -> dict[str, Any]:
    """What the one Delta table with the rows, somewhere under `target`, holds: rows, bytes, checksums, and the types that it chose."""
    places = [log.parent for log in target.rglob("_delta_log") if not any(each.startswith("_dlt") for each in log.parts)]
    [table] = [DeltaTable(place) for place in places if {"id", WHOLE} & {each.name for each in DeltaTable(place).schema().fields}]
    with duckdb.connect() as reader:
        reader.execute("set timezone = 'UTC'")
        reader.register("copied", table.to_pyarrow_dataset())
        [(rows,)] = reader.execute("select count(*) from copied").fetchall()
        found = sums(reader, "copied", form)
        size = sum(table.get_add_actions(flatten=True).column("size_bytes").to_pylist())
    told = {*COLUMNS, *FIELDS, WHOLE}
    types = {each.name: _type(json.loads(each.type.to_json())) for each in table.schema().fields if each.name in told}
    return {"copied": rows, "bytes": size, "sums": found, "types": types}


def _type(told: Any) -> str:
    return told if isinstance(told, str) else str(told["type"])


def changed(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """The columns whose values are others than those that were generated, or that are not there.

    A document's text is not among what is wanted of those who took it apart.
    """
    return [name for name, each in wanted.items() if found.get(name) != each and (name != WHOLE or name in found)]
