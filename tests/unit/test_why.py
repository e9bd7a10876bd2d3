"""One row followed back: shown, or lost at a stage that is named; no value of it told unless asked for."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import write_deltalake

from inspection import command, key
from inspection.answer import Answer
from inspection.reader import Reader
from inspection.why import Tracer
from lakehouse.engines.dialect import DUCKDB, SPARK
from lakehouse.errors import AbsentError, SettingsError
from lakehouse.settings import Settings
from lakehouse.tables import candidate, ledger, quarantine

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MODELS = {
    "stg_people": ("silver", "view", None, ["source.p"]),
    "int_people": ("silver", "incremental", "id", ["model.stg_people"]),
    "dim_people": ("gold", "table", "id", ["model.int_people"]),
    "fct_visits": ("gold", "table", ["id", "day"], ["model.int_people"]),
    "rpt_ages": ("gold", "table", "age", ["model.dim_people"]),
    "rpt_mails": ("gold", "table", "domain", ["model.int_people"]),
}


class Lake:
    """People in bronze, silver and gold, written without Spark."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(var_dir=folder)
        self.releases = 0
        path = folder / "dbt" / "target" / "manifest.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(manifest()))

    def write(self, layer: str, table: str, rows: list[dict[str, Any]], mode: str = "overwrite") -> None:
        place = candidate.location(self.settings, layer, table)
        write_deltalake(place, pa.Table.from_pylist(rows), mode=mode)  # type: ignore[call-overload]

    def batch(self, number: int, *rows: tuple[int, str | None, str]) -> None:
        """Append (id, email, op) to bronze."""
        made = [{"id": each, "email": email, "_op": op, "_batch_id": number, "_ingested_at": AT} for each, email, op in rows]
        schema = pa.schema(
            [
                ("id", pa.int64()),
                ("email", pa.string()),
                ("_op", pa.string()),
                ("_batch_id", pa.int64()),
                ("_ingested_at", pa.timestamp("us", "UTC")),
            ]
        )
        write_deltalake(
            candidate.location(self.settings, "bronze", "crm__people"), pa.Table.from_pylist(made, schema), mode="append"
        )
        version = candidate.version(self.settings, "bronze", "crm__people")
        row = {"batch_id": number, "table_name": "crm__people", "source_table": "public.people", "mode": "incremental"}
        row |= {"key": '["id"]', "status": "committed", "rows": len(rows), "deletes": 0, "delta_version": version}
        ledger.append(self.settings, "batches", [row | {"window": '{"cursor": "xmin", "horizon": 77}'}])

    def release(self, layer: str, *names: str) -> int:
        self.releases += 1
        tables = json.dumps({name: candidate.version(self.settings, layer, name) for name in names})
        row = {"release_id": self.releases, "layer": layer, "kind": "release", "status": "published", "tables": tables, "note": ""}
        ledger.append(self.settings, "releases", [row])
        return self.releases

    def silver(self, *rows: tuple[int, str, int, bool]) -> None:
        """(id, email, batch, deleted), released."""
        made = [{"id": i, "email": e, "_batch_id": b, "_is_deleted": d, "_ingested_at": AT} for i, e, b, d in rows]
        self.write("silver", "int_people", made)
        self.release("silver", "int_people")

    def gold(self, *rows: tuple[int, int, int], release: bool = True) -> None:
        """(id, age, batch) of dim_people."""
        self.write("gold", "dim_people", [{"id": i, "age": a, "_batch_id": b} for i, a, b in rows])
        if release:
            self.release("gold", "dim_people")

    def why(self, table: str, text: str, layer: str = "gold", show: bool = False) -> Answer:
        return Tracer(self.settings, Reader(self.settings), show).explain((layer, table), text)


