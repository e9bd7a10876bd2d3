"""What jobs/trusted.py writes is what silver has: the same model, over files by the job, over bronze by our server."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from trusted_job import Runs

from ingestion.sources.files.table import look
from jobs import render
from lakehouse import dbt
from samples.credit.generate import ExportPlan, documents

BRONZE = "bronze_of_trusted"
DAY = datetime(2026, 11, 30, tzinfo=UTC)
TECHNICAL = "_file string, _line bigint, _batch_id bigint, _ingested_at timestamp, _op string, _source_lsn bigint, _flags string"
MODELS = ("stg_credit__users", "stg_credit__products", "stg_films__movies")
FILMS = """id|tituloPincipal|anoLancamento|notaMedia|numeroVotos|genero
tt01|São “João” é 1.10|1999|7.5|12345678901|Drama,Horror
tt02|\\N|\\N|\\N|\\N|\\N
tt03|"a|b ""c""
d"|0001|0.0|0|
tt04||2026|10.0|7|Romance
"""
STAGING = """{{ config(materialized='view') }}
select
    id as title_id,
    tituloPincipal as title,
    cast(anoLancamento as int) as release_year,
    cast(notaMedia as decimal(3, 1)) as average_rating,
    cast(numeroVotos as bigint) as vote_count,
    split(genero, ',') as genres,
    cast(_ingested_at as date) as ingestion_date,
    _file,
    {{ technical_columns() }}
from {{ source('films', 'movies') }}
"""


@pytest.fixture(scope="module")
def staging(tmp_path_factory: pytest.TempPathFactory) -> dict[str, render.Staging]:
    """The project's models of documents, and one of a CSV file, as dbt compiles them."""
    project = tmp_path_factory.mktemp("rendered") / "project"
    shutil.copytree(dbt.PROJECT, project, ignore=shutil.ignore_patterns("target", "logs", "gold", "shop"))
    films = project / "models" / "silver" / "films"
    films.mkdir()
    (films / "stg_films__movies.sql").write_text(STAGING)
    names = [
        "title_id",
        "title",
        "release_year",
        "average_rating",
        "vote_count",
        "genres",
        "ingestion_date",
        "_file",
        "_batch_id",
        "_flags",
    ]
    columns = [{"name": name} for name in names]
    sources = [
        {"name": "films", "schema": "{{ env_var('BRONZE_SCHEMA') }}", "tables": [{"name": "movies", "identifier": "films__movies"}]}
    ]
    (films / "films.yml").write_text(
        json.dumps({"sources": sources, "models": [{"name": "stg_films__movies", "columns": columns}]})
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRONZE_SCHEMA", BRONZE)
        return render.compiled(MODELS, project)


@pytest.fixture(scope="module")
def runs(staging: dict[str, render.Staging]) -> Iterator[Runs]:
    """The job, with each model as its query."""
    with Runs.placed() as made:
        texts = [json.dumps(each, ensure_ascii=number % 2 == 0) for number, each in enumerate(documents(ExportPlan(0.0006)))]
        made.raw("credit/json/users/2026/11/30/users.json", "[" + ",\n".join(texts) + "]\n")
        made.raw("films/csv/movies/2026/11/30/movies.csv", FILMS)
        for model in staging.values():
            is_films = "films" in model.model
            (made.folder / f"{model.model}.sql").write_text(model.over_raw({} if is_films else {"_id": "bigint"}), encoding="utf-8")
            options = ["--format", "csv", "--options", '{"sep": "|", "nullValue": "\\\\N"}'] if is_films else ["--format", "json"]
            raw = "films/csv/movies" if is_films else "credit/json/users"
            made.ask(model.model, raw, *options, "--query", f"{made.folder}/{model.model}.sql", "--strict")
        made.start()
        yield made


@pytest.fixture(scope="module")
def bronze(spark: Any, runs: Runs) -> Iterator[None]:
    """The same files as bronze has them, read by Python."""
    spark.sql(f"create schema {BRONZE}")
    export, films = (runs.folder / "raw" / path for path in _paths(runs))
    added = (1, 1, DAY, "r", None, None)
    users = [(each["_id"], text, str(export), *added) for text in _texts(export) for each in [json.loads(text)]]
    spark.createDataFrame(users, f"_id bigint, _document string, {TECHNICAL}").write.saveAsTable(f"{BRONZE}.credit__users")
    table = look(films)
    schema = ", ".join(f"{column.name} string" for column in table.columns)
    rows = [(*row, str(films), *added) for row in table.values()]
    spark.createDataFrame(rows, f"{schema}, {TECHNICAL}").write.saveAsTable(f"{BRONZE}.films__movies")
    yield
    spark.sql(f"drop schema {BRONZE} cascade")


def _paths(runs: Runs) -> list[Path]:
    return [Path("credit/json/users/2026/11/30/users.json"), Path("films/csv/movies/2026/11/30/movies.csv")]


def _texts(export: Path) -> list[str]:
    """The export has a document on each line."""
    return [line.strip("[],\n ") if not line.startswith("[") else line[1:].rstrip(",\n") for line in export.open(encoding="utf-8")]


@pytest.mark.parametrize("model", MODELS)
def test_trusted_is_silver(model: str, spark: Any, bronze: None, runs: Runs, staging: dict[str, render.Staging]) -> None:
    assert runs.ended[model]["code"] == 0, runs.ended[model]["err"]
    trusted = spark.read.parquet(f"{runs.folder}/trusted/{model}")
    silver = spark.sql(staging[model].query)
    assert set(silver.columns) - set(trusted.columns) <= {"_line", "_batch_id", "_ingested_at", "_op", "_is_deleted", "_source_lsn"}
    silver = silver.select(trusted.columns)
    assert [(each.name, each.dataType.simpleString()) for each in trusted.schema] == [
        (each.name, each.dataType.simpleString()) for each in silver.schema
    ]
    found, wanted = (
        sorted(row[0] for row in table.selectExpr("to_json(struct(*), map('ignoreNullFields', 'false'))").collect())
        for table in (trusted, silver)
    )
    assert len(found) > 3 and found == wanted
