"""The Glue Data Catalog: silver and gold as they were released, for Athena and whatever asks through it.

Decision 0019. A release writes a manifest for each table, then points the table's entry in Glue at it, by one call. Until then the
table stays on the manifest that it had; what fails here takes no release back, and `make glue` does it again.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import click
import yaml
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from lakehouse import console, dbt, machine
from lakehouse.errors import CatalogError, GateError, LockError, SettingsError, StorageError
from lakehouse.machine import load
from lakehouse.redaction import first_line
from lakehouse.settings import Settings
from lakehouse.store import lock, storage
from lakehouse.tables import candidate, lake, released
from lakehouse.tables.released import Release
from releases import athena

LAYERS = ("silver", "gold")  # what readers are for; bronze's view may leave rows out that its files hold
_LANES = 4  # tables and manifests at once: to open one is mostly waiting


@dataclass
class GlueUpdate:
    """What was done to a layer's entries."""

    layer: str
    release_id: int
    tables: int
    switched: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    pruned: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Plan:
    name: str
    entry: dict[str, Any]
    key: str
    listed: bytes


def database(settings: Settings, layer: str) -> str:
    """The layer's database in Glue."""
    return f"{settings.glue_prefix}_{layer}"


def root(settings: Settings, layer: str) -> str:
    """Where the layer's manifests are."""
    return storage.join(settings.lake_url, "athena", layer)


def refuse(settings: Settings, layer: str, versions: dict[str, int]) -> None:
    """Let nothing be released that Athena would read wrong; without GLUE_PREFIX everything may be.

    Raises:
        GateError: names each table, what of it Athena can't read, and what to do.
    """
    if settings.glue_prefix is None or layer not in LAYERS:
        return
    seen = {table: reason for table, (_, reason) in _open(settings, layer, versions).items() if reason}
    if seen:
        told = "; ".join(f"{table}: {reason}" for table, reason in sorted(seen.items()))
        way = f"Or release without Athena: GLUE_PREFIX= make release LAYER={layer}, which leaves Glue as it is"
        raise GateError(f"{layer} for Athena", told, remedy=way)


def follow(settings: Settings, layer: str) -> CatalogError | None:
    """After a release: register it. A failure is told and returned, not raised, since the release stands."""
    try:
        register(settings, layer)
    except CatalogError as error:
        console.err.print(f"! {error}", style="yellow", markup=False, highlight=False)
        return error
    return None


def register(settings: Settings, *layers: str) -> list[GlueUpdate]:
    """Make Glue's entries what readers of `layers` (all by default) see now; nothing is done that is done already.

    Raises:
        CatalogError: something could not be done; says what Athena shows now. The release stands.
    """
    if settings.glue_prefix is None:
        return []
    current = [made for layer in layers or LAYERS if layer in LAYERS and (made := released.current(settings, layer))]
    done = []
    for made in current:
        one = GlueUpdate(made.layer, made.release_id, len(made.tables))
        with _told(one):
            _register(settings, made, one)
        if one.problems:
            raise CatalogError(
                f"Glue database {database(settings, made.layer)}",
                f"release {made.release_id} of {made.layer} stands, but Athena does not show all of it: {'; '.join(one.problems)}",
                remedy="A table that is named, or all if none is, shows what it showed before. When that is mended: make glue",
            )
        done.append(one)
    return done


