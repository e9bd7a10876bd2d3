"""Every value through every door: what PostgreSQL holds comes out of each as it went in, or as text where its kind has none of it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from bronze_reader import bronze, execute
from doors import DOORS, Lake
from house import FOLDERS
from test_ingest_every_type import EDGES
from value_kinds import COLUMNS, KEYS, KINDS, expected, statements

from comporta import cli
from ingestion import run as ingest
from ingestion.sources.postgres import types
from lakehouse import values
from lakehouse.engines import session
from lakehouse.engines.catalog import SMALL
from lakehouse.settings import ROOT, Settings

pytestmark = pytest.mark.in_order  # a page is of the gate before it

COMMANDS = {  # what shows values of rows, by its door; what only counts, names or moves them says so
    "ingest": "copy",
    "gate": "gate",
    "requeue": "quarantine",
    "diff": "diff",
    "why": "why",
    "sql": "prompt",
    "dbt": "dbt",
    "silver": "dbt",
    "gold": "dbt",
    "watch": "prompt",
    "diff-models": "diff-models",
    "suite": "profile",
    "site": "site",
    "docs": "site",
    "reconcile": "digests: tests/spark/test_ingest_every_type.py",
    "run": "of other commands",
    "demo": "of other commands",
    **dict.fromkeys(
        (
            "discover",
            "dev",
            "model",
            "down",
            "up",
            "status",
            "release",
            "releases",
            "rollback",
            "traffic",
            "glue",
            "clean",
            "completion",
            "help",
        ),
        "names",
    ),
    "upload": "bytes, as they are: tests/unit/test_upload_folder.py",
    "seed": "writes a database: tests/postgres/test_seed.py",
}
READERS = {  # modules that fetch rows of a lake's tables
    "workspaces/watch.py": "prompt",
    "expectations/compile/aggregate.py": "gate",
    "expectations/drafting/draft.py": "profile",
    "expectations/evidence.py": "gate",
    "expectations/gate.py": "gate",
    "lakehouse/engines/local.py": "gate",
    "expectations/reference_tables.py": "names",
    "expectations/drafting/profile.py": "profile",
    "expectations/custom_expectations.py": "gate",
    "lakehouse/servers/postgres.py": "names",
    "expectations/quarantine.py": "quarantine",
    "inspection/diff.py": "diff",
    "inspection/finder.py": "why",
    "inspection/reader.py": "why",
    "lakehouse/engines/catalog.py": "thrift",
    "lakehouse/servers/thrift_session.py": "names",
    "comporta/prompt.py": "prompt",
}


@pytest.fixture(scope="module")
def lake(spark_server: Settings, database: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    from pydantic import SecretStr

    folder, dsn = tmp_path_factory.mktemp("doors"), database.create_database("doors")
    execute(dsn, *statements())
    made = {"lake_url": str(folder / "lake"), "source_dsn": SecretStr(dsn), "source_name": "doors", "gate_webhook": None}
    settings = spark_server.model_copy(update=made)
    done = ingest.run(settings)
    assert (done.failed, len(done.outcomes)) == ([], 1 + len(KEYS))
    opened = session.connect(settings)
    for name, value in SMALL.items():
        opened.conf.set(name, value)
    yield Lake(settings, opened, folder, f"{spark_server.lake_url}/warehouse")
    opened.stop()


@pytest.mark.parametrize("door", DOORS)
def test_every_value_comes_through(door: str, lake: Lake) -> None:
    through, kinds = DOORS[door]
    seen, wanted = through(lake), expected(kinds)
    if door == "gate, great expectations":  # it has a float's double: another number of digits
        seen = {place: shown for place, shown in seen.items() if place[0] != COLUMNS["float4"]}
    if door in ("thrift", "prompt"):  # there a list is text
        wires = {(COLUMNS[kind], row): value.wire for kind, held in KINDS.items() for row, value in enumerate(held)}
        wanted = {place: wires.get(place) or shown for place, shown in wanted.items()}
    if door == "prompt":
        wanted = {place: values.text(shown) for place, shown in wanted.items()}
    lost = {place: shown for place, shown in wanted.items() if place not in seen}
    bent = {place: (shown, seen[place]) for place, shown in wanted.items() if place in seen and repr(seen[place]) != repr(shown)}
    assert (lost, bent, seen.keys() - wanted.keys()) == ({}, {}, set())


def test_what_delta_cannot_hold_is_in_the_flags(lake: Lake) -> None:
    wanted = {(COLUMNS[kind], row) for kind, held in KINDS.items() for row, value in enumerate(held) if value.shown is None}
    rows = bronze(lake.settings, "t", "distinct id, _flags", "where _flags is not null")
    assert {(name, row) for row, text in rows for name in json.loads(text)} == wanted


def test_every_type_has_values() -> None:
    """A type that travels in a way of its own has its row here, and one with edges elsewhere is of a kind that has."""
    named = {re.sub(r"\(.*?\)|\[\]|^char$", "", kind).strip('"') for kind in KINDS}
    assert named >= {*types._EXACT, *types._CAST, "numeric"}
    assert {kind for kind in KINDS if kind.endswith("[]")} >= {
        f"{kind}[]" for kind in ("bool", "text", "bytea", *types._BEYOND_ARRAY)
    }
    assert [*types._BEYOND] == [
        kind for kind in KINDS if kind in types._BEYOND and any(value.shown is None for value in KINDS[kind])
    ]
    lately = {
        kind for kind in EDGES if types.map_column(types.SourceColumn("c", kind.partition("(")[0])).target != types.pa.string()
    }
    assert {kind.partition("(")[0].removesuffix("[]") for kind in lately} <= named


def test_every_command_and_every_module_that_reads_rows_has_a_door() -> None:
    known = {*DOORS, "names"} | {door.partition(",")[0] for door in DOORS}
    assert sorted(COMMANDS) == sorted([*cli.PLACES, *cli.HIDDEN])
    fetching = re.compile(r"\.(ask|collect|fetchall|fetchmany|fetchone|to_arrow_table|toArrow|toPandas)\(")
    readers = {
        str(path.relative_to(ROOT))
        for folder in FOLDERS
        if folder not in ("ingestion", "samples")
        for path in (ROOT / folder).rglob("*.py")
        if fetching.search(path.read_text())
    }
    assert readers == set(READERS)
    told = [*COMMANDS.values(), *READERS.values()]
    assert [
        door for door in told if door not in known and not re.search(r"tests/\w+/test_\w+\.py$|^of other commands$", door)
    ] == []
