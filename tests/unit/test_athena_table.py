"""What Athena is told of a Delta table, and which tables it is not let near."""

import json
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from releases import athena, glue

# Delta's own notation of a type -> Glue's.
TYPES: list[tuple[Any, str]] = [
    ("string", "string"),
    ("long", "bigint"),
    ("integer", "int"),
    ("short", "smallint"),
    ("byte", "tinyint"),
    ("float", "float"),
    ("double", "double"),
    ("boolean", "boolean"),
    ("binary", "binary"),
    ("date", "date"),
    ("timestamp", "timestamp"),
    ("timestamp_ntz", "timestamp"),
    ("decimal(12,2)", "decimal(12,2)"),
    ("decimal(38,0)", "decimal(38,0)"),
    ({"type": "array", "elementType": "long", "containsNull": True}, "array<bigint>"),
    ({"type": "map", "keyType": "string", "valueType": "short", "valueContainsNull": True}, "map<string,smallint>"),
    (
        {
            "type": "array",
            "containsNull": True,
            "elementType": {
                "type": "struct",
                "fields": [
                    {"name": "At", "type": "timestamp", "nullable": True, "metadata": {}},
                    {"name": "sum", "type": "decimal(5,2)", "nullable": True, "metadata": {}},
                ],
            },
        },
        "array<struct<at:timestamp,sum:decimal(5,2)>>",
    ),
]


def column(name: str, kind: Any, **metadata: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "nullable": True, "metadata": metadata}


def table(
    folder: Path,
    *columns: dict[str, Any],
    features: tuple[str, ...] = ("timestampNtz", "variantType"),
    properties: dict[str, str] | None = None,
    partitions: tuple[str, ...] = (),
    file: str = "part-0.parquet",
) -> Path:
    """A Delta log written by hand, of one commit with one file."""
    log = folder / "_delta_log"
    log.mkdir(parents=True)
    schema = {"type": "struct", "fields": list(columns)}
    metadata = {"id": "1", "format": {"provider": "parquet", "options": {}}, "schemaString": json.dumps(schema)}
    add = {"path": file, "partitionValues": dict.fromkeys(partitions, "x"), "size": 1, "modificationTime": 0, "dataChange": True}
    actions = [
        {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features}},
        {"metaData": metadata | {"partitionColumns": partitions, "configuration": properties or {}}},
        {"add": add},
    ]
    (log / f"{0:020}.json").write_text("\n".join(map(json.dumps, actions)))
    return folder


def seen(folder: Path) -> athena.TableVersion:
    return glue._seen(DeltaTable(str(folder)), str(folder))


@pytest.mark.parametrize(("delta", "wanted"), TYPES, ids=[wanted for _, wanted in TYPES])
def test_types(tmp_path: Path, delta: Any, wanted: str) -> None:
    made = seen(table(tmp_path / "t", column("c", delta)))
    assert athena.troubles(made) == []
    [given] = athena.table_input("t", made, "s3://b/m/", None, {})["StorageDescriptor"]["Columns"]
    assert given == {"Name": "c", "Type": wanted, "Comment": ""}


