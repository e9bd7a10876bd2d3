"""The doors by which values leave: each gives what it shows of the copied table, as plain data, by column and row."""

import html
import json
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from dbt.cli.main import dbtRunner
from deltalake import DeltaTable, write_deltalake
from small_dbt import Project
from value_kinds import COLUMNS, COMMENT, DELTA, KEYS, ROWS, SPELT, expected

from comporta import prompt
from comporta.gate import run_gate
from docs_site import build
from expectations import notification, quarantine, registry
from expectations.compile import frame
from expectations.drafting import profile
from expectations.evidence import Evidence
from expectations.outcome import dumps, plain
from expectations.runner import Runner, TableRows, _detail
from expectations.suite import Check, Suite
from expectations.verdict import CheckOutcome, Verdict
from inspection import diff, story
from inspection.command import _example
from inspection.key import told
from inspection.reader import Reader
from inspection.why import Tracer
from lakehouse import console, values
from lakehouse.engines import catalog, local
from lakehouse.engines.dialect import DUCKDB, SPARK, Engine
from lakehouse.settings import Settings
from lakehouse.tables import ledger
from lakehouse.tables.types import spark_types
from workspaces import branch
from workspaces.dev import DevSchemas

Seen = dict[tuple[str, int], Any]
ALL = [*COLUMNS.values(), *SPELT.values()]
FEW = [COLUMNS[kind] for kind in DELTA]


@dataclass
class Lake:
    """The copied table, and what doors share."""

    settings: Settings
    spark: Any
    folder: Path
    warehouse: str  # of the server
    verdict: Verdict | None = None
    difference: diff.TableDifference | None = None

    @property
    def name(self) -> str:
        return f"{self.settings.source_name}__t"

    @property
    def location(self) -> str:
        return f"{self.settings.lake_url}/bronze/{self.name}"

    @cached_property
    def table(self) -> DeltaTable:
        return DeltaTable(self.location, version=0)

    @cached_property
    def types(self) -> dict[str, str]:
        return spark_types(self.table)

    @property
    def duckdb(self) -> Engine:
        near = local.rows(self.settings, self.table)
        assert near is not None
        return Engine(local.DuckEngine(self.settings).ask, near, DUCKDB)

    @property
    def on_spark(self) -> Engine:
        query = frame.at_version(self.location, 0)
        return Engine(lambda text: self.spark.sql(text).collect(), query, SPARK)

    def suite(self, columns: list[str], **more: Any) -> Suite:
        """Checks that fail for every value, so that a sample must name it."""
        checks = [Check.model_validate({"expect": "expect_column_values_to_be_null", "column": name}) for name in columns]
        return Suite(table=self.name, description="Values.", owner="tests", checks=checks, **more)

    def run(self, engine: Engine, suite: Suite) -> tuple[CheckOutcome, ...]:
        judged = TableRows(
            Evidence((engine,), self.types, lambda *_: ""), ("id",), lambda: pytest.fail("left to Great Expectations")
        )
        return Runner().run(suite, self.name, judged).outcomes


def _of_rows(rows: list[dict[str, Any]]) -> Seen:
    return {
        (name, row["id"]): values.plain(value) for row in rows for name, value in row.items() if name != "id" and value is not None
    }


