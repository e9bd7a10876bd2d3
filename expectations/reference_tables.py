"""Other tables that a check asks about: at which version, as which rows, and whether they are still what a verdict rests on."""

import json
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from expectations.compile import frame
from expectations.evidence import UnableError, Which
from lakehouse.engines import local
from lakehouse.engines.catalog import CANDIDATE, quote
from lakehouse.engines.dialect import Engine
from lakehouse.settings import Settings
from lakehouse.tables import candidate, lake, ledger, quarantine, released

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Name = tuple[str, str]  # layer, table
Place = tuple[str, int]  # location, Delta version


def place(settings: Settings, spark: "SparkSession", layer: str, table: str) -> Place | None:
    """Where the layer's table lives and its newest Delta version; None if it is nowhere."""
    version = candidate.version(settings, layer, table)
    if version is not None:
        return candidate.location(settings, layer, table), version
    name = quote(CANDIDATE[layer], table)
    try:
        row = spark.sql(f"describe detail {name}").collect()[0]
        version = spark.sql(f"describe history {name} limit 1").collect()[0]["version"]
    except Exception:  # Spark has many ways to say that a table is not there, or is not a Delta table
        return None
    return str(row["location"]).removeprefix("file://").removeprefix("file:").replace("s3a://", "s3://"), int(version)


def stored(settings: Settings, engine: Engine, location: str, version: int) -> str:
    """Query of `engine`: all rows of the Delta table at `location`.

    Raises:
        UnableError: the engine can't read it.
    """
    if engine.dialect.is_spark:
        return frame.at_version(location, version)
    found = local.rows(settings, lake.at(settings, location, version))
    if found is None:
        raise UnableError(location)
    return found


def gated(settings: Settings, engine: Engine, table: str, rows: str, held: quarantine.QuarantineState | None) -> str:
    """Query of `engine`: `rows` of the bronze table without those that are in quarantine.

    Raises:
        UnableError: the engine can't read the quarantine.
    """
    if held is None:
        return rows
    kept = stored(settings, engine, quarantine.location(settings, table), held.version)
    return frame.without(rows, kept, held.key, engine.dialect.column)


class ReferenceTables:
    """Tables of any layer, each at the one version that it is first seen at: bronze's as released, candidates' newest."""

    def __init__(self, settings: Settings, spark: "SparkSession") -> None:
        self._settings, self._spark = settings, spark
        self._places: dict[Name, Place | None] = {}
        self._batches: list[dict[str, Any]] | None = None
        self._lock = threading.Lock()

    def rows(self, layer: str, name: str, engine: Engine, which: Which) -> str:
        """Query of `engine`: the rows of `name`, which may say its layer; `which` is about bronze (see `Evidence`).

        Raises:
            ValueError: there is no such table.
            UnableError: the engine can't read it.
        """
        whole = _name(layer, name)
        found_at = self._find(whole)
        if found_at is None:
            raise ValueError(f"{'.'.join(whole)} is not there to be compared with")
        found = stored(self._settings, engine, *found_at)
        if whole[0] != "bronze" or which == "all":
            return found
        shown = released.current(self._settings, "bronze")
        held = shown.held.get(whole[1]) if shown else quarantine.held(self._settings, whole[1])
        found = gated(self._settings, engine, table=whole[1], rows=found, held=held)
        return frame.live(found, self._scope(whole[1]), whole=True, column=engine.dialect.column) if which == "living" else found

    def version(self, name: Name) -> int | None:
        """Its version, the same for all who ask; None if it is not there."""
        found = self._find(name)
        return found[1] if found else None

    def _find(self, name: Name) -> Place | None:
        with self._lock:
            if name not in self._places:
                shown = released.published(self._settings, "bronze").get(name[1]) if name[0] == "bronze" else None
                found = place(self._settings, self._spark, *name)
                self._places[name] = (found[0], shown) if found and shown is not None else found
            return self._places[name]

    def _scope(self, table: str) -> frame.Scope:
        with self._lock:
            if self._batches is None:
                self._batches = ledger.rows(self._settings, "batches")
        return frame.scope([row for row in self._batches if row["table_name"] == table], None)

    def basis(self, layer: str, names: tuple[str, ...], until: datetime | None) -> str:
        """What a verdict that asked the tables `names` rests on, for the ledger; "" if only on its own rows."""
        tables = {".".join(whole): self.version(whole) for whole in (_name(layer, name) for name in names)}
        said = {"tables": tables} if tables else {}
        return json.dumps(said | ({"until": until.isoformat()} if until else {})) if tables or until else ""

    def stand(self, basis: str | None) -> bool:
        """Whether what a verdict rests on is still so."""
        said = json.loads(basis) if basis else {}
        if "until" in said and datetime.now(UTC) > datetime.fromisoformat(said["until"]):
            return False
        return all(self.version(_name("", name)) == version for name, version in said.get("tables", {}).items())


def _name(layer: str, name: str) -> Name:
    first, _, rest = name.partition(".")
    return (first, rest) if rest and first in CANDIDATE else (layer, name)
