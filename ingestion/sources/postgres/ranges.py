"""How a table is cut: into ranges of pages (ctid) that cost about the same to read, and these into lanes."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from psycopg2.extensions import connection as Connection

from ingestion.sources.postgres.discover import Leaf, PostgresTable
from lakehouse.engines.standard import quote

RANGE_PAGES = 8192  # 64 MB as PostgreSQL stores it: a file of about 16 to 64 MB, and enough ranges to balance

# What a row costs whatever is in it, in bytes that cost as much. With it the ranges of the benchmark's skewed table take the same
# time within a fifth, but for the first of each lane.
_ROW = 100
_PROBES = 8  # for each range: a table may be dense here and empty there
_PROBED = 8  # pages each
_MOST = 512  # probes altogether: 32 MB, however large the table is
_TERMS = 20_000  # sizes that the probing statement adds up: a table of a thousand columns gets few probes
_FOUND = 1_000_000  # rows that one piece fetches by an index

Place = tuple[int, int]  # page and number of the row in it, from 1 on
Span = tuple[Place, Place | None]
_ROWS = 1200  # more than a page has: 291 of 8 kB, 1169 of 32 kB

Piece = tuple[int, int | None, int]  # first page, first page of the next piece or None, share of the work in pages


def cut(source: Connection, table: PostgresTable, leaf: Leaf) -> list[Piece]:
    """Ranges that cost about the same: by what a few pages all over the table hold, not by their number.

    Pages that deletes left empty cost nothing, rows with large values (TOAST) more than their pages tell.

    Returns:
        (first page, first page of the next range or None, its share of the whole in pages), without gap or overlap.
    """
    count = -(-(leaf.pages + leaf.toast_pages) // RANGE_PAGES)
    if count < 2 or not leaf.pages:
        return [(0, None, leaf.pages + leaf.toast_pages)]
    most = min(_MOST, max(1, _TERMS // len(table.columns)) if table.columns else _MOST)
    probes = min(most, _PROBES * count, max(1, leaf.pages // _PROBED))
    pieces = even(_probe(source, table, leaf, probes), leaf.pages, count)
    return [(first, end, (leaf.pages + leaf.toast_pages) // len(pieces)) for first, end in pieces]


def cut_window(source: Connection, leaf: Leaf, where: str, most: int) -> list[Piece]:
    """Pieces for rows that a condition picks: few, since each is a file, and an index is gone through once for each.

    Args:
        most: pieces where all pages must be looked through.
    """
    if leaf.pages <= RANGE_PAGES:
        return [(0, None, leaf.pages)]
    found = _by_index(source, leaf, where)
    count = min(-(-leaf.pages // RANGE_PAGES), most) if found is None else 1 + found // _FOUND
    pieces = ranges(leaf.pages, -(-leaf.pages // max(1, count)) or 1)
    return [(first, end, leaf.pages // len(pieces)) for first, end in pieces]


def _by_index(source: Connection, leaf: Leaf, where: str) -> int | None:
    """Rows that PostgreSQL expects to find by an index; None if it would look through all pages."""
    with source.cursor() as cursor:
        cursor.execute(f"explain (format json) select from {leaf.sql} where {where}")
        [[[explained]]] = cursor.fetchall()
    plan = explained["Plan"]
    return None if _looks_through(plan) else int(plan["Plan Rows"])


def _looks_through(plan: dict[str, Any]) -> bool:
    return plan["Node Type"] == "Seq Scan" or any(map(_looks_through, plan.get("Plans", [])))


def even(costs: Sequence[float], pages: int, count: int) -> list[tuple[int, int | None]]:
    """Split `pages` pages, of which each of `costs` is the cost of an equal part, into at most `count` ranges of equal cost."""
    total = list(accumulate(costs, initial=0.0))
    if not total[-1]:
        return ranges(pages, -(-pages // count))
    bounds, part = {0}, 0
    for number in range(1, count):
        wanted = total[-1] * number / count
        while total[part + 1] < wanted:
            part += 1
        within = (wanted - total[part]) / (total[part + 1] - total[part])
        bounds.add(round((part + within) * pages / len(costs)))
    firsts = sorted(bound for bound in bounds if bound < pages)
    return list(zip(firsts, [*firsts[1:], None], strict=True))


def _probe(source: Connection, table: PostgresTable, leaf: Leaf, probes: int) -> list[float]:
    """What the first pages of each of `probes` equal parts of the table hold, as a cost."""
    sizes = [f"coalesce(pg_column_size({quote(column.name)}), 0)" for column in table.columns]
    cost = f"coalesce(sum({' + '.join([str(_ROW), *sizes])}), 0)::float8"
    starts = [leaf.pages * number // probes for number in range(probes)]
    parts = [
        f"select {number}, {cost} from {leaf.sql} where {range_condition(first, first + _PROBED)}"
        for number, first in enumerate(starts)
    ]
    with source.cursor() as cursor:
        cursor.execute(" union all ".join(parts))
        found = dict(cursor.fetchall())
    return [found[number] for number in range(probes)]


def ranges(pages: int, target: int) -> list[tuple[int, int | None]]:
    """Split `pages` pages into ranges of about `target`, the last one open: it takes what is appended meanwhile.

    Returns:
        (first page, first page of the next range or None) pairs, which meet without gap or overlap.
    """
    count = max(1, -(-pages // target))
    bounds = [pages * number // count for number in range(count)]
    return list(zip(bounds, [*bounds[1:], None], strict=True))


def range_condition(first: int, end: int | None) -> str:
    """Condition of a ctid range; "" for the whole table."""
    low = f"ctid >= '({first},0)'::tid" if first else ""
    high = f"ctid < '({end},0)'::tid" if end is not None else ""
    return " and ".join(part for part in (low, high) if part)


def span_condition(span: Span | None) -> str:
    """As `range_condition`, for places within pages; "" for the whole table."""
    if span is None:
        return ""
    (page, row), end = span
    low = f"ctid >= '({page},{row})'::tid" if page or row else ""
    high = f"ctid < '({end[0]},{end[1]})'::tid" if end is not None else ""
    return " and ".join(part for part in (low, high) if part)


def halves(span: Span, pages: int) -> tuple[Span, Span] | None:
    """The span in two, which meet without gap or overlap; None if it is one row.

    Args:
        pages: about how many an open span has.
    """
    first, end = span
    beyond = end or (first[0] + max(1, pages), 0)
    last = beyond[1] if beyond[0] == first[0] else _ROWS
    if beyond[0] - first[0] > 1:
        middle = ((first[0] + beyond[0]) // 2, 0)
    elif last - first[1] > 1:
        middle = (first[0], (first[1] + last) // 2)
    elif end is None:  # what was appended since the pages were counted
        middle = beyond
    else:
        return None
    return (first, middle), (middle, end)


def lanes(sizes: list[int], width: int) -> list[list[int]]:
    """Distribute work of `sizes` over at most `width` lanes, longest first to the least loaded.

    Returns:
        for each lane the positions in `sizes`; every position stands exactly once.
    """
    result: list[list[int]] = [[] for _ in range(max(1, min(width, len(sizes))))]
    loads = [0] * len(result)
    for position in sorted(range(len(sizes)), key=lambda number: -sizes[number]):
        lane = loads.index(min(loads))
        result[lane].append(position)
        loads[lane] += sizes[position] + 1
    return result