def manifest() -> dict[str, Any]:
    nodes = {
        f"model.{name}": {
            "unique_id": f"model.{name}",
            "name": name,
            "resource_type": "model",
            "tags": [layer],
            "config": {"materialized": kind, "unique_key": unique},
        }
        for name, (layer, kind, unique, _) in MODELS.items()
    }
    parents = {f"model.{name}": said[3] for name, said in MODELS.items()}
    return {"nodes": nodes, "sources": {"source.p": {"identifier": "crm__people"}}, "parent_map": parents}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(tmp_path)
    made.batch(1, (1, "canary@x.org", "r"), (2, "b@x.org", "r"), (3, "c@x.org", "r"))
    made.release("bronze", "crm__people")
    made.silver((1, "canary@x.org", 1, False), (2, "b@x.org", 1, False))
    made.gold((1, 30, 1))
    return made


def test_a_shown_row_is_followed_to_its_batch_and_file(lake: Lake) -> None:
    found = lake.why("dim_people", "1")
    assert (found.state, found.release and found.release.release_id, found.version) == ("shown", 3, 0)
    silver, bronze = found.steps
    assert (silver.table, silver.how, silver.depth) == ("int_people", "key", 0)
    assert (bronze.table, bronze.how, bronze.depth, bronze.through) == ("crm__people", "key", 1, ("stg_people",))
    [row] = bronze.rows
    assert row.technical == {"_batch_id": 1, "_op": "r", "_ingested_at": AT} and row.file.endswith(".parquet")
    [batch] = found.batches
    assert (batch["batch_id"], batch["source_table"], batch["window"]["horizon"]) == (1, "public.people", 77)


def test_since_when_a_row_is_as_it_is(lake: Lake) -> None:
    lake.gold((1, 30, 1), (2, 5, 1))
    lake.gold((1, 31, 2), (2, 5, 1))
    lake.gold((1, 31, 2), (2, 6, 1))
    found = lake.why("dim_people", "1")
    assert found.release and found.release.release_id == 6
    assert found.same_since and (found.same_since.release_id, found.same_since.is_oldest) == (5, False)


def test_verdicts_are_those_over_the_versions_that_held_the_row(lake: Lake) -> None:
    for version in (0, 1, 2):
        row = {
            "layer": "gold",
            "table_name": "dim_people",
            "delta_version": version,
            "verdict": "passed",
            "suite_hash": f"h{version}",
        }
        ledger.append(lake.settings, "verdicts", [row, row | {"table_name": "other"}])
    lake.gold((1, 31, 1))
    lake.gold((1, 31, 1), (2, 1, 1))
    assert [one["suite_hash"] for one in lake.why("dim_people", "1").verdicts] == ["h2", "h1"]


def test_the_run_that_built_it_is_named(lake: Lake) -> None:
    assert "no run of the ledger, so by make gold" in lake.why("dim_people", "1").built
    ledger.append(lake.settings, "runs", [{"run_id": 9, "command": "run", "status": "running"}])
    lake.gold((1, 31, 1))
    ledger.append(lake.settings, "runs", [{"run_id": 9, "command": "run", "status": "succeeded"}])
    assert "version 1" in lake.why("dim_people", "1").built and "by run 9 (succeeded)" in lake.why("dim_people", "1").built


def test_a_row_that_a_later_run_left_as_it_was_is_not_that_runs(lake: Lake) -> None:
    ledger.append(lake.settings, "runs", [{"run_id": 9, "command": "run", "status": "running"}])
    lake.gold((1, 30, 1), (2, 3, 1))
    ledger.append(lake.settings, "runs", [{"run_id": 9, "command": "run", "status": "succeeded"}])
    assert "version 0" in lake.why("dim_people", "1").built and "no run" in lake.why("dim_people", "1").built


def test_a_candidate_that_is_not_released(lake: Lake) -> None:
    row = {"layer": "gold", "table_name": "dim_people", "delta_version": 1, "verdict": "failed", "suite_hash": "h"}
    ledger.append(lake.settings, "verdicts", [row])
    lake.gold((1, 30, 1), (2, 20, 1), release=False)
    found = lake.why("dim_people", "2")
    assert (found.state, found.said) == ("unreleased", "it is in version 1 of the candidate, which no release shows: failed")


def test_lost_between_silver_and_gold(lake: Lake) -> None:
    found = lake.why("dim_people", "2")
    assert found.state == "left out" and "silver.int_people has it" in found.said