@contextmanager
def _told(done: GlueUpdate) -> Iterator[None]:
    """Turn an error of AWS or of the store into a line of `problems`."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError, DeltaError, LockError, OSError, StorageError) as error:
        done.problems.append(_line(error))


def _line(error: Exception) -> str:
    return first_line(error).rstrip(".")


def _register(settings: Settings, made: Release, done: GlueUpdate) -> None:
    lock.check(settings)
    glue, store = _client(settings, "glue"), _client(settings, "s3")
    plans = _plans(settings, made, done)
    held = _held(settings, glue, made.layer)
    ours = {name: entry for name, entry in held.items() if _is_ours(settings, entry)}
    for name in sorted(plans.keys() & held.keys() - ours.keys()):
        done.problems.append(f"{name} is there and not of this lake; remove it, or set another GLUE_PREFIX")
        del plans[name]
    there = _manifests(settings, store, made.layer)
    _write(settings, store, [plan for plan in plans.values() if plan.key not in there])
    for name, plan in plans.items():
        _switch(settings, glue, layer=made.layer, plan=plan, held=held.get(name), done=done)
    for name in sorted(ours.keys() - made.tables.keys()):
        glue.delete_table(DatabaseName=database(settings, made.layer), Name=name)
        done.removed.append(name)
    if not done.problems:  # else an entry may still name any of them
        done.pruned = _prune(settings, store, layer=made.layer, there=there, shown={plan.key for plan in plans.values()})


def _plans(settings: Settings, made: Release, done: GlueUpdate) -> dict[str, _Plan]:
    plans = {}
    names = {table: node["name"] for table, node in dbt.models(dbt.manifest(settings), made.layer).items()}
    for table, (seen, reason) in _open(settings, made.layer, made.tables).items():
        if seen is None or reason:
            done.problems.append(f"{table}: {reason}")
            continue
        listed = athena.manifest(seen.files)
        place = storage.join(root(settings, made.layer), table, athena.folder(made.tables[table], listed)) + "/"
        says = {
            athena.OURS: settings.lake_url,
            athena.LAYER: made.layer,
            athena.RELEASE: str(made.release_id),
            athena.VERSION: str(made.tables[table]),
        }
        entry = athena.table_input(table, seen, location=place, words=descriptions().get(names.get(table, table)), parameters=says)
        plans[table] = _Plan(table, entry, _split(place)[1] + "manifest", listed)
    return plans


def _switch(settings: Settings, glue: Any, layer: str, plan: _Plan, held: dict[str, Any] | None, done: GlueUpdate) -> None:
    """One call for a table, so that it is the old one or the new one; one that is refused keeps no other from its turn."""
    from botocore.exceptions import ClientError

    try:
        if held is None:
            glue.create_table(DatabaseName=database(settings, layer), TableInput=plan.entry)
        elif athena.differs(plan.entry, held):
            glue.update_table(DatabaseName=database(settings, layer), TableInput=plan.entry, SkipArchive=True)
        else:
            return
    except ClientError as error:
        done.problems.append(f"{plan.name}: {_line(error)}")
    else:
        done.switched.append(plan.name)


def _held(settings: Settings, glue: Any, layer: str) -> dict[str, dict[str, Any]]:
    """The tables in the layer's database, which is made if it is not there."""
    name = database(settings, layer)
    try:
        pages = list(glue.get_paginator("get_tables").paginate(DatabaseName=name))
    except glue.exceptions.EntityNotFoundException:
        glue.create_database(DatabaseInput={"Name": name, "Description": f"{layer} as released by Comporta"})
        return {}
    return {entry["Name"]: entry for page in pages for entry in page["TableList"]}


def _is_ours(settings: Settings, entry: dict[str, Any]) -> bool:
    return bool(entry.get("Parameters", {}).get(athena.OURS) == settings.lake_url)


def _manifests(settings: Settings, store: Any, layer: str) -> set[str]:
    bucket, prefix = _split(root(settings, layer) + "/")
    pages = store.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {found["Key"] for page in pages for found in page.get("Contents", ())}


def _write(settings: Settings, store: Any, plans: list[_Plan]) -> None:
    bucket, _ = _split(settings.lake_url)
    with ThreadPoolExecutor(_LANES) as pool:
        list(
            pool.map(lambda plan: store.put_object(Bucket=bucket, Key=plan.key, Body=plan.listed, ContentType="text/plain"), plans)
        )


