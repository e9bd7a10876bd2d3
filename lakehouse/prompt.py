"""`make sql`: a prompt that sends statements over Thrift and prints what comes back."""

import sys

from lakehouse import catalog, console
from lakehouse.errors import ServerError
from lakehouse.settings import Settings

_SHOWN = 200


def run(settings: Settings, statement: str | None) -> None:
    """Run `statement`, or read statements that end in a semicolon until the end of input."""
    if statement:
        _answer(settings, statement)
        return
    if sys.stdin.isatty():
        import readline  # noqa: F401 - line editing and history for input()

        console.out.print("End a statement with ; and leave with Ctrl-D. Start with: show tables in gold;")
    _loop(settings)


def _loop(settings: Settings) -> None:
    waiting = ""
    while True:
        try:
            line = input(("sql> " if not waiting else "  -> ") if sys.stdin.isatty() else "")
        except EOFError:
            if waiting.strip():
                _answer(settings, waiting)
            return
        waiting += line + "\n"
        if waiting.rstrip().endswith(";"):
            try:
                _answer(settings, waiting)
            except ServerError as error:
                if not sys.stdin.isatty():
                    raise
                console.err.print(str(error), style="red", markup=False)
            waiting = ""


def _answer(settings: Settings, statement: str) -> None:
    with catalog.cursor(settings) as cursor:
        catalog.execute(cursor, statement.strip().rstrip(";"))
        if not cursor.description:
            console.out.print("done", style="dim")
            return
        names = [column[0].split(".")[-1] for column in cursor.description]
        rows = cursor.fetchmany(_SHOWN + 1)
    console.table("", names, [["" if cell is None else cell for cell in row] for row in rows[:_SHOWN]])
    console.out.print(f"{min(len(rows), _SHOWN)} rows{' shown, there are more' if len(rows) > _SHOWN else ''}", style="dim")
