"""What a PostgreSQL database holds and may be read of it: tables, keys, columns, sizes, usable cursors."""

from dataclasses import dataclass, field

from psycopg2.extensions import connection as Connection

from ingestion.postgres.types import Column, quote

CURSOR_NAMES = ("updated_at", "modified_at", "last_modified", "last_updated", "last_update", "changed_at", "update_time")


@dataclass(frozen=True)
class Leaf:
    """Storage that can be read by ctid: the table itself, or a partition of it."""

    schema: str
    name: str
    pages: int
    has_ctid: bool  # heap tables and materialised views have; foreign tables have not
    oid: int = 0
    node: int = 0  # the file on disk: another one after a rewrite or a truncate
    toast_pages: int = 0  # of values too large for a page

    @property
    def sql(self) -> str:
        """As it stands in a FROM clause; `only` keeps inheritance children out."""
        return ("only " if self.has_ctid else "") + quote(self.schema, self.name)


@dataclass(frozen=True)
class Table:
    """A relation of the source."""

    schema: str
    name: str
    kind: str  # r table, p partitioned, m materialised view, v view, f foreign table
    row_estimate: int
    readable: bool
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    leaves: tuple[Leaf, ...] = field(default=(), compare=False)

    @property
    def label(self) -> str:
        """`schema.table`, as people write it."""
        return f"{self.schema}.{self.name}"

    @property
    def sql(self) -> str:
        """As it stands in a FROM clause where it is read in one piece."""
        return quote(self.schema, self.name)

    @property
    def has_xmin(self) -> bool:
        """Whether every row version names the transaction that wrote it."""
        return self.kind in "rp" and all(leaf.has_ctid for leaf in self.leaves)

    @property
    def cursors(self) -> list[str]:
        """Columns that look as if the application stamped changes with them."""
        times = {column.name for column in self.columns if column.type_name.startswith("timestamp") and not column.is_array}
        return [name for name in CURSOR_NAMES if name in times]


_RELATIONS = """
select c.oid, n.nspname, c.relname, c.relkind, greatest(c.reltuples, 0)::bigint,
       has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm', 'v', 'f') and not c.relispartition and c.relpersistence <> 't'
  and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by n.nspname, c.relname
"""

# Domains are followed down to their base type; its modifier is the innermost one that is set.
_COLUMNS = """
with recursive base(attrelid, attnum, attname, attnotnull, attndims, typid, typmod) as (
    select a.attrelid, a.attnum, a.attname, a.attnotnull, a.attndims::int, a.atttypid, a.atttypmod
    from pg_attribute a where a.attrelid = any (%s) and a.attnum > 0 and not a.attisdropped
    union all
    select b.attrelid, b.attnum, b.attname, b.attnotnull, greatest(b.attndims, t.typndims)::int, t.typbasetype,
           case when t.typtypmod >= 0 then t.typtypmod else b.typmod end
    from base b join pg_type t on t.oid = b.typid where t.typtype = 'd'
)
select b.attrelid, b.attname, coalesce(e.typname, t.typname), b.typmod, e.oid is not null, b.attndims, not b.attnotnull,
       b.attnum
from base b join pg_type t on t.oid = b.typid and t.typtype <> 'd'
left join pg_type e on e.oid = t.typelem and t.typcategory = 'A' and t.typlen = -1 and e.typtype <> 'd'
order by b.attrelid, b.attnum
"""

# The primary key, else the narrowest unique index over columns that can't be null.
_KEYS = """
select distinct on (i.indrelid) i.indrelid,
       (select array_agg(a.attname::text order by k.n) from unnest(i.indkey::int2[]) with ordinality k(attnum, n)
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum where k.n <= i.indnkeyatts)
from pg_index i
where i.indrelid = any (%s) and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null and i.indimmediate
  and not exists (select from unnest(i.indkey::int2[]) with ordinality k(attnum, n)
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
        where k.n <= i.indnkeyatts and not a.attnotnull)
order by i.indrelid, i.indisprimary desc, i.indnkeyatts, i.indexrelid
"""

_LEAVES = """
with recursive tree(root, oid) as (
    select oid, oid from pg_class where oid = any (%s)
    union all
    select t.root, i.inhrelid from tree t join pg_class c on c.oid = t.oid and c.relkind = 'p'
    join pg_inherits i on i.inhparent = t.oid
)
select t.root, n.nspname, c.relname, c.relkind, c.oid::bigint, coalesce(pg_relation_filenode(c.oid), 0)::bigint,
       case when c.relkind in ('r', 'm') then pg_relation_size(c.oid) / current_setting('block_size')::int else 0 end,
       case when c.reltoastrelid <> 0 then pg_relation_size(c.reltoastrelid) / current_setting('block_size')::int else 0 end
from tree t join pg_class c on c.oid = t.oid join pg_namespace n on n.oid = c.relnamespace
where c.relkind <> 'p' order by n.nspname, c.relname
"""


def discover(source: Connection) -> list[Table]:
    """Every relation outside the system's schemas, by name; partitions stand under their root."""
    with source.cursor() as cursor:
        cursor.execute(_RELATIONS)
        relations = cursor.fetchall()
        oids = [row[0] for row in relations]
        columns = _grouped(cursor, _COLUMNS, oids)
        keys = {row[0]: tuple(row[1]) for row in _rows(cursor, _KEYS, oids)}
        leaves = _grouped(cursor, _LEAVES, oids)
    return [
        Table(
            schema, name, kind, estimate, readable, keys.get(oid, ()),
            tuple(Column(*row) for row in columns.get(oid, [])),
            tuple(Leaf(schema_, leaf, pages, of in "rm", id_, node, toast)
                  for schema_, leaf, of, id_, node, pages, toast in leaves.get(oid, [])),
        )
        for oid, schema, name, kind, estimate, readable in relations
    ]  # fmt: skip


def _rows(cursor, statement: str, oids: list[int]) -> list[tuple]:  # type: ignore[no-untyped-def,type-arg]
    cursor.execute(statement.replace("any (%s)", "any (%s::oid[])"), (oids,))
    found: list[tuple] = cursor.fetchall()  # type: ignore[type-arg]
    return found


def _grouped(cursor, statement: str, oids: list[int]) -> dict[int, list[tuple]]:  # type: ignore[no-untyped-def,type-arg]
    result: dict[int, list[tuple]] = {}  # type: ignore[type-arg]
    for oid, *rest in _rows(cursor, statement, oids):
        result.setdefault(oid, []).append(tuple(rest))
    return result
