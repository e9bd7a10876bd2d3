"""A person's own schemas, with what is released behind them: dbt reads a table there until the person has one of their own.

A table of theirs begins as a clone that shares the released files, made when a model is first asked for (macro `begin_as_clone`).
Nothing of it touches what readers see, nor what the next release is made of.
"""

import getpass
import json
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deltalake.exceptions import TableNotFoundError

from lakehouse import atomic, dbt
from lakehouse.engines import catalog
from lakehouse.errors import SettingsError
from lakehouse.settings import Settings
from lakehouse.tables import candidate, commits, lake, released

LAYERS = ("silver", "gold")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")


@dataclass(frozen=True)
class DevSchemas:
    """One person's place."""

    name: str

    @property
    def schema(self) -> str:
        """What their schemas begin with."""
        return f"dev_{self.name}"

    def of(self, layer: str) -> str:
        """Their schema of a layer."""
        return f"{self.schema}_{layer}"

    def folder(self, settings: Settings) -> Path:
        """What is kept for them on this machine."""
        return settings.var_dir / "dev" / self.name


@dataclass(frozen=True)
class Desk:
    """What somebody has before them."""

    released: int  # tables that stand behind
    kept: list[str]  # what they have built themselves, as layer.table


def whose(name: str | None) -> DevSchemas:
    """The place of `name`, by default of whoever runs this.

    Raises:
        SettingsError: it can't be part of a schema's name.
    """
    said = name or os.environ.get("USER") or getpass.getuser()
    plain = re.sub(r"[^a-z0-9]+", "_", said.lower()).strip("_")
    if not _NAME.fullmatch(plain):
        raise SettingsError("NAME", f"is {said!r}", "letters, digits and _, beginning with a letter", "make dev NAME=ana")
    return DevSchemas(plain)


def prepare(settings: Settings, own: DevSchemas, anew: bool = False) -> Desk:
    """Make `own` ready for dbt. Clones of older releases go; what the person has built stays, unless `anew`.

    Raises:
        SettingsError: nothing is released yet.
    """
    shown = {layer: released.published(settings, layer) for layer in LAYERS}
    if not any(shown.values()):
        raise SettingsError("the lake", "has no release yet", "released tables to read", "Run make run, or make demo")
    statements = [f"create schema if not exists {catalog.quote(own.of(layer))}" for layer in LAYERS]
    kept = []
    for layer, tables in shown.items():
        for table, version in sorted(tables.items()):
            held = cloned_from(settings, own, layer, table)
            if held is None or (held == version and not anew):
                continue
            if held == OWN and not anew:
                kept.append(f"{layer}.{table}")
            else:
                statements.append(f"drop table if exists {catalog.quote(own.of(layer), table)}")
    catalog.thrift_rows(settings, *statements)
    write_state(settings, own)
    return Desk(sum(map(len, shown.values())), kept)


OWN = -1  # instead of a version: the person has built the table


def cloned_from(settings: Settings, own: DevSchemas, layer: str, table: str) -> int | None:
    """The version that the person's table is a clone of; OWN if they have written it since, None if there is none."""
    try:
        found = lake.at(settings, candidate.place(settings, own.of(layer), table))
    except TableNotFoundError:
        return None
    last = next(commits.newest_first(settings, found), {})
    version = str((last.get("operationParameters") or {}).get("sourceVersion", ""))
    return int(version) if last.get("operation") == "CLONE" and version.isdigit() else OWN


def drop(settings: Settings, own: DevSchemas) -> list[str]:
    """Drop the person's schemas with all that they built; the names of those that were there."""
    there = {row[0] for row in catalog.thrift_rows(settings, f"show schemas like {catalog.literal(own.schema + '_*')}")}
    gone = [schema for schema in map(own.of, LAYERS) if schema in there]
    if gone:
        catalog.thrift_rows(settings, *(f"drop schema {catalog.quote(schema)} cascade" for schema in gone))
    return gone


def write_state(settings: Settings, own: DevSchemas) -> None:
    """What dbt defers to: the project as it is built for release, whose released tables are met where readers meet them."""
    known = dbt.manifest(settings)
    if not known["nodes"]:
        dbt.invoke(settings, "parse")
        known = dbt.manifest(settings)
    folder = own.folder(settings) / "state"
    folder.mkdir(parents=True, exist_ok=True)
    atomic.write(folder / "manifest.json", json.dumps(_released(known, settings)))
    atomic.write(own.folder(settings) / "env", environment(settings, own))


def _released(known: dict[str, Any], settings: Settings) -> dict[str, Any]:
    shown = {(layer, table) for layer in LAYERS for table in released.published(settings, layer)}
    for layer in LAYERS:
        for name, node in dbt.models(known, layer).items():
            if (layer, name) in shown:
                schema = catalog.PUBLISHED[layer]
                node |= {"schema": schema, "relation_name": f"{schema}.{node['alias']}"}
    return known


def variables(settings: Settings, own: DevSchemas) -> dict[str, str]:
    """What makes the person's place the one that dbt builds in."""
    said = {
        "DBT_TARGET": "dev",
        "DEV_SCHEMA": own.schema,
        "DBT_DEFER": "1",
        "DBT_STATE": own.folder(settings) / "state",
        "DBT_TARGET_PATH": own.folder(settings) / "target",
        "DBT_LOG_PATH": own.folder(settings) / "log",
        "THRIFT_PORT": settings.thrift_port,
        "CONNECT_PORT": settings.connect_port,
        "SPARK_UI_PORT": settings.spark_ui_port,
        "VAR_DIR": settings.var_dir,
        **settings.where(),
        **dbt.bronze_sources(settings),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    if settings.store:
        said |= {"STORE": settings.store, "S3_PORT": settings.s3_port}
    elif settings.aws_endpoint_url:
        said |= {"AWS_ENDPOINT_URL": settings.aws_endpoint_url}
    return {name: str(value) for name, value in said.items()}


def environment(settings: Settings, own: DevSchemas) -> str:
    """`variables` as lines of a shell."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables(settings, own).items()]
    return "\n".join(["# Made by make dev. In a shell: source this file, then cd dbt_project", *lines, ""])
