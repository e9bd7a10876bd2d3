"""dbt kept warm beside the editor: a model that is saved is built in the person's own schemas, and its rows are shown.

What `dbt run` spends before its first statement, on imports above all, is spent once.
"""

import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

from dbt.cli.main import dbtRunner
from rich.text import Text
from watchfiles import watch

from lakehouse import console, values
from lakehouse.engines import catalog
from lakehouse.errors import ServerError, SettingsError
from lakehouse.settings import ROOT, Settings
from workspaces import dev

PROJECT = ROOT / "dbt_project"
_WATCHED = (".sql", ".yml", ".yaml", ".csv")
_UNCHANGED = "UNCHANGED"  # what our materializations say of a model that they left alone
_QUIET = 150  # milliseconds: editors write a file in several steps


@dataclass(frozen=True)
class ModelResult:
    """What dbt said of one model."""

    name: str
    ok: bool
    said: str
    seconds: float
    relation: str = ""


class WarmDbt:
    """dbt in this process, for the project in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._dbt = dbtRunner()

    def run(self, *arguments: str) -> list[ModelResult]:
        """`dbt run`; every model that it came to.

        Raises:
            SettingsError: the project can't be read; says what dbt says.
        """
        with chdir(self._folder):
            done = self._dbt.invoke(["--quiet", "--no-version-check", "run", *arguments])
        results = getattr(done.result, "results", None)
        if results is None:
            said = str(done.exception or "dbt ended without a word").strip()
            raise SettingsError("the project", said, remedy="Mend it and save again")
        return [
            ModelResult(
                name=one.node.name,
                ok=str(one.status) == "success",
                said=str(one.message or one.status).strip(),
                seconds=one.execution_time,
                relation=one.node.relation_name or "",
            )
            for one in results
            if one.node.resource_type != "operation"
        ]


def changes(project: Path, ready: Callable[[], object]) -> Generator[list[str], None, None]:
    """Of each save, selectors of the models to build: those that were saved, and everything where it was no model.

    Args:
        ready: called once, when no save is missed any more.
    """
    folders = [project / name for name in ("models", "macros", "seeds") if (project / name).is_dir()]
    saves = watch(
        *folders,
        debounce=1600,
        step=_QUIET,
        watch_filter=lambda _, path: path.endswith(_WATCHED),
        rust_timeout=500,
        yield_on_timeout=True,
    )
    for number, found in enumerate(saves):
        if number == 0:
            ready()
        paths = [Path(path) for _, path in found if Path(path).exists()]
        if paths:
            yield selectors(project, paths)


def selectors(project: Path, paths: Sequence[Path]) -> list[str]:
    """What to select for files that were saved; nothing means all, of which dbt builds what the change reaches."""
    models = project / "models"
    saved = [path for path in paths if path.suffix == ".sql" and path.is_relative_to(models)]
    return [] if len(saved) < len(paths) else sorted(f"{path.stem}+" for path in saved)


def answer(settings: Settings, warm: WarmDbt, selected: Sequence[str], rows: int) -> None:
    """Build what was saved, and show it or what is wrong with it."""
    started = time.monotonic()
    built: list[ModelResult] = []
    try:
        built = warm.run(*(("--select", *selected) if selected else ()))
        for one in built:
            _tell(one)
            if one.ok and one.relation and f"{one.name}+" in selected:
                _show(settings, one.relation, rows)
    except (SettingsError, ServerError) as error:
        console.err.print(str(error), style="red")
    left = sum(one.said.startswith(_UNCHANGED) for one in built)
    console.out.print(f"{time.monotonic() - started:.1f} s from the save" + (f", {left} unchanged" if left else ""), style="dim")


def _tell(one: ModelResult) -> None:
    if not one.ok:
        console.err.print(one.said, style="red")
    elif not one.said.startswith(_UNCHANGED):
        console.out.print(Text.assemble(("✓ ", "green"), f"{one.name}  ", (f"{one.seconds:.1f} s", "dim")))


def _show(settings: Settings, relation: str, rows: int) -> None:
    if rows:
        with catalog.cursor(settings, catalog.SMALL) as cursor:
            catalog.execute(cursor, f"select * from {relation} limit {rows}")
            names = [column[0] for column in cursor.description]
            console.table("", names, [["" if cell is None else values.text(cell) for cell in row] for row in cursor.fetchall()])


def follow(settings: Settings, own: dev.DevSchemas, rows: int, project: Path = PROJECT) -> None:
    """Answer saves in `project` until Ctrl-C.

    Raises:
        SettingsError: `own` has no schemas yet.
    """
    if not (own.folder(settings) / "env").exists():
        raise SettingsError(f"{own.schema}_*", "are not there yet", "schemas of your own", "Run make dev first")
    os.environ |= dev.variables(settings, own)
    warm = WarmDbt(project)
    with console.step("Warming dbt up"):
        try:
            warm.run("--select", "nothing_yet")
        except SettingsError as error:
            console.err.print(str(error), style="red")
    hint = f"Save a model: it is built in {own.schema}_* with what is below it, and shown here. Ctrl-C ends this."
    for selected in changes(project, lambda: console.out.print(hint)):
        answer(settings, warm, selected, rows)