def test_lost_between_bronze_and_silver(lake: Lake) -> None:
    assert (lake.why("dim_people", "3").state, lake.why("int_people", "3", "silver").state) == ("not yet", "not yet")
    lake.batch(2, (8, "h@x.org", "u"))
    assert "batch 2 brought it to bronze.crm__people and was not released yet" in lake.why("dim_people", "8").said


def test_deleted_at_the_source(lake: Lake) -> None:
    lake.batch(2, (3, None, "d"))
    assert lake.why("dim_people", "3").said == "batch 2 of bronze.crm__people found it gone from the source"
    lake.silver((1, "canary@x.org", 2, True))
    lake.write("gold", "dim_people", [{"id": 5, "age": 1, "_batch_id": 1}])
    lake.release("gold", "dim_people")
    found = lake.why("dim_people", "1")
    assert (found.state, found.said) == ("deleted", "silver.int_people marks it deleted by batch 2")
    assert found.last_shown and found.last_shown.release_id == 3
    assert "marked deleted by batch 2" in lake.why("int_people", "1", "silver").said


def hold(lake: Lake, number: int, batch: int, requeued: int | None = None) -> None:
    row = {
        "id": number,
        "_batch_id": batch,
        "_failed_checks": "not null(email)",
        "_quarantined_at": AT,
        "_requeued_batch": requeued,
    }
    schema = pa.schema(
        [
            ("id", pa.int64()),
            ("_batch_id", pa.int64()),
            ("_failed_checks", pa.string()),
            ("_quarantined_at", pa.timestamp("us", "UTC")),
            ("_requeued_batch", pa.int64()),
        ]
    )
    place = quarantine.location(lake.settings, "crm__people")
    write_deltalake(place, pa.Table.from_pylist([row], schema), mode="overwrite", description='["id"]')


def test_a_row_in_quarantine_says_for_what(lake: Lake) -> None:
    hold(lake, 3, 1)
    found = lake.why("dim_people", "3")
    assert found.state == "quarantined" and "not null(email) (since 2026-01-02 03:04:05 UTC)" in found.said
    assert lake.why("crm__people", "3", "bronze").state == "quarantined"


def test_a_newer_version_in_quarantine_is_said_of_a_row_that_is_shown(lake: Lake) -> None:
    lake.batch(2, (1, None, "u"))
    hold(lake, 1, 2)
    found = lake.why("dim_people", "1")
    assert (found.state, found.said) == ("shown", "a newer version of it waits in quarantine")
    assert [bool(row.held) for row in found.steps[1].rows] == [True, False]


def test_a_row_that_came_back_from_quarantine_is_not_held(lake: Lake) -> None:
    hold(lake, 3, 1, requeued=2)
    lake.batch(2, (3, "c@x.org", "r"))
    found = lake.why("dim_people", "3")
    assert found.state == "not yet" and "back as batch 2" in found.steps[1].rows[1].held


def test_never_seen(lake: Lake) -> None:
    assert lake.why("dim_people", "99").state == lake.why("crm__people", "99", "bronze").state == "never seen"


def test_bronze_is_history(lake: Lake) -> None:
    lake.batch(2, (1, "new@x.org", "u"))
    lake.release("bronze", "crm__people")
    found = lake.why("crm__people", "1", "bronze")
    assert (found.state, [row.technical["_batch_id"] for row in found.steps[0].rows]) == ("shown", [2, 1])


def test_what_an_aggregate_is_made_of_is_said_to_be_unknown(lake: Lake) -> None:
    lake.write("gold", "rpt_mails", [{"domain": "x.org", "people": 2}])
    lake.release("gold", "dim_people", "rpt_mails")
    found = lake.why("rpt_mails", "x.org")
    assert (found.state, found.steps[0].how) == ("shown", "unknown")
    assert found.steps[0].note == "its rows are named by id, which this row does not carry"
    assert lake.why("rpt_mails", "y.org").state == "unknown"


