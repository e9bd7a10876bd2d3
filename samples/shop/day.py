"""A business day: its clock, its size, and the count of what it changed. Shared by traffic.py and late.py."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from psycopg2.extensions import cursor as Cursor

from samples.shop.load import TABLES

DEFAULT_SHARE = 0.005  # of all orders: how many new ones a day brings
# Late transactions hold locks while the day goes on, so they own the ids ending in 3 and the day leaves those alone.
LATE_DIGIT = 3
Params = dict[str, object]


@dataclass
class Tally:
    """Rows inserted, updated and deleted per table, cascades included."""

    counts: dict[str, dict[str, int]] = field(
        default_factory=lambda: {table: {"inserted": 0, "updated": 0, "deleted": 0} for table in TABLES}
    )

    def add(self, table: str, kind: str, rows: int) -> None:
        """Count `rows` more; `kind` is inserted, updated or deleted."""
        self.counts[table][kind] += rows

    def merge(self, other: "Tally") -> None:
        """Count all that `other` counted."""
        for table, kinds in other.counts.items():
            for kind, rows in kinds.items():
                self.add(table, kind, rows)


@dataclass(frozen=True)
class Day:
    """Day `number` (from 1) after the shop's reference date; `orders` new orders; all else follows from these."""

    number: int
    seed: int
    start: datetime
    orders: int

    def at(self, hours: float) -> datetime:
        """The instant so many hours into the day."""
        return self.start + timedelta(hours=hours)

    def some(self, per_order: float) -> int:
        """How many rows of a kind that happens `per_order` times per new order; at least one."""
        return max(1, round(self.orders * per_order))

    def rng(self, stream: int, state: int) -> np.random.Generator:
        """Random numbers fixed by seed, day, stream and the database's state (such as the next id)."""
        return np.random.default_rng([self.seed, self.number, stream, state])

    def params(self, **more: object) -> Params:
        """Query parameters: `salt` decides random orders in SQL, `start` is midnight UTC."""
        return {"salt": f":{self.seed}:{self.number}", "start": self.start, "digit": LATE_DIGIT, **more}


def open_day(cursor: Cursor, number: int, seed: int, orders: int | None) -> Day:
    """The day as this database needs it. Raises ValueError for a day before 1, no shop, or no orders in it."""
    if number < 1:
        raise ValueError(f"days count from 1, not {number}")
    cursor.execute("select obj_description(to_regclass('public.orders'), 'pg_class')")
    row = cursor.fetchone()
    if row is None or row[0] is None:
        raise ValueError("there is no sample shop in this database: load it first")
    cursor.execute("select count(*), max(placed_at) from orders")
    count, last = cursor.fetchone() or (0, None)
    if not count:
        raise ValueError("the sample shop has no orders")
    noted = re.search(r"reference=(\S+)", row[0])
    # The load's date is the fixed point: a day is the same date however often and in whatever order days are played.
    reference = datetime.fromisoformat(noted.group(1)).astimezone(UTC) if noted else last + timedelta(microseconds=1)
    if orders is not None and orders < 1:
        raise ValueError(f"orders must be at least 1, not {orders}")
    return Day(number, seed, reference + timedelta(days=number - 1), orders or max(4, round(count * DEFAULT_SHARE)))


def ids(cursor: Cursor, query: str, params: Params) -> list[int]:
    """The first column of a query's rows."""
    cursor.execute(query, params)
    return [row[0] for row in cursor.fetchall()]


def pick(cursor: Cursor, day: Day, table: str, key: str, where: str, count: int, about: str = "") -> list[int]:
    """Up to `count` ids at random (fixed by seed, day and `about`) of rows that no late transaction holds."""
    return ids(
        cursor,
        f"select {key} from {table} where {key} %% 10 <> %(digit)s and ({where}) "
        f"order by md5({key}::text || %(salt)s || %(about)s), {key} limit %(count)s",
        day.params(count=count, about=about),
    )


def new_ids(cursor: Cursor, table: str, column: str, count: int) -> list[int]:
    """`count` values of an identity column's sequence."""
    return ids(
        cursor,
        "select nextval(pg_get_serial_sequence(%(table)s, %(column)s)) from generate_series(1, %(count)s)",
        {"table": table, "column": column, "count": count},
    )


def change(cursor: Cursor, tally: Tally, kind: str, table: str, statement: str, params: Params) -> int:
    """Run one insert, update or delete and count its rows."""
    cursor.execute(statement, params)
    tally.add(table, kind, cursor.rowcount)
    return cursor.rowcount
