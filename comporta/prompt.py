"""`make sql`: a prompt that sends statements over Thrift and prints what comes back."""

import sys
from typing import Any

from lakehouse import console, values
from lakehouse.engines import catalog
from lakehouse.errors import ServerError
from lakehouse.settings import Settings

_SHOWN = 200


def run(settings: Settings, statement: str | None) -> None:
    """Run `statement`, or read statements that end in a semicolon until the end of input."""
    with catalog.cursor(settings, stream=True) as cursor:  # one session, so that `use gold;` is remembered
        if statement:
            _answer(cursor, statement)
            return
        if sys.stdin.isatty():
            import readline  # noqa: F401 - line editing and history for input()

            console.out.print("End a statement with ; and leave with Ctrl-D. Start with: show tables in gold;")
        _loop(cursor)


def _loop(cursor: Any) -> None:
    waiting = ""
    while True:
        try:
            line = input(("sql> " if not waiting else "  -> ") if sys.stdin.isatty() else "")
        except EOFError:
            if waiting.strip():
                _answer(cursor, waiting)
            return
        waiting += line + "\n"
        if waiting.rstrip().endswith(";"):
            try:
                _answer(cursor, waiting)
            except ServerError as error:
                if not sys.stdin.isatty():
                    raise
                console.err.print(str(error), style="red", markup=False)
            waiting = ""


def _answer(cursor: Any, statement: str) -> None:
    statement = statement.strip().rstrip(";")
    catalog.execute(cursor, statement)
    if not cursor.description:
        console.out.print("done", style="dim")
        return
    names = [column[0] for column in cursor.description]
    with catalog.told(statement):
        rows = cursor.fetchmany(_SHOWN + 1)
    console.table("", names, [["" if cell is None else values.text(cell) for cell in row] for row in rows[:_SHOWN]])
    told = f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}" if len(rows) <= _SHOWN else f"{_SHOWN} rows shown, there are more"
    console.out.print(told, style="dim")
