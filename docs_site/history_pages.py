"""Every verdict that was ever passed as files of the site: what each is made of, so that only what has changed is made again."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any

from docs_site import record, search
from docs_site.files import Piece
from lakehouse.pages import address

Row = Mapping[str, Any]
Exists = Callable[[str], bool]
Render = Callable[..., str]  # template's name and its values
PART = 100  # verdicts in a part of a table's history
CHUNK = 1000  # verdicts in a file of the search: a gate of a hundred tables touches one or two


def pieces(rows: Sequence[Row], exists: Exists, render: Render, code: str) -> list[Piece]:
    """The files of `rows`, the ledger's verdicts, oldest first; `code` is a digest of what makes them."""
    if not rows:
        return []
    prints = [_print(code, repr(tuple(row.values())), exists(row["page"] or "")) for row in rows]
    tables: dict[tuple[str, str], list[int]] = {}
    for place, row in enumerate(rows):
        tables.setdefault((row["layer"], row["table_name"]), []).append(place)
    found = []
    for name, places in tables.items():
        own, marks = [rows[place] for place in places], [prints[place] for place in places]
        found += _verdicts(own, marks, exists, render) + _parts(name, own, marks, render) + [_table(name, own, marks, render)]
    newest = {name: [rows[place] for place in places[-record.SHOWN :]] for name, places in tables.items()}
    return [*found, _front(rows, newest, prints, render), *_search(rows, newest, prints)]


def _print(*parts: object) -> str:
    return blake2b("\0".join(map(str, parts)).encode(errors="replace"), digest_size=10).hexdigest()


def _verdicts(own: Sequence[Row], marks: Sequence[str], exists: Exists, render: Render) -> list[Piece]:
    made = []
    for place, row in enumerate(own):
        previous, before = (own[place - 1], marks[place - 1]) if place else (None, "")
        made.append(
            Piece(address.verdict(row), marks[place] + before, partial(_verdict, row, previous, exists=exists, render=render))
        )
    return made


def _verdict(row: Row, previous: Row | None, exists: Exists, render: Render) -> str:
    return render("verdict.html.j2", root="../", shown=record.whole(row, previous, exists))


def _parts(name: tuple[str, str], own: Sequence[Row], marks: Sequence[str], render: Render) -> list[Piece]:
    """What the table's own page does not show, in parts counted from the oldest: a full one stays what it is."""
    count = _part_count(len(own))
    made = []
    for part in range(1, count + 1):
        within = slice((part - 1) * PART, part * PART)
        newer = address.table(*name, part + 1) if part < count else address.table(*name)
        older = address.table(*name, part - 1) if part > 1 else ""
        make = partial(_part, name, own[within], part=part, newer=newer, older=older, render=render)
        made.append(Piece(address.table(*name, part), _print(newer, *marks[within]), make))
    return made


def _part_count(verdicts: int) -> int:
    return -(-max(verdicts - record.SHOWN, 0) // PART)


def _part(name: tuple[str, str], rows: Sequence[Row], part: int, newer: str, older: str, render: Render) -> str:
    lines = [record.line(row) for row in reversed(rows)]
    table = address.table(*name)
    return render("part.html.j2", root="../", name=name, lines=lines, part=part, newer=newer, older=older, table=table)


def _table(name: tuple[str, str], own: Sequence[Row], marks: Sequence[str], render: Render) -> Piece:
    count = _part_count(len(own))
    older = address.table(*name, count) if count else ""

    def make() -> str:
        return render("table.html.j2", root="../", table=record.table(own, older))

    return Piece(address.table(*name), _print(*marks), make)


def _front(rows: Sequence[Row], newest: Mapping[tuple[str, str], Sequence[Row]], prints: Sequence[str], render: Render) -> Piece:
    def make() -> str:
        lines = [record.line(row) for row in reversed(rows[-record.SHOWN :])]
        strips = [(record.line(own[-1]), record.strip(own), address.table(*name)) for name, own in sorted(newest.items())]
        return render("verdicts.html.j2", root="../", lines=lines, tables=strips, count=len(rows))

    return Piece("verdicts/index.html", _print(*prints), make)


def _search(rows: Sequence[Row], newest: Mapping[tuple[str, str], Sequence[Row]], prints: Sequence[str]) -> list[Piece]:
    made = []
    for number, start in enumerate(range(0, len(rows), CHUNK)):
        within = slice(start, start + CHUNK)
        make = partial(_call, "chunk", partial(search.chunk, rows[within]))
        made.append(Piece(f"search/{number}.js", _print(*prints[within]), make))
    # The digest in its address makes a browser's cache ask for a chunk that has grown.
    files = [f"{piece.path}?{piece.inputs}" for piece in reversed(made)]
    head = partial(_call, "head", partial(search.head, newest, files, len(rows)))
    return [*made, Piece("search/head.js", _print(*prints), head)]


def _call(name: str, data: Callable[[], Any]) -> str:
    # A script and not JSON: a page that was opened from a folder may load scripts, and nothing else.
    return f"comporta.{name}({json.dumps(data(), separators=(',', ':'))})\n"
