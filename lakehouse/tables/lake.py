"""Delta tables of a lake, by their names or their place, with what its store asks for."""

from deltalake import DeltaTable

from lakehouse.settings import Settings
from lakehouse.store import storage
from lakehouse.tables import candidate


def open(settings: Settings, layer: str, table: str, version: int | None = None) -> DeltaTable:
    """A layer's table: bronze's, or what dbt has built of silver and gold, which readers may not see yet.

    Raises:
        TableNotFoundError: there is none.
        DeltaError, OSError: it can't be read.
    """
    return at(settings, candidate.location(settings, layer, table), version)


def at(settings: Settings, place: str, version: int | None = None) -> DeltaTable:
    """The Delta table that lies there. Raises as `open` does."""
    return DeltaTable(place, version=version, storage_options=storage.options(settings))
