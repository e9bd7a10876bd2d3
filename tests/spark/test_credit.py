"""The credit marketplace's export, from bronze to gold: what plain Python counts over the files, whatever batches brought them."""

import json
from collections.abc import Iterator
from contextlib import chdir
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import exports
import in_process
import pyarrow as pa
import pytest
from dbt.cli.main import dbtRunner
from deltalake import CommitProperties, DeltaTable, write_deltalake

from ingestion.bronze.columns import TECHNICAL
from lakehouse import dbt
from lakehouse.engines import catalog
from lakehouse.settings import Settings
from samples.credit import generate, truth

pytestmark = pytest.mark.in_order
NAME, SCALE = "credit_test", 0.001
BRONZE = pa.schema(
    [
        ("_id", pa.int64()),
        ("_document", pa.string()),
        ("_file", pa.string()),
        ("_line", pa.int64()),
        *((each.name, each.type) for each in TECHNICAL),
    ]
)
SELECT = ["path:models/silver/credit", "path:models/gold/credit", "credit_score_bands"]
SILVER = ["int_users__current", "int_user_products__current"]
GOLD = ["dim_users", "fct_user_products", "rpt_users_by_score_band", "rpt_users_by_product_type", "rpt_daily_users"]
Row = dict[str, Any]
# What no export that we know has: another type, a field that is new, texts that are none, a list where one object is expected.
ODD = '{"_id":7,"name":["x"],"createdAt":{"$date":{"$numberLong":"1638008156296"}},"score":{"score":"high","new":1},"alreadyHaveProducts":[{"productType":"loan","fee":1.10},5]}'
GONE = 17  # a user whose document is in no export any more


