"""What a PostgreSQL database holds and may be read of it: tables, keys, columns, sizes, usable cursors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from psycopg2.extensions import connection as Connection

from ingestion.bronze.columns import SourceColumn
from lakehouse.engines.standard import quote

Sizes = Mapping[int, tuple[int, int]]
CURSOR_NAMES = ("updated_at", "modified_at", "last_modified", "last_updated", "last_update", "changed_at", "update_time")


@dataclass(frozen=True)
class Leaf:
    """Storage that can be read by ctid: the table itself, a partition of it, or a child that inherits from it."""

    schema: str
    name: str
    pages: int
    has_ctid: bool  # heap tables and materialised views have; foreign tables have not
    oid: int = 0
    node: int = 0  # the file on disk: another one after a rewrite or a truncate
    toast_pages: int = 0  # of values too large for a page
    readable: bool = True  # by itself; a partition may be so through its root alone
    covers: "tuple[Leaf, ...]" = ()  # what is read with it, of the table as a whole

    @property
    def sql(self) -> str:
        """As it stands in a FROM clause; `only` keeps inheritance children out."""
        return ("only " if self.has_ctid and not self.covers else "") + quote(self.schema, self.name)


@dataclass(frozen=True)
class PostgresTable:
    """A relation of the source.

    Attributes:
        kind: r table, p partitioned, m materialised view, v view, f foreign table.
        readable: whether its rows may be read, all or some of the columns.
        leaves: its storage, partitions and inheritance children included; not compared.
        hidden: columns that this user may not read.
        populated: False for a materialised view that was never refreshed.
        secured: whether row security would keep rows from this user.
        parents: labels of the tables that show its rows as theirs, by inheritance.
        indexed: columns that an index begins with.
    """

    schema: str
    name: str
    kind: str
    row_estimate: int
    readable: bool
    key: tuple[str, ...]
    columns: tuple[SourceColumn, ...]
    leaves: tuple[Leaf, ...] = field(default=(), compare=False)
    hidden: tuple[str, ...] = ()
    populated: bool = True
    secured: bool = False
    parents: tuple[str, ...] = ()
    indexed: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """`schema.table`, as people write it."""
        return f"{self.schema}.{self.name}"

    @property
    def sql(self) -> str:
        """As it stands in a FROM clause where it is read in one piece."""
        return quote(self.schema, self.name)

    @property
    def inherited(self) -> bool:
        """Whether other tables' rows show in it. Its keys hold in each of them alone."""
        return self.kind == "r" and len(self.leaves) > 1

    @property
    def has_xmin(self) -> bool:
        """Whether every row version names the transaction that wrote it."""
        return self.kind in "rp" and all(leaf.has_ctid for leaf in self.leaves) and not self.hidden

    @property
    def parts(self) -> tuple[Leaf, ...]:
        """What is read one by one: each leaf, or all through the root where some can't be read by themselves."""
        if self.kind not in "rpm":
            return ()
        if not self.hidden and all(leaf.readable for leaf in self.leaves):
            return self.leaves
        deepest = max((leaf.pages for leaf in self.leaves), default=0)
        by_ctid = not self.hidden and all(leaf.has_ctid for leaf in self.leaves)  # system columns are not granted by the column
        toast = sum(leaf.pages + leaf.toast_pages for leaf in self.leaves) - deepest
        return (Leaf(self.schema, self.name, deepest, by_ctid, toast_pages=toast, covers=self.leaves),)

    @property
    def cursors(self) -> list[str]:
        """Columns that look as if the application stamped changes with them, and say in which moment."""
        times = {column.name for column in self.columns if column.type_name == "timestamptz" and not column.is_array}
        return [name for name in CURSOR_NAMES if name in times]

    @property
    def zoneless(self) -> list[str]:
        """As `cursors`, but somebody must say whose clock fills them."""
        times = {column.name for column in self.columns if column.type_name == "timestamp" and not column.is_array}
        return [name for name in CURSOR_NAMES if name in times]

    def sized(self, sizes: "Sizes") -> "PostgresTable":
        """The same with the sizes of its storage."""
        fresh = ((leaf, *sizes.get(leaf.oid, (leaf.pages, leaf.toast_pages))) for leaf in self.leaves)
        return replace(self, leaves=tuple(replace(leaf, pages=pages, toast_pages=toast) for leaf, pages, toast in fresh))

    def column(self, name: str) -> SourceColumn | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)


