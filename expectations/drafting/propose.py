"""Checks that a profile suggests. Pure: what was seen goes in, checks with their reasons come out; nothing is tighter than it makes sense."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

from expectations.drafting.profile import EMAIL, PATTERNS, TIMES, UUID, ColumnProfile, Profile
from lakehouse.engines.dialect import NUMERIC

Check = dict[str, Any]  # as it stands in a suite
_IDENTIFIER = re.compile(r"(^|_)(id|uuid|guid|key|code|sku|slug|number|no|ref)$", re.IGNORECASE)
_SHARE = re.compile(r"(^|_)(rate|share|ratio|fraction|probability)$", re.IGNORECASE)
_PERCENT = re.compile(r"(^|_)(pct|percent|percentage)$", re.IGNORECASE)
_CODES = re.compile(r"country|currency|language|locale|iso|airport|(^|_)code$", re.IGNORECASE)
_LATER = re.compile(r"due|expir|until|valid_to|^end|_end|ends|sched|plan|expect|estimat|eta$|next|deadline|renew", re.IGNORECASE)
_TOUCHED = re.compile(r"^(updated|modified|changed)")  # after the beginning, and before or after anything else
# The order in which things happen to a thing; a time of one line is not before one of an earlier line.
_LIFE = [
    re.compile(words)
    for words in (
        r"^(born|birth|created|inserted|registered|placed|ordered|opened|started|listed|begins?|starts?|valid_from)",
        r"^(paid|approved|confirmed)",
        r"^(shipped|sent|published)",
        r"^(delivered|received|arrived)",
        r"^(refunded|returned|closed|ended|finished|completed|deleted|cancelled|canceled|withdrawn|ends?|valid_to)",
    )
]


@dataclass(frozen=True)
class Subject:
    """The table that a suite is drafted for.

    Attributes:
        key: names a row; `key_from` says who says so.
        alive: condition of the rows that were profiled, if not all were: rows marked deleted keep few of their values.
    """

    layer: str
    table: str
    key: tuple[str, ...]
    key_from: str
    alive: str | None
    now: datetime


def checks(subject: Subject, seen: Profile) -> list[Check]:
    """What the rows suggest: keys first, then values, bounds, orders, age and volume."""
    columns = list(seen.columns.values())
    plain = [column for column in columns if not column.name.startswith("_") and column.name not in subject.key]
    found = [*_key(subject, seen), *_technical(subject, seen)]
    for column in plain:
        found += [each for each in (_filled(subject, seen, column), _unique(seen, column)) if each]
    for column in [*plain, *(seen.columns[name] for name in subject.key if name in seen.columns)]:
        found += [each for each in (_values(column), _shape(column), _bounds(column)) if each]
    found += [*_orders(plain), *_past(subject, seen, plain), *_age(subject, plain)]
    volume = f"{many(seen.rows)} today; learns from verdicts what is usual"
    found.append({"expect": "usual_row_count", "severity": "warning", "why": volume})
    return [_alive(subject, check) for check in found]


def _key(subject: Subject, seen: Profile) -> list[Check]:
    if not subject.key:
        return []
    why = f"key, {subject.key_from}: none twice in {many(seen.rows)}"
    filled = [
        _check("expect_column_values_to_not_be_null", name, f"part of the key: 0 nulls in {many(seen.rows)}")
        for name in subject.key
    ]
    if len(subject.key) == 1:
        return [*filled, _check("expect_column_values_to_be_unique", subject.key[0], why)]
    return [*filled, {"expect": "expect_compound_columns_to_be_unique", "column_list": list(subject.key), "why": why}]


def _technical(subject: Subject, seen: Profile) -> list[Check]:
    names = [name for name in ("_batch_id", "_ingested_at", "_is_deleted") if name in seen.columns]
    names = [name for name in names if seen.columns[name].filled == seen.rows]
    found = [_check("expect_column_values_to_not_be_null", name, f"0 nulls in {many(seen.rows)}") for name in names]
    if subject.layer != "bronze":
        return found
    if "_op" in seen.columns:
        said = "living rows were read whole or changed; deletions are not judged"
        found.append(_check("expect_column_values_to_be_in_set", "_op", said, value_set=["r", "u"]))
    if "_flags" in seen.columns:
        said = f"{many(seen.columns['_flags'].filled)} with a flag: a flag marks a value that could not be copied exactly"
        found.append(_check("expect_column_values_to_be_null", "_flags", said, severity="warning"))
    return found


def _filled(subject: Subject, seen: Profile, column: ColumnProfile) -> Check | None:
    if column.filled < seen.rows:
        return None
    return _check("expect_column_values_to_not_be_null", column.name, f"0 nulls in {many(seen.rows)}")


def _unique(seen: Profile, column: ColumnProfile) -> Check | None:
    # The count of different values is about right, so this is asked exactly before it is written.
    if not is_identifier(column) or column.filled < seen.rows or column.distinct < 0.7 * column.filled or column.filled < 2:
        return None
    return _check("expect_column_values_to_be_unique", column.name, f"none twice in {many(column.filled)}")


def is_identifier(column: ColumnProfile) -> bool:
    """Whether a column is named as what identifies something."""
    return bool(_IDENTIFIER.search(column.name)) and column.kind in (*NUMERIC[:4], "string")


def _values(column: ColumnProfile) -> Check | None:
    iso = bool(_CODES.search(column.name)) and _matches_all(column, *list(PATTERNS.values())[2:])
    if not column.codes or iso:
        return None
    said = f"{len(column.codes)} values in {many(column.filled)}; add what may come"
    return _check("expect_column_values_to_be_in_set", column.name, said, value_set=list(column.codes))


def _matches_all(column: ColumnProfile, *patterns: str) -> str | None:
    return next((regex for regex in patterns if column.filled and column.matching.get(regex) == column.filled), None)


def _shape(column: ColumnProfile) -> Check | None:
    """A regular expression or a length, where it is evident."""
    name, expect = column.name, "expect_column_values_to_match_regex"
    regex = _matches_all(column, UUID) or (_matches_all(column, *list(PATTERNS.values())[2:]) if _CODES.search(name) else None)
    if regex:
        what = next(what for what, each in PATTERNS.items() if each == regex)
        return _check(expect, name, f"{what} in all of {many(column.filled)}", regex=regex)
    matching = column.matching.get(EMAIL, 0)
    if column.filled and matching >= 0.99 * column.filled:
        why = f"an e-mail address in {many(matching)} of {many(column.filled)}"
        return _check(expect, name, why, regex=EMAIL, mostly=0.99, severity="warning")
    # Texts of one length are codes if there are many of them: a short list of words may have one by chance.
    if column.shortest and column.shortest == column.longest and column.shortest >= 4 and column.distinct >= 50:
        why = f"{column.shortest} characters in all of {many(column.filled)}"
        size = {"min_value": column.shortest, "max_value": column.longest, "severity": "warning"}
        return _check("expect_column_value_lengths_to_be_between", name, why, **size)
    return None


def _bounds(column: ColumnProfile) -> Check | None:
    low, high = column.low, column.high
    if column.kind not in NUMERIC or is_identifier(column) or column.nan or low is None or high is None:
        return None
    for pattern, least, most in (
        (_SHARE, 0, 1),
        (_PERCENT, 0, 100),
        (r"^lat(itude)?$", -90, 90),
        (r"^(lon|lng|long|longitude)$", -180, 180),
    ):
        if re.search(pattern, column.name) and least <= low and high <= most:
            why = f"all of {many(column.filled)} are from {least} to {most}"
            return _check("expect_column_values_to_be_between", column.name, why, min_value=least, max_value=most)
    if low < 0:
        return None
    return _check("expect_column_values_to_be_between", column.name, f"none of {many(column.filled)} is negative", min_value=0)


def _orders(columns: Sequence[ColumnProfile]) -> list[Check]:
    times = [(_stage(column.name), column) for column in columns if column.kind in TIMES and column.filled]
    known = sorted(((stage, column) for stage, column in times if stage is not None), key=lambda each: each[0])
    pairs = [(one, other) for (a, one), (b, other) in combinations(known, 2) if a < b]
    touched = [column for column in columns if column.kind in TIMES and column.filled and _TOUCHED.search(column.name)]
    pairs += [(one, other) for stage, one in known if stage == 0 for other in touched]
    found = []
    for one, other in pairs:
        if one.kind == other.kind:
            found.append(
                {
                    "expect": "expect_column_pair_values_a_to_be_greater_than_b",
                    "column_A": other.name,
                    "column_B": one.name,
                    "or_equal": True,
                    "ignore_row_if": "either_value_is_missing",
                    "severity": "warning",
                    "why": f"never the other way round in {many(min(one.filled, other.filled))} at most",
                }
            )
    return found


def _stage(name: str) -> int | None:
    """A place in the life of a thing; None for times that say nothing of it."""
    return next((stage for stage, words in enumerate(_LIFE) if words.search(name)), None)


def _past(subject: Subject, seen: Profile, columns: Sequence[ColumnProfile]) -> list[Check]:
    """Times that should not lie in the future: not after the row was copied, or not after tomorrow where that is not known."""
    times = [column for column in columns if column.kind in TIMES and column.newest and not _LATER.search(column.name)]
    past = [column for column in times if column.newest and column.newest <= subject.now]
    copied = seen.columns.get("_ingested_at")
    known = copied.kind if copied and copied.filled == seen.rows else None
    found: list[Check] = []
    for column in past:
        if column.kind == known:
            pair = {
                "column_A": "_ingested_at",
                "column_B": column.name,
                "or_equal": True,
                "ignore_row_if": "either_value_is_missing",
            }
            why = f"none of {many(column.filled)} is later than its copy"
            found.append({"expect": "expect_column_pair_values_a_to_be_greater_than_b", **pair, "severity": "warning", "why": why})
    if others := [column for column in past if column.kind != known]:  # one query for all: it costs a job of Spark's
        quoted = ["`" + column.name.replace("`", "``") + "`" for column in others]
        later = " or ".join(f"{name} > current_timestamp() + interval 1 day" for name in quoted)
        why = f"{', '.join(column.name for column in others)}: none lies in the future in {many(max(column.filled for column in others))}"
        query = f"select * from {{batch}} where {later}"
        found.append({"expect": "unexpected_rows_expectation", "unexpected_rows_query": query, "severity": "warning", "why": why})
    return found


def _age(subject: Subject, columns: Sequence[ColumnProfile]) -> list[Check]:
    """Freshness by the time that ends last, if that was in the last week."""
    times = [
        (column.newest, column.name)
        for column in columns
        if column.kind in TIMES and column.newest and not _LATER.search(column.name)
    ]
    recent = [each for each in times if timedelta(0) <= subject.now - each[0] <= timedelta(days=7)]
    if not recent:
        return []
    newest, name = max(recent)
    days = max(2, math.ceil(4 * ((subject.now - newest) / timedelta(days=1))))  # four times as old as now, and at least two days
    why = f"the newest is {_hours(subject.now - newest)} old; say how late is too late"
    return [_check("fresh", name, why, within=f"{days} days", severity="warning")]


def _hours(age: timedelta) -> str:
    hours = age / timedelta(hours=1)
    return f"{hours:.0f} hours" if hours >= 2 else f"{60 * hours:.0f} minutes"


def _alive(subject: Subject, check: Check) -> Check:
    """The check put to the rows that were profiled; keys, technical columns and volume concern all."""
    named = [check.get("column"), check.get("column_B"), *check.get("column_list", [])]
    business = any(name and not name.startswith("_") and name not in subject.key for name in named)
    if not (subject.alive and business) or check["expect"] == "fresh":
        return check
    why = check.pop("why")
    return check | {"where": subject.alive, "why": why}


def _check(expect: str, column: str, why: str, **more: Any) -> Check:
    return {"expect": expect, "column": column, **more, "why": why}


def many(rows: int) -> str:
    """`1 row`, `2 000 rows`."""
    return f"{rows:,} row{'' if rows == 1 else 's'}".replace(",", " ")
