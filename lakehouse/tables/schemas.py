"""What a fresh catalog is told: the layers' schemas and the ledger's tables."""

from lakehouse.engines.catalog import SCHEMAS, literal, own_places, quote, register_statement, thrift_rows
from lakehouse.settings import Settings
from lakehouse.store import storage
from lakehouse.tables import ledger


def create(settings: Settings) -> None:
    """Create the layers' schemas and register the ledger's tables; nothing happens where they exist."""
    ledger.create_missing(settings)
    own = own_places(settings)
    statements = [
        f"create schema if not exists {quote(name)}" + (f" location {literal(storage.for_spark(own[name]))}" if name in own else "")
        for name in SCHEMAS
    ]
    statements += [register_statement("ops", name, ledger.location(settings, name)) for name in ledger.SCHEMAS]
    thrift_rows(settings, *statements)