_RELATIONS = """
select c.oid, n.nspname, c.relname, c.relkind, greatest(c.reltuples, 0)::bigint,
       has_schema_privilege(n.oid, 'usage') and has_any_column_privilege(c.oid, 'select'),
       c.relispopulated, row_security_active(c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm', 'v', 'f') and not c.relispartition and c.relpersistence <> 't'
  and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by n.nspname, c.relname
"""

# Domains are followed down to their base type; its modifier is the innermost one that is set. A type that somebody made may
# have the name of one of PostgreSQL's own: it goes by its schema.
_COLUMNS = """
with recursive base(attrelid, attnum, attname, attnotnull, attndims, typid, typmod) as (
    select a.attrelid, a.attnum, a.attname, a.attnotnull, a.attndims::int, a.atttypid, a.atttypmod
    from pg_attribute a where a.attrelid = any (%s) and a.attnum > 0 and not a.attisdropped
    union all
    select b.attrelid, b.attnum, b.attname, b.attnotnull, greatest(b.attndims, t.typndims)::int, t.typbasetype,
           case when t.typtypmod >= 0 then t.typtypmod else b.typmod end
    from base b join pg_type t on t.oid = b.typid where t.typtype = 'd'
)
select b.attrelid, has_column_privilege(b.attrelid, b.attnum, 'select'), b.attname,
       case when coalesce(e.typnamespace, t.typnamespace) <> 'pg_catalog'::regnamespace then n.nspname || '.' else '' end
       || coalesce(e.typname, t.typname), b.typmod, e.oid is not null, b.attndims, not b.attnotnull, b.attnum
from base b join pg_type t on t.oid = b.typid and t.typtype <> 'd'
left join pg_type e on e.oid = t.typelem and e.typarray = t.oid and t.typcategory = 'A' and t.typlen = -1 and e.typtype <> 'd'
join pg_namespace n on n.oid = coalesce(e.typnamespace, t.typnamespace)
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

_INDEXED = """
select i.indrelid, a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
where i.indrelid = any (%s) and i.indisvalid and i.indpred is null
"""

# What values read as beyond what is stored: an enum's labels, a composite's attributes, the expression of a virtual column.
_MAKEUP = """
with recursive base(attrelid, attname, typid) as (
    select a.attrelid, a.attname, a.atttypid from pg_attribute a where a.attrelid = any (%s) and a.attnum > 0 and not a.attisdropped
    union
    select b.attrelid, b.attname, x.typid from base b join pg_type t on t.oid = b.typid cross join lateral (
        select t.typbasetype where t.typtype = 'd' union all select t.typelem where t.typcategory = 'A' and t.typelem <> 0
        union all select a.atttypid from pg_attribute a
        where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped) x(typid)
)
select b.attrelid, b.attname, 'label ' || e.oid, e.enumlabel::text from base b join pg_enum e on e.enumtypid = b.typid
union all
select b.attrelid, b.attname, 'attribute ' || a.attrelid || '.' || a.attnum, format_type(a.atttypid, a.atttypmod)
from base b join pg_type t on t.oid = b.typid and t.typtype = 'c'
join pg_attribute a on a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
union all
select a.attrelid, a.attname, 'expression', md5(d.adbin::text) from pg_attribute a
join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum where a.attrelid = any (%s) and a.attgenerated = 'v'
"""

_PARENTS = """
select i.inhrelid, n.nspname || '.' || c.relname from pg_inherits i join pg_class c on c.oid = i.inhparent
join pg_namespace n on n.oid = c.relnamespace where i.inhrelid = any (%s) order by i.inhseqno
"""

# Sizes come later (`sizes`): PostgreSQL locks a table to tell its own, and who can't be locked would hold up all others.
_LEAVES = """
with recursive tree(root, oid) as (
    select oid, oid from pg_class where oid = any (%s)
    union
    select t.root, i.inhrelid from tree t join pg_inherits i on i.inhparent = t.oid
)
select t.root, n.nspname, c.relname, c.relpages::bigint, c.relkind in ('r', 'm'), c.oid::bigint,
       c.relfilenode::bigint, 0,
       has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') and not row_security_active(c.oid)