def _prune(settings: Settings, store: Any, layer: str, there: set[str], shown: set[str]) -> int:
    """Remove the manifests of releases that can't be rolled back to any more."""
    bucket, prefix = _split(root(settings, layer) + "/")
    published = [made for made in released.history(settings, layer) if made.status == "published"]
    kept = {(table, str(version)) for made in published[-settings.kept_releases :] for table, version in made.tables.items()}
    old = []
    for key in there - shown:
        table, _, rest = key.removeprefix(prefix).partition("/")
        if (table, rest.partition("-")[0]) not in kept:
            old.append(key)
    for key in old:
        store.delete_object(Bucket=bucket, Key=key)
    return len(old)


def _open(settings: Settings, layer: str, versions: dict[str, int]) -> dict[str, tuple[athena.TableVersion | None, str]]:
    """Each table at its version, and why Athena can't read it, if so."""
    with ThreadPoolExecutor(_LANES) as pool:
        return dict(zip(versions, pool.map(lambda one: _look(settings, layer, *one), versions.items()), strict=True))


def _look(settings: Settings, layer: str, table: str, version: int) -> tuple[athena.TableVersion | None, str]:
    try:
        found = lake.open(settings, layer, table, version)
        seen = _seen(found, candidate.location(settings, layer, table))
    except DeltaError as error:  # a feature that delta-rs does not know either, or a log that is gone
        return None, f"version {version} can't be opened: {_line(error)}"
    return seen, "; ".join(f"{one.what}. {one.remedy}" for one in athena.troubles(seen))


def _seen(table: DeltaTable, place: str) -> athena.TableVersion:
    features = frozenset(table.protocol().reader_features or ())
    metadata = table.metadata()
    return athena.TableVersion(
        fields=table.schema().fields,
        features=features,
        properties=metadata.configuration,
        partitions=metadata.partition_columns,
        has_deletion_vectors="deletionVectors" in features and _has_deletion_vectors(table),
        folder=place,
        files=table.file_uris(),
    )


def _has_deletion_vectors(table: DeltaTable) -> bool:
    try:
        return any(batch.num_rows for batch in table.deletion_vectors())
    except DeltaError:  # it asks for them with the table's other features in mind: not to be ruled out
        return True


@cache
def descriptions() -> dict[str, athena.Descriptions]:
    """What dbt's YAML says of models and columns, by model; text that dbt would have to render is left out."""
    found = {}
    for path in sorted((dbt.PROJECT / "models").rglob("*.yml")):
        for model in (yaml.safe_load(path.read_bytes()) or {}).get("models") or ():
            columns = {column["name"]: _plain(column) for column in model.get("columns") or ()}
            found[model["name"]] = athena.Descriptions(_plain(model), columns)
    return found


def _plain(said: dict[str, Any]) -> str:
    text = str(said.get("description") or "")
    return "" if "{{" in text else text


def _split(url: str) -> tuple[str, str]:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


def _client(settings: Settings, service: str) -> Any:
    """Credentials and region come from the standard AWS chain."""
    import boto3
    from botocore.config import Config

    # AWS_ENDPOINT_URL_GLUE, AWS_ENDPOINT_URL_S3: as the AWS tools know them.
    endpoint = os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or settings.aws_endpoint_url
    retries = {"mode": "adaptive", "total_max_attempts": 8}  # Glue throttles an account as a whole: slow down with the others
    config = Config(retries=retries, connect_timeout=5, read_timeout=20, max_pool_connections=2 * _LANES)
    if service == "s3" and endpoint:
        config = config.merge(Config(s3={"addressing_style": "path"}))
    return boto3.client(service, endpoint_url=endpoint, config=config)


@click.command("glue")
def command() -> None:
    """Register in Glue what is released, for Athena; again, nothing happens."""
    settings = load()
    if settings.glue_prefix is None:
        raise SettingsError("GLUE_PREFIX", "is not set", "the beginning of the databases' names", "make glue GLUE_PREFIX=comporta")
    with machine.writing(settings, "glue"):
        done = register(settings)
    for one in done:
        said = f"{len(one.switched)} switched, {len(one.removed)} removed" if one.switched or one.removed else "as it was"
        console.out.print(f"{database(settings, one.layer)}: release {one.release_id}, {one.tables} tables: {said}.")
    if not done:
        console.out.print("Nothing released yet.")
