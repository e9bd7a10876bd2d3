"""Watermarks under concurrent writers: a thousand random interleavings on a real PostgreSQL, and a naive cursor as the control.

Writers are connections that begin, write, wait, commit or roll back in an order that chance decides; between their steps a
reader takes what its window gives. At the end bronze (a dict by key) must be what the table is.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from ingestion.sources.postgres.connect import Source
from ingestion.sources.postgres.snapshot import take_snapshot
from ingestion.sources.postgres.window import Snapshot, Window, condition, next_window

ROUNDS = 1000
_WRITERS = 3
_KEYS = 6
Row = tuple[int, int, Any]


class Reader:
    """Takes increments as ingestion does: one snapshot, the window's condition, an upsert by key."""

    def __init__(self, dsn: str, cursor: str) -> None:
        self.connection: Source = psycopg2.connect(dsn, connection_factory=Source)
        self.cursor, self.seen, self.rows, self.batches = cursor, None, {}, 0  # type: ignore[var-annotated]

    def take(self) -> None:
        snapshot = take_snapshot(self.connection)
        self.batches += 1
        where = self.where(snapshot)
        with self.connection.cursor() as cursor:
            cursor.execute(f"select id, v, updated_at from public.t {'where ' + where if where else ''}")
            for row in cursor.fetchall():
                self.rows[row[0]] = row
            self.advance(snapshot)
            cursor.execute("select id from public.t")  # what a key comparison sees
            alive = {row[0] for row in cursor.fetchall()}
        self.rows = {key: row for key, row in self.rows.items() if key in alive}
        self.connection.rollback()

    def where(self, snapshot: Snapshot) -> str:
        return condition(self.seen, nullable=False) if self.seen else ""

    def advance(self, snapshot: Snapshot) -> None:
        self.seen: Window | None = next_window(self.batches, self.cursor, snapshot, self.seen)


class Naive(Reader):
    """What people write first: everything beyond the greatest timestamp that was seen."""

    def where(self, snapshot: Snapshot) -> str:
        greatest = max((row[2] for row in self.rows.values()), default=None)
        return f"updated_at > '{greatest}'" if greatest else ""

    def advance(self, snapshot: Snapshot) -> None:
        pass


def steps(writer: Connection, chance: random.Random) -> Iterator[None]:
    """A transaction, one statement at a time; stamps are `now()`, the transaction's start, as applications do."""
    with writer.cursor() as cursor:
        cursor.execute("select now()")  # it is begun, and has its timestamp, though it has written nothing
        yield
        for _ in range(chance.randint(1, 3)):
            key, value = chance.randrange(_KEYS), chance.randrange(1000)
            # No two transactions wait for each other: a key whose row another one holds is passed over.
            cursor.execute("select pg_try_advisory_xact_lock(%s)", (key,))
            if cursor.fetchone() == (True,):
                kind = chance.random()
                if kind < 0.2:
                    cursor.execute("delete from t where id = %s", (key,))
                else:
                    cursor.execute(
                        "insert into t values (%s, %s, now()) on conflict (id) do update set v = excluded.v, updated_at = now()",
                        (key, value),
                    )
            yield
    if chance.random() < 0.2:
        writer.rollback()
    else:
        writer.commit()


def play(seed: int, writers: list[Connection], takes: list[Callable[[], None]]) -> None:
    chance = random.Random(seed)
    running = [steps(writer, chance) for writer in writers]
    while running:
        if chance.random() < 0.25:
            for take in takes:
                take()
        picked = chance.choice(running)
        if next(picked, "done") == "done":
            running.remove(picked)


def test_no_interleaving_loses_a_row_and_a_naive_cursor_loses_some(fresh_database: str) -> None:
    lost = {"xmin": 0, "updated_at": 0, "naive": 0}
    with ExitStack() as stack:
        opened = [stack.enter_context(closing(psycopg2.connect(fresh_database))) for _ in range(_WRITERS)]
        admin = stack.enter_context(closing(psycopg2.connect(fresh_database)))
        admin.autocommit = True
        admin.cursor().execute("create table t(id int primary key, v int, updated_at timestamptz)")
        readers = {
            "xmin": Reader(fresh_database, "xmin"),
            "updated_at": Reader(fresh_database, "updated_at"),
            "naive": Naive(fresh_database, ""),
        }
        for reader in readers.values():
            stack.enter_context(closing(reader.connection))
        for seed in range(ROUNDS):
            play(seed, opened, [reader.take for reader in readers.values()])
            for name, reader in readers.items():
                reader.take()
                lost[name] += reader.rows != truth(admin)
            admin.cursor().execute("truncate t") if seed % 50 == 49 else None
            readers["naive"].rows = truth(admin)  # or one loss would be counted ever after
    assert (lost["xmin"], lost["updated_at"]) == (0, 0)
    assert lost["naive"] > 10, "the control must lose rows, or these interleavings prove nothing"


def truth(admin: Connection) -> dict[int, Row]:
    with admin.cursor() as cursor:
        cursor.execute("select id, v, updated_at from t")
        return {row[0]: row for row in cursor.fetchall()}


def test_ties_at_the_boundary_are_taken(fresh_database: str) -> None:
    with closing(psycopg2.connect(fresh_database)) as writer, closing(psycopg2.connect(fresh_database)) as other:
        writer.autocommit = True
        writer.cursor().execute("create table t(id int primary key, v int, updated_at timestamptz)")
        reader = Reader(fresh_database, "updated_at")
        with closing(reader.connection), other.cursor() as cursor:
            cursor.execute("select now()")  # the oldest transaction: its start is the boundary
            reader.take()
            assert reader.seen is not None
            cursor.execute("insert into t values (1, 1, now())")
            writer.cursor().execute(f"insert into t values (2, 2, '{reader.seen.since}')")
            other.commit()
            reader.take()
            assert sorted(reader.rows) == [1, 2]