def test_rows_that_carry_the_key_are_followed(lake: Lake) -> None:
    lake.gold((1, 30, 1), (2, 30, 1))
    lake.write("gold", "rpt_ages", [{"age": 30, "people": 2}])
    lake.release("gold", "dim_people", "rpt_ages")
    found = lake.why("rpt_ages", "30")
    assert [(step.table, step.how, len(step.rows)) for step in found.steps] == [
        ("dim_people", "carries", 2),
        ("int_people", "key", 2),
        ("crm__people", "key", 2),
    ]


def test_no_value_is_told_unless_asked_for(lake: Lake) -> None:
    plain, whole = lake.why("int_people", "1", "silver"), lake.why("int_people", "1", "silver", show=True)
    assert "canary" not in str(plain) and plain.row and plain.row.columns == ("email",)
    assert whole.row and whole.row.values == {"email": "canary@x.org"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 or 1=1", "is no long"),
        ("1,2", "is no long"),
        ('{"age": 1}', "names age"),
        ("{", "is no JSON"),
        ('{"id": null}', "is no long"),
        ("", "is no long"),
    ],
)
def test_a_key_that_is_none_is_refused(lake: Lake, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=f"KEY.*{said}"):
        lake.why("dim_people", text)


def test_composite_keys_in_both_spellings() -> None:
    types = {"id": "long", "day": "date"}
    wanted = {"id": 7, "day": datetime(2026, 1, 2).date()}
    assert key.read("7, 2026-01-02", ("id", "day"), types) == wanted
    assert key.read('{"day": "2026-01-02", "id": 7}', ("id", "day"), types) == wanted
    with pytest.raises(SettingsError, match="has 1 values"):
        key.read("7", ("id", "day"), types)


HOSTILE = ["x' or '1'='1", "'; drop table t; --", "\\' or 1=1 --", "a\\", '"', "`", "é\n\t\x00'", "''", "%s {x} $1 :a"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_key_finds_itself_and_nothing_else(tmp_path: Path, text: str) -> None:
    settings = Settings(var_dir=tmp_path)
    schema = pa.schema([("k", pa.string())])
    kept = text.replace("\x00", "")
    write_deltalake(str(tmp_path / "t"), pa.Table.from_pylist([{"k": "other"}, {"k": kept}], schema))
    reader = Reader(settings)
    rows = reader.rows("t", reader.open("t", str(tmp_path / "t"), 0))
    where = key.condition({"k": kept}, {"k": "string"}, DUCKDB)
    assert reader.ask(DUCKDB, f"select k from ({rows.query}) where {where}") == [(kept,)]
    assert "'" not in key.literal(text, "string", SPARK)[1:-1].replace("\\\\", "").replace("\\'", ""), (
        "each quote is escaped for Spark"
    )


def test_the_command_tells_the_way_and_ends_with_11_if_the_row_is_not_shown(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "load", lambda: lake.settings)
    command.why.main(["--table", "dim_people", "--key", "1"], standalone_mode=False)
    said = capsys.readouterr().out
    assert "readers see it: release 3" in said and "bronze.crm__people" in said and "canary" not in said
    with pytest.raises(AbsentError, match="left out") as ended:
        command.why.main(["--table", "gold.dim_people", "--key", "2"], standalone_mode=False)
    assert ended.value.exit_code == 11
    printed = CliRunner().invoke(command.why, ["--table", "dim_people", "--key", "2", "--json"])
    assert json.loads(printed.stdout)["state"] == "left out" and isinstance(printed.exception, AbsentError)


def test_a_table_that_is_none_or_two_is_refused(lake: Lake) -> None:
    from expectations.names import resolve

    lake.write("silver", "dim_people", [{"id": 1}])
    assert resolve(lake.settings, "int_people") == ("silver", "int_people")
    with pytest.raises(SettingsError, match=r"dim_people is in 2 layers \(wanted: one of silver.dim_people, gold.dim_people\)"):
        resolve(lake.settings, "dim_people")
    with pytest.raises(SettingsError, match="silver.int_people"):
        resolve(lake.settings, "int_peopl")
    with pytest.raises(SettingsError, match="is no table"):
        resolve(lake.settings, "../../bronze/crm__people")