_NESTED = {"type": "array", "containsNull": True, "elementType": {"type": "struct", "fields": [column("inner", "variant")]}}
_KEYS = {
    "type": "map",
    "keyType": {"type": "struct", "fields": [column("a", "long")]},
    "valueType": "long",
    "valueContainsNull": True,
}
_WIDER = {"delta.typeChanges": [{"toType": "long", "fromType": "integer"}]}
_BAD: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "variant": ([column("c", "variant")], {}, "column c of type variant"),
    "nested": ([column("c", _NESTED)], {}, "column c[].inner of type variant"),
    "void": ([column("c", "void")], {}, "column c of type void"),
    "interval": ([column("c", "interval day to second")], {}, "column c of type interval day to second"),
    "keys": ([column("c", _KEYS)], {}, "a map whose keys are no plain values"),
    "empty struct": ([column("c", {"type": "struct", "fields": []})], {}, "a struct without fields"),
    "name": ([column("unit price", "long")], {}, "the name of column 'unit price'"),
    "widened": ([column("c", "long", **_WIDER)], {"features": ("typeWidening",)}, "type widening of column c"),
    "widened within": (
        [column("c", {"type": "struct", "fields": [column("d", "long", **_WIDER)]})],
        {"features": ("typeWidening",)},
        "type widening of column c.d",
    ),
    "mapping": (
        [column("c", "long", **{"delta.columnMapping.id": 1, "delta.columnMapping.physicalName": "col-1"})],
        {"features": ("columnMapping",), "properties": {"delta.columnMapping.mode": "name"}},
        "column mapping",
    ),
    "partitions": (
        [column("c", "long"), column("p", "string")],
        {"partitions": ("p",), "file": "p=x/a.parquet"},
        "partition columns p",
    ),
    "clone": ([column("c", "long")], {"file": "s3://other/t/a.parquet"}, "files of another table"),
}


@pytest.mark.parametrize("name", _BAD)
def test_what_athena_reads_wrong_is_named_with_its_remedy(tmp_path: Path, name: str) -> None:
    columns, how, wanted = _BAD[name]
    found = athena.troubles(seen(table(tmp_path / "t", *columns, **how)))
    assert any(wanted in one.what for one in found), found
    assert all(one.remedy for one in found)


_OFF = {"delta.columnMapping.mode": "none", "delta.enableDeletionVectors": "true", "delta.enableTypeWidening": "true"}


def test_a_feature_that_is_not_in_use_is_no_trouble(tmp_path: Path) -> None:
    for features in (("columnMapping", "deletionVectors"), ("typeWidening", "v2Checkpoint", "vacuumProtocolCheck", "variantType")):
        assert athena.troubles(seen(table(tmp_path / features[0], column("c", "long"), features=features, properties=_OFF))) == []


def test_deletion_vectors_that_can_t_be_ruled_out_are_refused(tmp_path: Path) -> None:
    """delta-rs does not look for them in a table that has certain other features as well."""
    made = seen(table(tmp_path / "t", column("c", "long"), features=("deletionVectors", "vacuumProtocolCheck")))
    assert [one.what for one in athena.troubles(made)] == ["deletion vectors"]


def test_a_feature_that_nobody_has_heard_of_is_refused() -> None:
    strange = athena.TableVersion((), frozenset({"fancy"}), {}, (), False, "s3://b/t", ())
    assert "the feature fancy" in athena.troubles(strange)[0].what
    with_vectors = athena.TableVersion((), frozenset(), {}, (), True, "s3://b/t", ())
    assert athena.troubles(with_vectors)[0].what == "deletion vectors"


def test_comments_fit_into_glue(tmp_path: Path) -> None:
    made = seen(table(tmp_path / "t", column("CamelCase", "long")))
    words = athena.Descriptions("One row\nper thing.", {"CamelCase": "x" * 300})
    entry = athena.table_input("t", made, "s3://b/m/", words, {})
    [given] = entry["StorageDescriptor"]["Columns"]
    assert (entry["Description"], given["Name"], len(given["Comment"])) == ("One row per thing.", "camelcase", 255)


def test_the_same_files_are_the_same_manifest_and_others_another() -> None:
    one, two = athena.manifest(["s3://b/2", "s3://b/1"]), athena.manifest(["s3://b/1", "s3://b/2"])
    assert one == two == b"s3://b/1\ns3://b/2\n"
    assert athena.folder(4, one) == athena.folder(4, two) != athena.folder(4, b"s3://b/1\n")
    assert athena.manifest([]) == b""


def test_words_of_the_house_s_own_models() -> None:
    words = glue.descriptions()["fct_orders"]
    assert words.table and words.columns["order_id"]
