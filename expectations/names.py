"""Which table a user means, and which columns name a row of it."""

import difflib
import json
import re
from collections.abc import Iterable

from deltalake.exceptions import DeltaError

from expectations.suite import LAYERS, find
from lakehouse import dbt
from lakehouse.errors import SettingsError
from lakehouse.settings import Settings
from lakehouse.tables import candidate, lake, ledger, released

Name = tuple[str, str]  # layer, table
_UNIQUE = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")


def resolve(settings: Settings, text: str) -> Name:
    """The table that `text` names: `silver.int_orders__current`, or without its layer if only one has it.

    Raises:
        SettingsError: no layer has it (with the nearest ones), or several have.
    """
    first, _, rest = text.partition(".")
    layers, table = ((first,), rest) if rest and first in LAYERS else (LAYERS, text)
    plain = re.fullmatch(r"\w+", table)  # names of tables are made of these alone; a path is none
    found = [(layer, table) for layer in layers if plain and candidate.version(settings, layer, table) is not None]
    if len(found) == 1:
        return found[0]
    if found:
        both = [".".join(name) for name in found]
        raise SettingsError("TABLE", f"{text} is in {len(both)} layers", f"one of {', '.join(both)}", "Name the layer too")
    names = [".".join(name) for name in known(settings)]
    near = difflib.get_close_matches(text if rest else f"silver.{text}", names, 3, 0.5) or names[:5]
    wanted = ", ".join(near) if near else "a table that was copied or built"
    raise SettingsError("TABLE", f"{text} is no table of {', '.join(layers)}", wanted, "See make status and make releases")


def known(settings: Settings) -> list[Name]:
    """Tables that were copied, that dbt builds, or that were released."""
    bronze = {("bronze", row["table_name"]) for row in ledger.rows(settings, "batches") if row["status"] == "committed"}
    built = dbt.manifest(settings)
    models = {
        (layer, name)
        for layer in LAYERS
        for name, node in dbt.models(built, layer).items()
        if node["config"].get("materialized") not in ("view", "ephemeral")
    }
    shown = {(one.layer, table) for one in released.history(settings) for table in one.tables}
    return sorted(bronze | models | shown, key=lambda name: (LAYERS.index(name[0]), name[1]))


def key_of(settings: Settings, layer: str, table: str) -> tuple[str, ...]:
    """The columns that name a row: bronze's from the ledger, else the model's `unique_key`, else what the suite wants unique.

    Returns:
        none if nobody says. In bronze, which is history, the key names a row of the source.
    """
    if layer == "bronze":
        done = [row for row in ledger.rows(settings, "batches") if row["table_name"] == table and row["status"] == "committed"]
        return tuple(json.loads(done[-1]["key"] or "[]")) if done else ()
    said = dbt.unique_key(dbt.models(dbt.manifest(settings), layer).get(table))
    suite = None if said else find(layer, table, [])
    checks = suite.checks if suite else ()
    whole = (check for check in checks if check.expect in _UNIQUE and not (check.where or check.mostly or check.tolerance))
    return as_held(said, _columns(settings, layer, table)) if said else tuple(next((check.columns for check in whole), ()))


def as_held(key: Iterable[str], columns: Iterable[str]) -> tuple[str, ...]:
    """The names in `key` as the table has them: to Spark capitals make no other name."""
    held = {name.lower(): name for name in columns}
    return tuple(held.get(name.lower(), name) for name in key)


def _columns(settings: Settings, layer: str, table: str) -> list[str]:
    """The table's columns; none if it is not there."""
    try:
        found = lake.open(settings, layer, table)
    except (DeltaError, OSError):
        return []
    return [field.name for field in found.schema().fields]