from tree t join pg_class c on c.oid = t.oid join pg_namespace n on n.oid = c.relnamespace
where c.relkind <> 'p' and c.relpersistence <> 't' order by n.nspname, c.relname
"""

_SIZES = """
select c.oid::bigint, coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int,
       case when c.reltoastrelid <> 0 then coalesce(pg_relation_size(c.reltoastrelid), 0) / current_setting('block_size')::int else 0 end
from pg_class c where c.oid = any (%s::oid[]) and c.relkind in ('r', 'm')
"""


def discover(source: Connection) -> list[PostgresTable]:
    """Every relation outside the system's schemas, by name; partitions stand under their root. Sizes are the last VACUUM's."""
    with source.cursor() as cursor:
        cursor.execute(_RELATIONS)
        relations = cursor.fetchall()
        oids = [row[0] for row in relations]
        columns = _grouped(cursor, _COLUMNS, oids)
        keys = {row[0]: tuple(row[1]) for row in _rows(cursor, _KEYS, oids)}
        makeup: dict[tuple[int, str], dict[str, str]] = {}
        for oid, column, name, value in _rows(cursor, _MAKEUP, oids):
            makeup.setdefault((oid, column), {})[name] = value
        indexed, parents, leaves = (_grouped(cursor, statement, oids) for statement in (_INDEXED, _PARENTS, _LEAVES))
    found = []
    for oid, schema, name, kind, estimate, readable, populated, secured in relations:
        shown = tuple(
            replace(SourceColumn(*row), makeup=makeup.get((oid, row[0]), {})) for allowed, *row in columns.get(oid, []) if allowed
        )
        hidden = tuple(row[1] for row in columns.get(oid, []) if not row[0])
        key = keys.get(oid, ())
        table = PostgresTable(
            schema=schema,
            name=name,
            kind=kind,
            row_estimate=estimate,
            readable=readable,
            key=() if set(key) & set(hidden) else key,
            columns=shown,
            leaves=tuple(Leaf(*row) for row in leaves.get(oid, [])),
            hidden=hidden,
            populated=populated,
            secured=secured,
            parents=tuple(row[0] for row in parents.get(oid, [])),
            indexed=frozenset(row[0] for row in indexed.get(oid, [])),
        )
        found.append(replace(table, key=()) if table.inherited else table)
    return found


def sizes(source: Connection, tables: Sequence[PostgresTable]) -> Sizes:
    """Pages of the storage of `tables` now, by oid: of the heap, and of values too large for it.

    Raises:
        psycopg2.Error: some other session has locked one.
    """
    with source.cursor() as cursor:
        cursor.execute(_SIZES, ([leaf.oid for table in tables for leaf in table.leaves],))
        return {oid: (pages, toast) for oid, pages, toast in cursor.fetchall()}


def _rows(cursor, statement: str, oids: list[int]) -> list[tuple]:  # type: ignore[no-untyped-def,type-arg]
    cursor.execute(statement.replace("any (%s)", "any (%(oids)s::oid[])"), {"oids": oids})
    found: list[tuple] = cursor.fetchall()  # type: ignore[type-arg]
    return found


def _grouped(cursor, statement: str, oids: list[int]) -> dict[int, list[tuple]]:  # type: ignore[no-untyped-def,type-arg]
    result: dict[int, list[tuple]] = {}  # type: ignore[type-arg]
    for oid, *rest in _rows(cursor, statement, oids):
        result.setdefault(oid, []).append(tuple(rest))
    return result
