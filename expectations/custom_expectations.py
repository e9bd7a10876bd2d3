"""Checks of our own: what a table promises that its rows alone can't show. History, age, other tables, its model's contract.

Each is registered as a Great Expectations type, so that suites, verdicts and pages treat it as any other; it is answered by one
query of whoever can count the table's rows (`lakehouse.engines.dialect.Engine`).
"""

import re
import statistics
from abc import abstractmethod
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.row_conditions import RowConditionType
from pydantic.v1 import Field, StrictStr, validator

from expectations.compile.condition import same_where
from expectations.evidence import Evidence, UnableError
from lakehouse import values
from lakehouse.engines.catalog import unquoted
from lakehouse.engines.dialect import Engine, Types
from lakehouse.tables.types import one_name

_LAST = datetime.max.replace(tzinfo=UTC)


class CustomExpectation(BatchExpectation):  # type: ignore[misc]
    """A check of our own. `row_condition` is the suite's `where`."""

    row_condition: RowConditionType = None
    condition_parser: Literal["spark"] | None = None

    @abstractmethod
    def answer(self, evidence: Evidence) -> dict[str, Any]:
        """`success`, and Great Expectations' `result` fields beside it."""

    @abstractmethod
    def sentence(self) -> str:
        """What is expected, as a sentence."""

    def reads(self) -> tuple[str, ...]:
        """Other tables that the answer depends on."""
        return ()

    @property
    def where(self) -> str:
        """The suite's `where`, which Great Expectations has wrapped; "" for all rows."""
        return str(getattr(self.row_condition, "pass_through_filter", self.row_condition) or "")

    def _rows(self, engine: Engine, types: Types) -> str:
        if not self.where:
            return f"({engine.rows})"
        if not (engine.dialect.is_spark or same_where(self.where, types)):
            raise UnableError(self.where)
        return f"(select * from ({engine.rows}) where {self.where})"

    def _validate(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError("answered by the gate")


class Fresh(CustomExpectation):
    """The newest value of a column of times is not older than `within`: "36 hours", "2 days", "90 minutes"."""

    column: StrictStr = Field(min_length=1)
    within: StrictStr

    @validator("within")
    def _readable(cls, value: str) -> str:
        span(value)
        return value

    def sentence(self) -> str:
        return f"the newest {self.column} must not be older than {self.within}"

    def answer(self, evidence: Evidence) -> dict[str, Any]:
        kind = evidence.types.get(self.column, "string")
        if kind not in ("date", "timestamp", "timestamp_ntz", "string"):
            raise ValueError(f"{self.column} is a {kind}, not a time")
        [(seen,)] = evidence.ask(
            lambda engine: f"select {self._newest(engine, evidence.types)} from {self._rows(engine, evidence.types)}"
        )
        newest = values.nearest(seen)
        if newest is None:
            return {"success": False, "observed_value": "no value at all"}
        is_fresh = evidence.now - newest <= span(self.within)
        if is_fresh and newest < _LAST - span(self.within):
            evidence.until = min(filter(None, (evidence.until, newest + span(self.within))))
        told = seen if values.is_beyond(seen) else f"{newest.replace(tzinfo=None).isoformat(' ', 'seconds')} UTC"
        return {"success": is_fresh, "observed_value": f"{told}, {_age(evidence.now - newest)} old"}

    def _newest(self, engine: Engine, types: Types) -> str:
        newest = f"max({engine.dialect.column(self.column)})"
        return engine.dialect.as_time(newest) if types.get(self.column) == "string" else newest


class UsualRowCount(CustomExpectation):
    """As many rows as usual: what came (or by how much the table grew) lies in a band around the median of earlier verdicts.

    The band is `sigmas` robust deviations wide, and at least `slack` of the median (for growth: of the rows) on either side;
    before `least` verdicts it holds.
    """

    over: int = Field(30, ge=2)
    least: int = Field(5, ge=2)
    sigmas: float = Field(6, gt=0)
    slack: float = Field(0.1, ge=0)

    def sentence(self) -> str:
        return f"the number of rows must be as usual (median of the last {self.over} verdicts)"

    def answer(self, evidence: Evidence) -> dict[str, Any]:
        [(rows,)] = evidence.ask(lambda engine: f"select count(*) from {self._rows(engine, evidence.types)}")
        history = evidence.history[-self.over :]
        if len(history) < self.least:
            return {"success": True, "observed_value": f"{rows} rows; {len(history)} earlier verdicts are too few for a band"}
        low, high = self.band(history, evidence.is_pending)
        return {"success": low <= rows <= high, "observed_value": f"{rows} rows, usually {max(low, 0):.0f} to {high:.0f}"}

    def band(self, history: tuple[int, ...], is_pending: bool) -> tuple[float, float]:
        """Fewest and most rows that are usual after `history`."""
        steps = history if is_pending else [after - before for before, after in zip(history, history[1:], strict=False)]
        base = 0 if is_pending else history[-1]
        usual = statistics.median(steps)
        spread = 1.4826 * statistics.median(abs(step - usual) for step in steps)
        room = max(self.sigmas * spread, self.slack * (usual if is_pending else base), 1)
        return base + usual - room, base + usual + room


class ForeignKey(CustomExpectation):
    """Every value of `column` (or `column_list`, in turn) is a key of another table; rows in which one is null are not looked at."""

    column: StrictStr | None = Field(None, min_length=1)
    column_list: list[StrictStr] | None = Field(None, min_items=1)
    table: StrictStr = Field(min_length=1)
    to: list[StrictStr] | StrictStr | None = None
    table_where: StrictStr | None = Field(None, min_length=1)
    mostly: float = Field(1.0, gt=0, le=1)

    @validator("table", always=True)
    def _has_columns(cls, value: str, values: dict[str, Any]) -> str:
        if (values.get("column") is None) == (values.get("column_list") is None):
            raise ValueError("wants either column or column_list")
        return value

    @validator("to")
    def _as_many(cls, value: Any, values: dict[str, Any]) -> Any:
        if value is not None and len([value] if isinstance(value, str) else value) != len(values.get("column_list") or [""]):
            raise ValueError("must name as many columns as the key has")
        return value

    @property
    def key(self) -> list[str]:
        """Columns of the table that is judged."""
        return [str(self.column)] if self.column is not None else list(self.column_list or [])

    def sentence(self) -> str:
        return f"every {', '.join(self.key)} must be in {self.table}"

    def reads(self) -> tuple[str, ...]:
        return (self.table,)

    def answer(self, evidence: Evidence) -> dict[str, Any]:
        [(elements, missing, unexpected)] = evidence.ask(lambda engine: self._query(engine, evidence, "", counts=True))
        found: dict[str, Any] = {"element_count": elements, "missing_count": missing, "unexpected_count": unexpected}
        considered = elements - missing
        found["unexpected_percent"] = 100 * unexpected / considered if considered else 0.0
        success = not considered or (considered - unexpected) / considered >= self.mostly
        if not success:
            rows = evidence.ask(lambda engine: self._query(engine, evidence, " limit 5", counts=False))
            found["partial_unexpected_list"] = [row[0] if len(row) == 1 else list(row) for row in rows]
        return {"success": success, **found}

    def _query(self, engine: Engine, evidence: Evidence, tail: str, counts: bool) -> str:
        column = engine.dialect.column
        wanted = self.key if self.to is None else [self.to] if isinstance(self.to, str) else self.to
        kept = f" where {self.table_where}" if self.table_where else ""
        if self.table_where and not engine.dialect.is_spark:
            raise UnableError(self.table_where)
        parents = f"select distinct {', '.join(f'{column(name)} as k{n}' for n, name in enumerate(wanted))}, true as hit from ({evidence.rows_of(self.table, engine, 'living')}){kept}"
        child = f"select {', '.join(f'{column(name)} as c{n}' for n, name in enumerate(self.key))} from {self._rows(engine, evidence.types)}"
        join = " and ".join(f"c{n} = k{n}" for n in range(len(wanted)))
        null = " or ".join(f"c{n} is null" for n in range(len(wanted)))
        orphan = f"not ({null}) and hit is null"
        source = f"({child}) as child left join ({parents}) as parent on {join}"
        if counts:
            return f"select count(*), count(case when {null} then 1 end), count(case when {orphan} then 1 end) from {source}"
        return f"select distinct {', '.join(f'c{n}' for n in range(len(wanted)))} from {source} where {orphan} order by 1{tail}"


class Conserved(CustomExpectation):
    """No row is lost or made up on the way from bronze: batch by batch, as many keys here as there, each under its newest batch.

    Over all: bronze rows = rows here + rows that a later one of the same key superseded + rows in quarantine.
    """

    table: StrictStr = Field(min_length=1)
    key: list[StrictStr] = Field(min_items=1)

    def sentence(self) -> str:
        return f"every key of {self.table} must be here once, under its newest batch"

    def reads(self) -> tuple[str, ...]:
        return (self.table,)

    def answer(self, evidence: Evidence) -> dict[str, Any]:
        differing = evidence.ask(lambda engine: self._query(engine, evidence))
        [(rows, gated, keys)] = evidence.ask(lambda engine: self._totals(engine, evidence))
        told = f"{rows} rows there = {keys} keys + {gated - keys} superseded + {rows - gated} in quarantine"
        if not differing:
            return {"success": True, "observed_value": told}
        listed = "; ".join(f"batch {batch}: {there} there, {here} here" for batch, there, here in differing[:5])
        return {
            "success": False,
            "observed_value": f"{told}; {listed}",
            "unexpected_count": sum(abs(a - b) for _, a, b in differing),
        }

    def _newest(self, engine: Engine, evidence: Evidence) -> str:
        keys = ", ".join(map(engine.dialect.column, self.key))
        return f"select max(_batch_id) as batch from ({evidence.rows_of(self.table, engine, 'gated')}) group by {keys}"

    def _query(self, engine: Engine, evidence: Evidence) -> str:
        there = f"select batch, count(*) as there, 0 as here from ({self._newest(engine, evidence)}) group by batch"
        here = (
            f"select _batch_id as batch, 0 as there, count(*) as here from {self._rows(engine, evidence.types)} group by _batch_id"
        )
        sums = "cast(sum(there) as bigint) as there, cast(sum(here) as bigint) as here"
        return f"select batch, {sums} from ({there} union all {here}) group by batch having sum(there) <> sum(here) order by batch"

    def _totals(self, engine: Engine, evidence: Evidence) -> str:
        keys = f"select count(*) from ({self._newest(engine, evidence)})"
        there = evidence.rows_of(self.table, engine, "all"), evidence.rows_of(self.table, engine, "gated")
        return f"select {', '.join(f'(select count(*) from ({rows}))' for rows in there)}, ({keys})"


class SameAsContract(CustomExpectation):
    """The table's columns and types are those of its model's contract, no more and no less."""

    def sentence(self) -> str:
        return "columns and types must be those of the model's contract"

    def answer(self, evidence: Evidence) -> dict[str, Any]:
        if evidence.contract is None:
            raise ValueError("its model has no enforced contract: add one, or take the check out")
        wanted = {unquoted(name).lower(): one_name(kind) for name, kind in evidence.contract.items()}
        held = {name.lower(): one_name(kind) for name, kind in evidence.types.items()}
        odd = [f"{name} is missing" for name in wanted.keys() - held.keys()]
        odd += [f"{name} is not in the contract" for name in held.keys() - wanted.keys()]
        odd += [f"{name} is {held[name]}, not {kind}" for name, kind in wanted.items() if name in held and held[name] != kind]
        return {"success": not odd, "observed_value": "; ".join(sorted(odd)) or f"{len(held)} columns as declared"}


def span(text: str) -> timedelta:
    """`"36 hours"` as a span of time.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(minute|hour|day|week)s?", text.strip())
    if not found:
        raise ValueError(f"{text!r} is no span of time: wanted 90 minutes, 36 hours, 2 days or 1 week")
    return timedelta(**{f"{found[2]}s": float(found[1])})


def _age(age: timedelta) -> str:
    hours = age / timedelta(hours=1)
    return (
        f"{hours / 24:.1f} days" if abs(hours) >= 48 else f"{hours:.1f} hours" if abs(hours) >= 2 else f"{60 * hours:.0f} minutes"
    )


def answer(expectation: CustomExpectation, evidence: Evidence) -> tuple[dict[str, Any], str]:
    """`success` and result fields, and the reason why there is no answer, empty if there is one."""
    try:
        return expectation.answer(evidence), ""
    except Exception as error:  # the verdict is errored; the reason is for the user
        return {"success": False}, str(error).strip() or type(error).__name__


def tables_of(expectations: Iterable[object]) -> set[str]:
    """Other tables that the answers depend on."""
    return {table for each in expectations if isinstance(each, CustomExpectation) for table in each.reads()}