class CreditLake:
    """Bronze of the exports, and dbt's models of it in schemas of their own."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self.exports = [folder / f"dump_date=2026-07-0{day + 1}" / "users.json" for day in range(2)]
        for day, path in enumerate(self.exports):
            generate.write(path, SCALE, day=day)
        catalog.thrift_rows(settings, f"create schema {NAME}_bronze")

    def write(self, batch: int, documents: dict[int, str | None], file: str = "users.json") -> None:
        """Append a batch as ingestion does: a document by its key, None for one that is gone."""
        rows = [
            {"_id": key, "_document": text, "_file": text and file, "_line": text and line, "_op": "ru"[batch > 1] if text else "d"}
            | {
                "_batch_id": batch,
                "_ingested_at": datetime(2026, 7, 1, tzinfo=UTC) + timedelta(days=batch),
                "_source_lsn": 0,
                "_flags": None,
            }
            for line, (key, text) in enumerate(documents.items(), start=2)
        ]
        path, note = (
            str(self.folder / "bronze"),
            CommitProperties(custom_metadata={"comporta": json.dumps({"window": {"batch_id": batch}})}),
        )
        write_deltalake(path, pa.Table.from_pylist(rows, BRONZE), mode="append", commit_properties=note)
        if batch == 1:
            catalog.thrift_rows(self.settings, catalog.register_statement(f"{NAME}_bronze", "credit__users", path))

    def dbt(self, prefix: str, *words: str) -> dict[str, str]:
        """Of each node that ran, its status."""
        said = json.dumps({"schema_prefix": f"{NAME}_{prefix}"})
        target = ("--target-path", str(self.folder / f"target{prefix}"))
        told = dbt.environment(self.settings) | {"BRONZE_SCHEMA": f"{NAME}_bronze", "BRONZE_SOURCES": "credit"}
        with in_process.told(told), chdir(dbt.PROJECT):
            done = dbtRunner().invoke(["--quiet", "--no-version-check", *words, "--vars", said, *target, "--select", *SELECT])
        found = {each.node.name: f"{each.status} {each.message or ''}" for each in getattr(done.result, "results", ())}
        assert done.success, done.exception or found
        return found

    def rows(self, table: str, prefix: str = "") -> list[Row]:
        layer = "silver" if table in SILVER else "gold"
        path = self.settings.lake_url + f"/warehouse/{NAME}_{prefix}{layer}_candidate.db/{table}"
        return list(DeltaTable(path).to_pyarrow_table().to_pylist())

    def gold_is(self, documents: list[Row]) -> None:
        """Gold says of these documents what plain Python does."""
        assert {row["score_band"]: row["users"] for row in self.rows("rpt_users_by_score_band")} == truth.users_by_band(documents)
        assert {str(row["registered_date"]): row["users"] for row in self.rows("rpt_daily_users")} == truth.users_by_day(documents)
        held = {row["product_type"]: row["users"] for row in self.rows("rpt_users_by_product_type")}
        assert {kind or "unknown": users for kind, users in truth.users_by_product_type(documents).items()} == held
        products = [
            tuple(row[name] for name in ("user_id", "product_position", "product_type", "product_id"))
            for row in self.rows("fct_user_products")
        ]
        assert sorted(products, key=str) == sorted(truth.products(documents), key=str)
        users = {row["user_id"]: (row["score_band"], row["product_count"]) for row in self.rows("dim_users")}
        assert users == {
            document["_id"]: (
                truth.band((document.get("score") or {}).get("score")),
                len(document.get("alreadyHaveProducts") or []),
            )
            for document in documents
        }


@pytest.fixture(scope="module")
def lake(spark_server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CreditLake]:
    made = CreditLake(spark_server, tmp_path_factory.mktemp("credit"))
    made.write(1, {document["_id"]: text for document, text in documents(made.exports[0])})
    made.dbt("", "build", "--resource-types", "model seed")
    yield made
    for schema in (
        "bronze",
        *(f"{prefix}{each}" for prefix in ("", "whole_") for each in ("silver_candidate", "gold_candidate", "seeds")),
    ):
        catalog.thrift_rows(spark_server, f"drop schema if exists {NAME}_{schema} cascade")


def documents(export: Path) -> Iterator[tuple[Row, str]]:
    """Each document and its text as it stands in the file."""
    for line in export.read_text(encoding="utf-8").splitlines():
        text = line.lstrip("[").rstrip("],") if line.endswith("]") else line.lstrip("[").rstrip(",")
        yield json.loads(text), text


def test_gold_is_what_plain_python_counts(lake: CreditLake) -> None:
    exported = truth.read(lake.exports[0])
    lake.gold_is(exported)
    bands, held = truth.users_by_band(exported), truth.users_by_product_type(exported)
    assert bands["no score"] >= 3 and min(bands.values()) >= 1 and held["loan"] == 1
    assert any(len(truth.products([each])) == 0 for each in exported) and sum(held.values()) < len(truth.products(exported))


def test_edges_are_in_their_band(lake: CreditLake) -> None:
    bands = {row["score"]: row["score_band"] for row in lake.rows("dim_users")}
    assert [bands[score] for score in generate.EDGES[:8]] == [
        "up to 200",
        "201 to 400",
        "201 to 400",
        "401 to 600",
        "401 to 600",
        "601 to 800",
        "601 to 800",
        "above 800",
    ]
    assert bands[None] == "no score"


def test_fields_are_columns(lake: CreditLake) -> None:
    """Each field of each document, whatever the order of its keys; nothing unknown, nothing flagged."""
    found = {row["user_id"]: row for row in lake.rows("int_users__current")}
    assert not any(row["_unknown_fields"] or row["_flags"] for row in [*found.values(), *lake.rows("int_user_products__current")])
    for document in truth.read(lake.exports[0]):
        row, score = found[document["_id"]], document.get("score") or {}
        origin = score.get("origin") or {}
        assert [
            row["full_name"],
            row["score"],
            row["score_text"],
            row["has_debts"],
            row["has_positive_record"],
            row["score_update_count"],
        ] == [
            document["name"],
            *(score.get(name) for name in ("score", "scoreText", "hasDebts", "hasConsumidorPositivo", "updateCount")),
        ]
        assert [row["utm_source"], row["utm_campaign"], row["referrer"], row["ip_addresses"], row["user_agent"]] == [
            origin.get(name) for name in ("utm_source", "utm_campaign", "referrer", "ip", "useragent")
        ]
        for name, said in (
            ("registered_at", document["createdAt"]),
            ("updated_at", document["updatedAt"]),
            ("scored_at", score.get("createdAt")),
        ):
            assert row[name] == (said and datetime.strptime(said["$date"], "%Y-%m-%dT%H:%M:%S.%f%z"))
    assert sum(row["utm_source"] is None for row in found.values()) > 5


@pytest.mark.parametrize("path", [path for path in exports.QUESTIONS if exports.is_about_credit(path)], ids=lambda path: path.stem)
def test_a_question_has_an_answer(lake: CreditLake, path: Path) -> None:
    assert catalog.thrift_rows(lake.settings, f"use {NAME}_gold_candidate", path.read_text(encoding="utf-8"))


def test_a_newer_document_takes_the_place_of_all_that_was(lake: CreditLake) -> None:
    """Products that went, users that went, one that comes again; dbt's own tests pass on it, and a full rebuild holds the same."""
    before = dict(documents_by_key(lake.exports[0]))
    changed = {key: text for key, text in documents_by_key(lake.exports[1]) if before.get(key) != text}
    assert 5 < len(changed) < len(before)
    lake.write(2, changed)
    lake.write(3, {GONE: None, 1: None})
    lake.write(4, {1: before[1], 7: ODD})
    found = lake.dbt("", "build")
    assert {name for name, said in found.items() if said.startswith("warn")} == {
        "no_unknown_fields_int_users__current_",
        "no_unknown_fields_int_user_products__current_",
    }
    now = {each["_id"]: each for each in truth.current(lake.exports) if each["_id"] != GONE}
    now[1] = json.loads(before[1])
    now[7] = {
        "_id": 7,
        "createdAt": {"$date": "2021-11-27T10:15:56.296+0000"},
        "alreadyHaveProducts": [{"productType": "loan"}, {"productType": None}],
    }
    lake.gold_is(list(now.values()))


def documents_by_key(export: Path) -> Iterator[tuple[int, str]]:
    return ((document["_id"], text) for document, text in documents(export))


def test_what_does_not_fit_is_flagged(lake: CreditLake) -> None:
    [user] = [row for row in lake.rows("int_users__current") if row["user_id"] == 7]
    assert json.loads(user["_flags"]) == {"full_name": '["x"]', "score": "high"} and user["_unknown_fields"] == ["score.new"]
    loan, five = (row for row in lake.rows("int_user_products__current") if row["user_id"] == 7 and not row["_is_deleted"])
    assert (loan["_flags"], loan["_unknown_fields"]) == (None, ["fee"]) and json.loads(five["_flags"]) == {"_element": "5"}


def test_incremental_equals_full_rebuild(lake: CreditLake) -> None:
    lake.dbt("whole_", "build", "--resource-types", "model seed")
    for table in SILVER + GOLD:
        one, other = (sorted(map(str, lake.rows(table, prefix))) for prefix in ("", "whole_"))
        assert one == other and one, table
    gone = [row for row in lake.rows("int_user_products__current") if row["_is_deleted"]]
    assert {row["user_id"] for row in gone} >= {GONE, 18} and len(gone) > 20
