"""Drafts the suite of a table from its rows, for review: what it proposes holds, and says what was seen."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain, combinations
from pathlib import Path
from typing import Any, cast

from ruamel.yaml import YAML

from expectations.compile import frame
from expectations.compile.condition import Form, form_of
from expectations.drafting import profile, propose, relate
from expectations.drafting.propose import Check, Subject
from expectations.evidence import Evidence, UnableError
from expectations.names import Name, as_held, key_of
from expectations.reference_tables import ReferenceTables, gated
from expectations.suite import NOBODY, SUITES, Suite, file_of, load
from expectations.suite import Check as SuiteCheck
from lakehouse import dbt, machine
from lakehouse.engines import local
from lakehouse.engines.dialect import DUCKDB, SPARK, Engine, Types
from lakehouse.errors import GateError
from lakehouse.settings import Settings
from lakehouse.tables import candidate, lake, ledger, quarantine
from lakehouse.tables.types import spark_types

_FEW = 20
_HEAD = """\
# yaml-language-server: $schema=../../suite.schema.json
# Drafted on {day} from version {version}, {rows}. What holds today need not be what should hold:
# read each `why`, keep what you would be woken for, loosen the rest to `severity: warning` or take it out.
"""


@dataclass(frozen=True)
class SuiteDraft:
    """A suite that was drafted, as text and as the loader has it, and what was left out because it does not hold."""

    name: Name
    version: int
    rows: int
    owner: str
    text: str
    checks: tuple[Check, ...]
    left_out: tuple[str, ...]


def draft(settings: Settings, name: Name, owner: str | None, now: datetime) -> SuiteDraft:
    """The suite that the rows of `name` suggest.

    Raises:
        GateError: it has no rows.
    """
    version = candidate.version(settings, *name)
    assert version is not None  # names.resolve found it
    with _opened(settings, name, version) as (engine, types):
        subject = Subject(*name, *_key(settings, name, engine, types), _alive(name[0], types), now)
        alive = Engine(engine.ask, f"select * from ({engine.rows}) where {subject.alive}", engine.dialect)
        seen = profile.take(alive if subject.alive else engine, types)
        if not seen.rows:
            raise GateError(".".join(name), "has no rows", "rows to learn from", "Write its suite by hand, or with `allow_empty`")
        proposed = propose.checks(subject, seen)
        proposed[-1:-1] = relate.checks(settings, subject, seen, types)
        kept, left_out = _that_hold(settings, subject, engine=engine, types=types, proposed=proposed)
    model = _model(settings, name)
    owner = owner or _owner(settings, name, model)
    described = (model or {}).get("description") or "Drafted: say here what one row is."
    head = _HEAD.format(day=f"{now:%Y-%m-%d}", version=version, rows=propose.many(seen.rows))
    if seen.rows < _FEW:
        head += f"# {propose.many(seen.rows)} say little: expect to loosen this as more come.\n"
    whole = {"table": name[1], "description": described, "owner": owner, "checks": kept}
    _prove(whole, name)
    return SuiteDraft(
        name=name,
        version=version,
        rows=seen.rows,
        owner=owner,
        text=head + _yaml(whole),
        checks=tuple(kept),
        left_out=tuple(left_out),
    )


def write(made: SuiteDraft, folder: Path = SUITES) -> Path | None:
    """Write the suite where the table has none of its own, and return where; None if there is one already."""
    path = folder / made.name[0] / f"{made.name[1]}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError), path.open("x", encoding="utf-8") as file:
        file.write(made.text)
        return path
    return None


@contextmanager
def _opened(settings: Settings, name: Name, version: int) -> Iterator[tuple[Engine, Types]]:
    """The rows that a gate would judge if nothing had been released, and who can count them."""
    place = candidate.location(settings, *name)
    table = lake.at(settings, place, version)
    spark = None
    near = local.rows(settings, table)
    if near:
        engine = Engine(local.DuckEngine(settings).ask, near, DUCKDB)
    else:
        from lakehouse.engines.session import connect

        machine.start(settings)
        spark = connect(settings)
        asked = spark
        engine = Engine(lambda query: asked.sql(query).collect(), frame.at_version(place, version), SPARK)
    try:
        yield _latest(settings, name, engine), spark_types(table)
    finally:
        if spark:
            spark.stop()


def _latest(settings: Settings, name: Name, engine: Engine) -> Engine:
    """Of bronze, which is history, the latest living row of each key that is not in quarantine."""
    if name[0] != "bronze":
        return engine
    within = frame.scope([row for row in ledger.rows(settings, "batches") if row["table_name"] == name[1]], None)
    rows = gated(settings, engine, table=name[1], rows=engine.rows, held=quarantine.held(settings, name[1]))
    return Engine(engine.ask, frame.live(rows, within, True, engine.dialect.column), engine.dialect)


def _alive(layer: str, types: Types) -> str | None:
    return "not _is_deleted" if layer != "bronze" and types.get("_is_deleted") == "boolean" else None


def _key(settings: Settings, name: Name, engine: Engine, types: Types) -> tuple[tuple[str, ...], str]:
    """The key, and who says so; where nobody does, the first columns that look like one and are."""
    said = dbt.unique_key(_model(settings, name)) if name[0] != "bronze" else key_of(settings, *name)
    said = as_held(said, types)
    if said and set(said) <= set(types):
        return said, "as the ledger has it" if name[0] == "bronze" else "by its model's unique_key"
    counted = ", ".join(f"count({engine.dialect.column(column)})" for column in types)
    [[rows, *counts]] = [list(row) for row in engine.ask(f"select count(*), {counted} from ({engine.rows})")]
    filled = [column for column, count in zip(types, counts, strict=True) if count == rows]
    likely = [
        column
        for column in filled
        if not column.startswith("_") and types[column] in ("long", "integer", "short", "string", "date")
    ]
    likely.sort(key=lambda column: (column != "id", not column.endswith("_id"), not propose.is_identifier(_named(column, types))))
    several = chain.from_iterable(combinations(likely[:6], size) for size in (2, 3))
    singles = ((column,) for column in likely if propose.is_identifier(_named(column, types)))
    for key in chain(singles, several):
        if rows and _is_key(engine, key):
            return key, "found so: say whether it is meant to be"
    return (), ""


def _named(column: str, types: Types) -> profile.ColumnProfile:
    return profile.ColumnProfile(column, types[column], 0)


def _is_key(engine: Engine, key: tuple[str, ...]) -> bool:
    columns = ", ".join(map(engine.dialect.column, key))
    return not list(engine.ask(f"select 1 from ({engine.rows}) group by {columns} having count(*) > 1 limit 1"))


def _model(settings: Settings, name: Name) -> dict[str, Any] | None:
    built = dbt.manifest(settings)
    if name[0] != "bronze":
        return dbt.models(built, name[0]).get(name[1])
    return next((source for source in built["sources"].values() if source["identifier"] == name[1]), None)


def _owner(settings: Settings, name: Name, model: dict[str, Any] | None) -> str:
    """Whoever dbt's `meta` names, else the layer's default suite; a placeholder that no gate takes if neither does."""
    meta = {**(model or {}).get("meta", {}), **(model or {}).get("config", {}).get("meta", {})}
    if meta.get("owner"):
        return str(meta["owner"])
    default = SUITES / name[0] / "_default.yml"
    return load(default).owner if default.is_file() else NOBODY


def _that_hold(
    settings: Settings, subject: Subject, engine: Engine, types: Types, proposed: list[Check]
) -> tuple[list[Check], list[str]]:
    """The checks that hold, and a line for each that does not. One that only Spark can put is kept."""
    from expectations import custom_expectations, registry

    numbered = {number: _as_check(check) for number, check in enumerate(proposed)}
    counts = _counted(engine, types, numbered)
    others = ReferenceTables(settings, cast(Any, None))  # tables where our rules put them need no Spark to be found
    evidence = Evidence(
        engines=(engine,),
        types=types,
        rows_of=partial(_living, others, subject.layer),
        history=(),
        is_pending=False,
        contract=dbt.contract(settings, subject.table),
        now=subject.now,
    )
    kept, left_out = [], []
    for number, check in numbered.items():
        held, said = True, ""
        built = registry.build(check, number + 1, subject.table)
        if isinstance(built, custom_expectations.CustomExpectation):
            found, said = custom_expectations.answer(built, evidence)
            held = bool(found["success"])
            said = said or str(found.get("observed_value") or f"{found.get('unexpected_count')} rows refer to nothing")
        elif number in counts:
            considered, unexpected = counts[number]
            held = not considered or (considered - unexpected) / considered >= (check.mostly or 1)
            said = f"{unexpected} rows do not hold"
        if held:
            kept.append(proposed[number])
        elif isinstance(built, custom_expectations.CustomExpectation) or set(check.columns) <= set(subject.key):
            left_out.append(f"{check.expect} {', '.join(check.columns)}: {said}")
    return kept, left_out


def _counted(engine: Engine, types: Types, checks: Mapping[int, SuiteCheck]) -> dict[int, tuple[int, int]]:
    """Of each check that has a form as conditions: rows that it looks at, and those of them that it finds unexpected."""
    forms = {number: form for number, check in checks.items() if (form := form_of(check, types, engine.dialect))}
    wanted = ["count(*)"]
    for form in forms.values():
        wanted += [_count(form, f"not ({form.missing or 'false'})"), _count(form, form.unexpected)]
    [[_, *answers]] = [list(row) for row in engine.ask(f"select {', '.join(wanted)} from ({engine.rows})")]
    found = {number: (answers[2 * place], answers[2 * place + 1]) for place, number in enumerate(forms)}
    for number, form in forms.items():
        if form.key:
            found[number] = found[number][0], _twice(engine, form)
    return found


def _count(form: Form, condition: str) -> str:
    return f"count(case when {form.within} then case when {condition} then 1 end end)"


def _twice(engine: Engine, form: Form) -> int:
    columns = ", ".join(map(engine.dialect.column, form.key))
    groups = f"select count(*) as again from ({engine.rows}) where {form.within} and not ({form.missing or 'false'}) group by {columns} having count(*) > 1"
    [[rows]] = [list(row) for row in engine.ask(f"select coalesce(sum(again), 0) from ({groups})")]
    return int(rows)


def _living(others: ReferenceTables, layer: str, table: str, engine: Engine, which: Any) -> str:
    try:
        return others.rows(layer, table, engine, which)
    except AttributeError:  # not where our rules put it, and there is no Spark session here to look for it
        raise UnableError(table) from None


def _as_check(check: Check) -> SuiteCheck:
    return SuiteCheck.model_validate(check)


def _prove(whole: dict[str, Any], name: Name) -> None:
    """Put the draft to the project's own loader: a draft that it refuses would be a bug here."""
    from expectations import registry

    sound = Suite.model_validate(whole | ({"owner": "somebody"} if whole["owner"] == NOBODY else {}))
    registry.validate(sound, file_of(*name))


def _yaml(whole: dict[str, Any]) -> str:
    writer = YAML()
    writer.width = 150
    writer.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    writer.dump(whole, out)
    return out.getvalue()


def today() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)
