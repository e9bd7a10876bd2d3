"""`python -m jobs.render stg_credit__users _id=bigint > users.sql`: a staging model as a query over the view `raw` of trusted.py.

So one text makes columns of documents, the model's. dbt compiles it, without a server; where the model reads its source, the view
stands, with what bronze has and a file has not: its key, taken out of the document, the day of its path as the time of its ingestion,
and nothing as its batch.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakehouse import dbt, machine
from lakehouse.errors import ComportaError, SettingsError

# What bronze adds to each row, as an expression over `raw`.
ADDED = {
    "_line": "cast(null as bigint)",
    "_batch_id": "cast(null as bigint)",
    "_ingested_at": r"try_cast(replace(regexp_extract(_file, '/([0-9]{4}/[0-9]{2}/[0-9]{2})/[^/]*$', 1), '/', '-') as timestamp)",
    "_op": "cast(null as string)",
    "_source_lsn": "cast(null as bigint)",
    "_flags": "cast(null as string)",
}
# Of these nothing is known here. `_flags` stays: it is where a value stands that does not fit its column.
_LEFT_OUT = {*ADDED, "_is_deleted"} - {"_flags"}
_TYPE = re.compile(r"[a-z]+(\(\d+(,\d+)?\))?")


@dataclass(frozen=True)
class Staging:
    """A compiled staging model: its query, the table that it reads, the columns that its YAML names."""

    model: str
    query: str
    table: str
    columns: tuple[str, ...]

    def over_raw(self, key: Mapping[str, str]) -> str:
        """The query over `raw`; of `key` each column's type, where bronze has it apart from the document."""
        taken = {name: f"try_cast(get_json_object(_document, '$[\\'{name}\\']') as {kind})" for name, kind in key.items()}
        added = ", ".join(f"{expression} as {name}" for name, expression in {**taken, **ADDED}.items())
        query, count = re.subn(
            rf"(?<![\w.`]){re.escape(self.table)}(?![\w.`])", lambda _: f"(select *, {added} from raw)", self.query
        )
        if not count:
            raise SettingsError(self.model, f"does not read {self.table} once compiled", remedy="Let it select from source()")
        names = ", ".join(f"`{name}`" for name in self.columns if name not in _LEFT_OUT)
        return f"-- {self.model}, by python -m jobs.render\nselect {names} from (\n{query.strip()}\n)\n"


def compiled(models: Sequence[str], project: Path = dbt.PROJECT) -> dict[str, Staging]:
    """Staging models as dbt compiles them.

    Raises:
        SettingsError: there is no such model, it reads something else than one source, or its YAML names no columns.
        ModelError: dbt can't compile one.
    """
    manifest, failed = _manifest(models, project)
    nodes = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    if manifest["nodes"]:  # what is wrong with the choice is said before what dbt says of it
        for model in models:
            _check(model, nodes.get(model), manifest["sources"], project)
    if failed:
        raise dbt.ModelError(", ".join(models), failed)
    return {
        model: Staging(
            model,
            nodes[model]["compiled_code"],
            manifest["sources"][nodes[model]["depends_on"]["nodes"][0]]["relation_name"],
            tuple(nodes[model]["columns"]),
        )
        for model in models
    }


def _check(model: str, node: dict[str, Any] | None, sources: Mapping[str, Any], project: Path) -> None:
    if node is None:
        raise SettingsError(model, "is no model", remedy=f"Name one of {project / 'models'}")
    inputs = node["depends_on"]["nodes"]
    if len(inputs) != 1 or inputs[0] not in sources:
        raise SettingsError(model, f"reads {', '.join(inputs) or 'nothing'}", "one source", "Render a staging model")
    if not node["columns"]:
        raise SettingsError(model, "has no columns in its YAML", remedy="Name them there: they are what is written")


def _manifest(models: Sequence[str], project: Path) -> tuple[dict[str, Any], str]:
    """dbt's manifest with these models compiled in it, and what dbt objects to; nothing is asked of a server."""
    with tempfile.TemporaryDirectory() as target:
        settings = machine.load()
        told = {
            "BRONZE_SOURCES": ",".join(dbt.sources_of_project()),  # a model is rendered whatever bronze has
            "DBT_PROJECT_DIR": str(project),
            "DBT_PROFILES_DIR": str(project),
            "DBT_TARGET_PATH": target,
            "DBT_LOG_PATH": target,
        }
        done = subprocess.run(
            [*dbt._DBT, "--no-version-check", "--quiet", "compile", "--no-populate-cache", "--no-introspect", "--select", *models],
            cwd=project,
            env=dbt.environment(settings) | told,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        written = Path(target) / "manifest.json"
        manifest = json.loads(written.read_bytes()) if written.exists() else {"nodes": {}, "sources": {}}
        return manifest, " ".join(f"{done.stdout} {done.stderr}".split())[-500:] if done.returncode else ""


def main(arguments: Sequence[str]) -> str:
    """The query that was asked for.

    Raises:
        SettingsError: the arguments are no model and columns with their types; or as `compiled`.
    """
    model, *key = arguments or [""]
    pairs = [part.partition("=")[::2] for part in key]
    if not model or not all(re.fullmatch(r"\w+", name) and _TYPE.fullmatch(kind) for name, kind in pairs):
        raise SettingsError(
            "jobs.render", f"was told {' '.join(arguments) or 'nothing'}", "a model, then key columns as _id=bigint"
        )
    return compiled([model])[model].over_raw(dict(pairs))


if __name__ == "__main__":
    try:
        print(main(sys.argv[1:]), end="")
    except ComportaError as error:
        print(f"✗ {error}", file=sys.stderr)
        sys.exit(error.exit_code)