def _of_samples(outcomes: tuple[CheckOutcome, ...]) -> Seen:
    """As the ledger has them: JSON, strictly read."""
    read = json.loads(dumps(outcomes), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert all("error" not in outcome for outcome in read), read
    return _of_rows([row for outcome in read for row in outcome["sample"]])


def _asked(lake: Lake, engine: Engine) -> Seen:
    kinds = {name: lake.types[name] for name in ("id", *ALL)}
    shown = [engine.dialect.shown(engine.dialect.column(name), kind) for name, kind in kinds.items()]
    rows = engine.ask(f"select {', '.join(shown)} from ({engine.rows})")
    return _of_rows([dict(zip(kinds, row, strict=True)) for row in rows])


def _copy(lake: Lake) -> Seen:
    return _asked(lake, lake.duckdb)


def _on_spark(lake: Lake) -> Seen:
    return _asked(lake, lake.on_spark)


def _gate_duckdb(lake: Lake) -> Seen:
    return _of_samples(lake.run(lake.duckdb, lake.suite(ALL)))


def _gate_spark(lake: Lake) -> Seen:
    return _of_samples(lake.run(lake.on_spark, lake.suite(FEW)))


def _gate_great_expectations(lake: Lake) -> Seen:
    suite = lake.suite(FEW)
    asked = {number: registry.build(check, number, "doors") for number, check in enumerate(suite.checks, 1)}
    results, _ = Runner()._ask("doors", lake.spark.sql(lake.on_spark.rows), asked, _detail(("id",), [*lake.types]))
    found = [row for result in results.values() for row in result.result["partial_unexpected_index_list"]]
    return _of_rows([plain(row) for row in found])


def _thrift(lake: Lake) -> Seen:
    names = ["id", *ALL]
    listed = ", ".join(map(catalog.quote, names))
    found = catalog.thrift_rows(lake.settings, f"select {listed} from delta.`{lake.location}` version as of 0")
    return _of_rows([dict(zip(names, row, strict=True)) for row in found])


def _prompt(lake: Lake) -> Seen:
    names = ["id", *ALL]
    tables: list[tuple[list[str], list[list[Any]]]] = []
    with pytest.MonkeyPatch.context() as patch, catalog.cursor(lake.settings) as cursor:
        patch.setattr(console, "table", lambda title, columns, rows: tables.append((columns, rows)))
        prompt._answer(cursor, f"select {', '.join(map(catalog.quote, names))} from delta.`{lake.location}` version as of 0;")
        prompt._answer(cursor, "select 1.5, 2 as `a.b`")
    (heads, held), odd = tables
    assert (heads, odd) == (names, (["1.5", "a.b"], [["1.5", "2"]]))
    assert len(held) == ROWS
    rows = [dict(zip(names, row, strict=True)) for row in held]
    empty = {(name, int(row["id"])) for row in rows for name in names if row[name] == ""}
    found = _of_rows([row | {"id": int(row["id"])} for row in rows])
    return {place: shown for place, shown in found.items() if place not in empty or place in expected()}  # a null is empty, too


def _profile(lake: Lake) -> Seen:
    wanted = {"id": ROWS} | {name: sum(place[0] == name for place in expected()) for name in ALL}
    for engine in (lake.duckdb, lake.on_spark):
        columns = profile.take(engine, lake.types).columns
        assert {name: columns[name].filled for name in wanted} == wanted
        assert columns[COLUMNS["timestamp"]].newest == datetime.max.replace(tzinfo=UTC)
    return expected()


def _mask(lake: Lake) -> Seen:
    told = dumps(lake.run(lake.duckdb, lake.suite(ALL, personal=ALL)))
    rows = [row for outcome in json.loads(told) for row in outcome["sample"]]
    masked = {(name, row["id"]): value for row in rows for name, value in row.items() if name != "id" and value is not None}
    assert all("••••" in each for seen in masked.values() for each in _leaves(seen) if each)
    return {place: shown for place, shown in expected().items() if place in masked}


def _quarantine(lake: Lake) -> Seen:
    within = frame.scope([row for row in ledger.rows(lake.settings, "batches") if row["table_name"] == lake.name], None)
    place = quarantine.BronzeTable(lake.name, lake.location, 0, within.key)
    assert quarantine.take_out(lake.settings, lake.spark, place, within, {'it\'s \\ "odd" ${x}': "id >= 0"}) == ROWS
    kept = DeltaTable(f"{lake.settings.lake_url}/quarantine/{lake.name}")
    assert _reasons(lake, kept) == {'it\'s \\ "odd" ${x}'}
    done = quarantine.requeue(lake.settings, lake.spark, lake.name, lake.suite(["id"]))
    assert (done.back, done.superseded, done.failing) == (ROWS, 0, 0)
    near = local.rows(lake.settings, DeltaTable(lake.location))
    back = Engine(local.DuckEngine(lake.settings).ask, f"select * from ({near}) where _batch_id > 1", DUCKDB)
    return _asked(lake, back)


def _reasons(lake: Lake, kept: DeltaTable) -> set[Any]:
    return {
        row[0] for row in local.DuckEngine(lake.settings).ask(f"select _failed_checks from ({local.rows(lake.settings, kept)})")
    }


def _gate(lake: Lake) -> Seen:
    """The gate as it runs: verdict, ledger, page, notification, site."""
    checks = [{"expect": "expect_column_values_to_be_null", "column": name} for name in ALL]
    suites = lake.folder / "suites"
    (suites / "bronze").mkdir(parents=True)
    said = {"table": lake.name, "description": COMMENT, "owner": COMMENT, "checks": checks}
    (suites / "bronze" / f"{lake.name}.yml").write_text(yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
    [verdict] = run_gate(lake.settings, lake.spark, "bronze", [lake.name], suites=suites)
    assert (verdict.verdict, verdict.ran, verdict.rows_seen) == ("failed", len(ALL), ROWS)
    lake.verdict = verdict
    return _of_samples(verdict.failures)


def _page(lake: Lake) -> Seen:
    assert lake.verdict
    return _within((lake.settings.site_dir / lake.verdict.page).read_text(encoding="utf-8"), html.escape)


def _site(lake: Lake) -> Seen:
    build.build(lake.settings, datetime.now(UTC))
    assert lake.verdict
    pages = [
        path.read_text(encoding="utf-8") for path in lake.settings.site_dir.rglob("*.html") if lake.verdict.verdict_id in path.name
    ]
    assert pages
    return _within("".join(pages), html.escape)


def _within(text: str, spelt: Callable[[str], str]) -> Seen:
    """Values that `text` has, blanks aside; nothing of them is code there."""
    assert "<script>alert" not in text and "<b>&amp;" not in text and "49" not in re.findall(r"\\ \\n (\S+) \$x", text)
    tight = _tight(html.unescape(text))
    return {place: shown for place, shown in expected().items() if all(_tight(each) in tight for each in _leaves(shown))}


def _leaves(shown: Any) -> list[str]:
    return [leaf for each in shown for leaf in _leaves(each)] if isinstance(shown, list) else [] if shown is None else [str(shown)]


def _tight(text: str) -> str:
    return re.sub(r"\s+", "", text).lower()


def _told(lake: Lake) -> Seen:
    """The webhook and the mail, which hold no values; nothing that a suite or a table says breaks them."""
    sent: list[str] = []
    assert lake.verdict
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("requests.post", lambda url, json, timeout: sent.append(_strict(json)) or _Answer())
        patch.setattr("smtplib.SMTP", lambda *_, **__: _Mailbox(sent))
        update = {
            "gate_webhook": _secret("http://127.0.0.1/x"),
            "smtp_url": _secret("smtp://127.0.0.1:1"),
            "gate_mail_to": "a@b.example",
        }
        assert notification.tell(lake.settings.model_copy(update=update), "bronze", [lake.verdict]) == []
    written = (lake.settings.site_dir / "quality" / "bronze" / "verdict.json").read_text(encoding="utf-8")
    sent.append(_strict(json.loads(written)))
    assert len(sent) == 3 and all(lake.name in each and "right to left" not in each for each in sent)
    return expected()


def _strict(said: Any) -> str:
    return json.dumps(said, allow_nan=False)


def _secret(text: str) -> Any:
    from pydantic import SecretStr

    return SecretStr(text)


class _Answer:
    def raise_for_status(self) -> None:
        """All is well."""


class _Mailbox:
    def __init__(self, sent: list[str]) -> None:
        self._sent = sent

    def __enter__(self) -> "_Mailbox":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def send_message(self, mail: Any) -> None:
        self._sent.append(mail.as_bytes().decode("ascii") and mail.get_content())


def _emptied(lake: Lake) -> DeltaTable:
    """The same rows without their values."""
    place = str(lake.folder / "emptied")
    schema = pa.schema(lake.table.schema().to_arrow())
    write_deltalake(place, pa.Table.from_pylist([{"id": row} for row in range(ROWS)], schema=schema), mode="overwrite")
    return DeltaTable(place)


def _diff(lake: Lake, is_local: bool = True) -> Seen:
    with closing(Reader(lake.settings)) as reader, pytest.MonkeyPatch.context() as patch:
        if not is_local:
            patch.setattr(reader, "is_local", lambda table: False)
        lake.difference = diff.of_tables(reader, lake.settings, "t", lake.table, _emptied(lake), ("id",), ROWS, True)
    assert (lake.difference.changed, len(lake.difference.examples)) == (ROWS, ROWS)
    assert all(_example(example) for example in lake.difference.examples)
    rows = [{"id": one.key["id"]} | {name: was for name, (was, _) in one.values.items()} for one in lake.difference.examples]
    return {place: _bare(shown) for place, shown in _of_rows(rows).items() if place[0] in ALL}


def _bare(shown: Any) -> Any:
    """A moment without its zone, which is UTC."""
    return shown.removesuffix("+00:00") if isinstance(shown, str) and re.match(r"\d{4}-\d\d-\d\d ", shown) else shown


def _diff_spark(lake: Lake) -> Seen:
    return _diff(lake, is_local=False)


def _diff_models(lake: Lake) -> Seen:
    assert lake.difference
    changed = branch.ModelChange("gold", "t", "models/t.sql", lake.difference, (COMMENT,), None)
    for template in ("branch.md", "branch.html"):
        text = branch.report([changed], DevSchemas("me"), template)
        assert "<script>alert" not in text or template.endswith(".md")
        assert all(name in text for name in FEW)
    json.dumps(
        values.plain(lake.difference.__dict__ | {"examples": [each.__dict__ for each in lake.difference.examples]}), allow_nan=False
    )
    return expected()


def _why(lake: Lake) -> Seen:
    with closing(Reader(lake.settings)) as reader:
        tracer = Tracer(lake.settings, reader, show=True)
        for number, (kind, (_, said)) in enumerate(KEYS.items()):
            answer = tracer.explain(("bronze", f"{lake.settings.source_name}__k{number}"), said)
            assert answer.row is not None and answer.row.values["told"] == "x", (kind, answer)
            assert any(told(answer.key) in str(line) for line in [*story.lines(lake.settings, answer), *story.way(answer)])
            again = tracer.explain(
                ("bronze", f"{lake.settings.source_name}__k{number}"), json.dumps({"k": values.text(answer.row.key["k"])})
            )
            assert again.row is not None and again.row.file == answer.row.file, kind
        found = [tracer.explain(("bronze", lake.name), str(row)).row for row in range(ROWS)]
    rows = [row.key | row.values for row in found if row]
    return {place: _bare(shown) for place, shown in _of_rows(rows).items() if place[0] in ALL}


def _dbt(lake: Lake) -> Seen:
    """A table that dbt builds, with comments, and what dbt shows of it."""
    project = Project(lake.folder / "dbt", lake.settings)
    raw = f"{{% raw %}}{COMMENT}{{% endraw %}}"
    docs = {
        "description": raw,
        "config": {"persist_docs": {"relation": True, "columns": True}},
        "columns": [{"name": "id", "description": raw}],
    }
    project.write("models/t.sql", f"{{{{ config(materialized='table') }}}} select * from delta.`{lake.location}` version as of 0")
    project.write("models/v.sql", "{{ config(materialized='view') }} select * from {{ ref('t') }}")
    project.write("models/m.yml", yaml.safe_dump({"models": [docs | {"name": name} for name in "tv"]}, allow_unicode=True))
    project.dbt("run", "--select", "t", "v")
    for name in "tv":
        told = catalog.thrift_rows(lake.settings, f"describe table extended {project.name}_main.{name}")
        assert {row[2] for row in told if row[0] == "id"} | {row[1] for row in told if row[0] == "Comment"} == {COMMENT}
    project.write("macros/look.sql", _LOOK)
    place = ("--project-dir", str(project.folder), "--profiles-dir", str(project.folder))
    with project.told():
        done = dbtRunner().invoke(
            ["run-operation", "look", "--args", json.dumps({"relation": f"{project.name}_main.t"}), *place, "--quiet"]
        )
    assert done.success, done.exception
    near = local.rows(lake.settings, DeltaTable(f"{lake.warehouse}/{project.name}_main.db/t")) or ""
    found = _asked(lake, Engine(local.DuckEngine(lake.settings).ask, near, DUCKDB))
    project.drop()
    return found


_LOOK = """{% macro look(relation) %}
{% set rows = run_query("select * from " ~ relation ~ " order by id").rows %}
{% if rows | length != 5 %}{{ exceptions.raise_compiler_error("not all rows") }}{% endif %}
{% for row in rows %}{% do log(row.values() | list | string) %}{% endfor %}
{% endmacro %}"""
DOORS: dict[
    str, tuple[Callable[[Lake], Seen], list[str] | None]
] = {  # in this order; with the kinds that it is asked for, if not all
    "copy": (_copy, None),
    "spark": (_on_spark, None),
    "gate, duckdb": (_gate_duckdb, None),
    "gate, spark": (_gate_spark, DELTA),
    "gate, great expectations": (_gate_great_expectations, [kind for kind in DELTA if kind != "float4"]),
    "gate": (_gate, None),
    "page": (_page, None),
    "site": (_site, None),
    "notification": (_told, None),
    "mask": (_mask, None),
    "profile": (_profile, None),
    "thrift": (_thrift, None),
    "prompt": (_prompt, None),
    "dbt": (_dbt, None),
    "diff": (_diff, None),
    "diff, spark": (_diff_spark, None),
    "diff-models": (_diff_models, None),
    "why": (_why, None),
    "quarantine": (_quarantine, None),
}
