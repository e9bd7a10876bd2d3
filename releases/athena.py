"""What Athena can read of a Delta table's files, and how the Glue Data Catalog says where they are. Nothing here leaves the process.

Athena reads a *manifest*: a file that lists the Parquet files of one version. Its reader then knows Parquet and nothing of Delta, so
whatever Delta keeps beside the files (deletion vectors, names and types of columns) must not matter to the table.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deltalake.schema import ArrayType, DataType, Field, MapType, PrimitiveType, StructType

from lakehouse.engines.dialect import WHOLE

# Of Delta to Glue, which speaks as Hive. Athena's timestamps bear no zone and end at milliseconds: instants are given in UTC.
TYPES = WHOLE | {
    "string": "string",
    "float": "float",
    "double": "double",
    "boolean": "boolean",
    "binary": "binary",
    "date": "date",
    "timestamp": "timestamp",
    "timestamp_ntz": "timestamp",
}
# What a table may ask of its readers without that its files can't be read alone; each is looked into further below.
FEATURES = frozenset(
    {"timestampNtz", "columnMapping", "deletionVectors", "typeWidening", "variantType", "variantType-preview", "v2Checkpoint"}
    | {"vacuumProtocolCheck"}
)
COMMENT, DESCRIPTION = 255, 2048  # characters that Glue takes
OURS, LAYER, RELEASE, VERSION = "comporta.lake", "comporta.layer", "comporta.release", "comporta.delta_version"
_DECIMAL = re.compile(r"decimal\(\d+,\d+\)")
_NAME = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True)
class TableVersion:
    """A version of a Delta table, as far as its readers must know it."""

    fields: Sequence[Field]
    features: frozenset[str]
    properties: Mapping[str, str]
    partitions: Sequence[str]
    has_deletion_vectors: bool
    folder: str
    files: Sequence[str]


@dataclass(frozen=True)
class AthenaProblem:
    """Something that Athena can't read right, and what to do about it."""

    what: str
    remedy: str


@dataclass(frozen=True)
class Descriptions:
    """What dbt's YAML says of a table and of its columns."""

    table: str
    columns: Mapping[str, str]


def troubles(seen: TableVersion) -> list[AthenaProblem]:
    """Why the files of `seen`, read as plain Parquet, would not give its rows; empty if they do."""
    found = [
        AthenaProblem(
            f"the feature {name}, which Athena is not known to read", "Drop the feature from the table, or leave the table out"
        )
        for name in sorted(seen.features - FEATURES)
    ]
    if seen.has_deletion_vectors:
        found.append(
            AthenaProblem(
                "deletion vectors", "Set delta.enableDeletionVectors = false and run reorg table … apply (purge), or build it anew"
            )
        )
    if seen.properties.get("delta.columnMapping.mode", "none") != "none":
        found.append(AthenaProblem("column mapping", "Build the table anew without delta.columnMapping.mode"))
    if seen.partitions:
        found.append(
            AthenaProblem(
                f"partition columns {', '.join(seen.partitions)}",
                "Cluster the table (cluster_by) or sort it: the partitions of a Glue table can't be switched in one step",
            )
        )
    if any(":/" in file.removeprefix(seen.folder) or not file.startswith(seen.folder + "/") for file in seen.files):
        found.append(
            AthenaProblem("files of another table (a shallow clone)", "Build the table anew, so that its files are its own")
        )
    return found + list(_of_fields(seen.fields, ""))


def _of_fields(fields: Sequence[Field], path: str) -> Iterator[AthenaProblem]:
    for field in fields:
        name = path + field.name
        if not _NAME.fullmatch(field.name):
            yield AthenaProblem(f"the name of column {name!r}", "Rename it in the model: letters a to z, digits and underscores")
        if "delta.typeChanges" in field.metadata:
            yield AthenaProblem(f"type widening of column {name}: older files hold the narrower type", "Build the table anew")
        yield from _of_type(field.type, name)


def _of_type(kind: DataType, name: str) -> Iterator[AthenaProblem]:
    if isinstance(kind, ArrayType):
        yield from _of_type(kind.element_type, f"{name}[]")
    elif isinstance(kind, MapType):
        if not isinstance(kind.key_type, PrimitiveType):
            yield AthenaProblem(f"column {name}: a map whose keys are no plain values", "Make it an array of structs in the model")
        yield from _of_type(kind.key_type, f"{name}.key")
        yield from _of_type(kind.value_type, f"{name}.value")
    elif isinstance(kind, StructType):
        if not kind.fields:
            yield AthenaProblem(f"column {name}: a struct without fields", "Leave it out of the model")
        yield from _of_fields(kind.fields, f"{name}.")
    elif _primitive(kind) is None:
        yield AthenaProblem(
            f"column {name} of type {getattr(kind, 'type', 'variant')}", "Cast it in the model, to string if need be"
        )


def _primitive(kind: DataType) -> str | None:
    name = str(getattr(kind, "type", "variant"))
    return name if _DECIMAL.fullmatch(name) else TYPES.get(name)


def glue_type(kind: DataType) -> str:
    """Glue's name of a Delta type that `troubles` had nothing against."""
    if isinstance(kind, ArrayType):
        return f"array<{glue_type(kind.element_type)}>"
    if isinstance(kind, MapType):
        return f"map<{glue_type(kind.key_type)},{glue_type(kind.value_type)}>"
    if isinstance(kind, StructType):
        return f"struct<{','.join(f'{field.name.lower()}:{glue_type(field.type)}' for field in kind.fields)}>"
    found = _primitive(kind)
    assert found, kind
    return found


def manifest(files: Sequence[str]) -> bytes:
    """The manifest that lists `files`, in an order of its own: the same files are the same manifest."""
    return "".join(f"{file}\n" for file in sorted(files)).encode()


def folder(version: int, listed: bytes) -> str:
    """Name of the manifest's folder. What is in it stands in its name, so no manifest is ever written over by another."""
    return f"{version}-{hashlib.sha256(listed).hexdigest()[:12]}"


def table_input(
    name: str, seen: TableVersion, location: str, words: Descriptions | None, parameters: Mapping[str, str]
) -> dict[str, Any]:
    """The table's entry in Glue: its columns, and the manifest in `location` that says which files it has now."""
    words = words or Descriptions("", {})
    return {
        "Name": name,
        "Description": _short(words.table, DESCRIPTION),
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet", **parameters},
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [
                {
                    "Name": field.name.lower(),
                    "Type": glue_type(field.type),
                    "Comment": _short(words.columns.get(field.name, ""), COMMENT),
                }
                for field in seen.fields
            ],
            "Location": location,
            "InputFormat": "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            "SerdeInfo": {
                "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
                "Parameters": {"serialization.format": "1"},
            },
            "Compressed": False,
            "StoredAsSubDirectories": False,
        },
    }


def _short(text: str, limit: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def differs(wanted: Any, held: Any) -> bool:
    """Whether Glue holds something else than what is wanted; what it adds of its own (times, defaults) is no difference."""
    if isinstance(wanted, Mapping):
        return not isinstance(held, Mapping) or any(differs(value, held.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list):
        return not isinstance(held, list) or len(wanted) != len(held) or any(map(differs, wanted, held))
    return bool(wanted != held) and not (wanted in ("", False, []) and held is None)
