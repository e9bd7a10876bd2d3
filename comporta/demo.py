"""The demo: the whole way with a sample as its source. The shop is a PostgreSQL, credit an export that lands as files."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from psycopg2 import OperationalError
from psycopg2.errors import UndefinedTable
from pydantic import SecretStr

from comporta import pipeline
from comporta.run import Seconds, stage
from ingestion.sources import config as source_file
from ingestion.sources.config import Section
from lakehouse import access, atomic, console, redaction
from lakehouse.engines import catalog
from lakehouse.errors import SourceError
from lakehouse.redaction import first_line
from lakehouse.servers import postgres
from lakehouse.settings import Settings

_USERS = {"files": "json/users/**/*.json", "format": "json", "key": ["_id"]}
_ANSWERS = {
    "Users by score": "select score_band, users from gold.rpt_users_by_score_band order by band_number",
    "Who holds what": "select product_type, users, products from gold.rpt_users_by_product_type order by users desc",
}


@dataclass(frozen=True)
class Sample:
    """A sample: what runs it, what plays days on it, and what to try next."""

    run: Callable[[Settings], Seconds]
    play: Callable[[Settings, int], None]
    then: str


def run_shop(settings: Settings) -> Seconds:
    """Start the embedded PostgreSQL, fill it if it is empty, and run the pipeline on it."""
    seconds: Seconds = {}
    database = postgres.of(settings)
    with stage(seconds, "postgres"):
        database.start()
        dsn = database.create_database("shop")
    with stage(seconds, "sample shop"):
        _seed(settings, dsn)
    redaction.know_login(dsn)
    settings = settings.model_copy(update={"source_dsn": SecretStr(dsn), "source_name": "shop"})
    return pipeline.run(settings, seconds, [replace(source_file.of(settings, source_file.load()), name="shop", dsn=None)])


def play_shop(settings: Settings, days: int) -> None:
    """Play `days` business days on the sample shop."""
    from samples.shop.traffic import play_day

    database = postgres.of(settings)
    database.start()
    for _ in range(days):
        day = _day(settings, "day") + 1
        try:
            with console.step(f"Day {day} in the shop"):
                done = play_day(database.dsn("shop"), day)
        except (OperationalError, UndefinedTable) as error:
            raise SourceError("sample shop", first_line(error), remedy="Run make demo first, which fills it") from None
        atomic.write(_state(settings, "day"), str(day))
        rows = [(table, *(counts[kind] for kind in ("inserted", "updated", "deleted"))) for table, counts in done.items()]
        console.table("", ("table", "inserted", "updated", "deleted"), rows, numbers=("inserted", "updated", "deleted"))


def run_credit(settings: Settings) -> Seconds:
    """Put an export of users into the RAW zone, if none is there, run the pipeline on it, and show what it answers."""
    seconds: Seconds = {}
    if not _state(settings, "credit_day").exists():
        with stage(seconds, "sample export"):
            _export(settings, 0)
    section = Section(name="credit", kind="files", tables={"users": _USERS}, where="the sample's tables")
    seconds = pipeline.run(settings, seconds, [section])
    for title, query in _ANSWERS.items():
        heads = query.partition("select ")[2].partition(" from")[0].split(", ")
        console.table(title, heads, catalog.thrift_rows(settings, query), numbers=heads[1:])
    return seconds


def play_credit(settings: Settings, days: int) -> None:
    """Export the users again, as they are `days` days later, each day's into a folder of its own."""
    if not _state(settings, "credit_day").exists():
        raise SourceError("sample export", "is not there yet", remedy="Run make demo SAMPLE=credit first")
    for _ in range(days):
        _export(settings, _day(settings, "credit_day") + 1)


SAMPLES = {
    "shop": Sample(
        run_shop,
        play_shop,
        "  make traffic demo   a business day happens; only what changed moves\n"
        "  make docs           the site: can the numbers be trusted?\n  make sql            ask gold.rpt_daily_sales",
    ),
    "credit": Sample(
        run_credit,
        play_credit,
        "  make traffic demo SAMPLE=credit   the next day's export; only who changed moves\n"
        "  make upload FILES=export.json SOURCE=credit ENTITY=users   an export of your own\n"
        "  make docs                         the site: can the numbers be trusted?",
    ),
}


def _export(settings: Settings, day: int) -> None:
    from ingestion import upload
    from samples.credit import generate

    reference = generate.ExportPlan(settings.scale).reference
    with tempfile.TemporaryDirectory(dir=access.scratch(settings.var_dir)) as folder:
        path = Path(folder, "users.json")
        with console.step(f"Exporting users, day {day} (SCALE={settings.scale:g})"):
            generate.write(path, settings.scale, day=day)
        upload.put(settings, path, source="credit", day=(reference + timedelta(days=day)).date())
    atomic.write(_state(settings, "credit_day"), str(day))


def _state(settings: Settings, name: str) -> Path:
    return settings.var_dir / "state" / name


def _day(settings: Settings, name: str) -> int:
    """The last day that was played."""
    state = _state(settings, name)
    return int(state.read_text()) if state.exists() else 0


def _seed(settings: Settings, dsn: str) -> None:
    from samples.shop import load as loader

    try:
        with console.step(f"Filling the sample shop (SCALE={settings.scale:g})"):
            rows = loader.load(dsn, settings.scale)
        _state(settings, "day").unlink(missing_ok=True)
        console.out.print(f"  {console.count(sum(rows.values()))} rows in {len(rows)} tables")
    except loader.ShopExists:
        console.out.print("  The shop is there already; it is left as it is.")
