"""`python -m jobs.render stg_credit__users > users.sql`: a staging model as a query over the view `raw` of trusted.py.

So there is one text that makes columns of documents, the model's. dbt compiles it, without a server; for its source's table the view
stands, and what bronze adds to each row (its batch, for one) is null there and left out of the answer.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from lakehouse import dbt
from lakehouse.errors import SettingsError
from lakehouse.settings import Settings

# What bronze has beside the source's own columns, by type; `_flags` is for values that did not fit, and stays.
TECHNICAL = {"_batch_id": "bigint", "_ingested_at": "timestamp", "_op": "string", "_source_lsn": "bigint", "_flags": "string"}
_LEFT_OUT = {*TECHNICAL, "_is_deleted"} - {"_flags"}


def rendered(model: str, project: Path = dbt.PROJECT) -> str:
    """The model's query over `raw`, with the columns that its YAML names.

    Raises:
        SettingsError: there is no such model, it reads something else than one source, or its YAML names no columns.
        ModelError: dbt can't compile it.
    """
    manifest, failed = _compiled(model, project)
    found = [node for node in manifest["nodes"].values() if node["resource_type"] == "model" and node["name"] == model]
    if not found and not failed:
        raise SettingsError(model, "is no model", remedy=f"Name one of {project / 'models'}")
    inputs = found[0]["depends_on"]["nodes"] if found else []
    if found and (len(inputs) != 1 or inputs[0] not in manifest["sources"]):
        raise SettingsError(model, f"reads {', '.join(inputs) or 'nothing'}", "one source", "Render a staging model")
    if failed:
        raise dbt.ModelError(model, failed)
    node = found[0]
    columns = [name for name in node["columns"] if name not in _LEFT_OUT]
    if not columns:
        raise SettingsError(model, "has no columns in its YAML", remedy="Name them there: they are what is written")
    table = manifest["sources"][inputs[0]]["relation_name"]
    nulls = ", ".join(f"cast(null as {kind}) as {name}" for name, kind in TECHNICAL.items())
    query, count = re.subn(rf"(?<![\w.`]){re.escape(table)}(?![\w.`])", f"(select *, {nulls} from raw)", node["compiled_code"])
    if not count:
        raise SettingsError(model, f"does not read {table} once compiled", remedy="Let it call source() where rows are read")
    return f"-- {model}, by python -m jobs.render\nselect {', '.join(f'`{name}`' for name in columns)} from (\n{query.strip()}\n)\n"


def _compiled(model: str, project: Path) -> tuple[dict[str, Any], str]:
    """dbt's manifest, with the model compiled in it, and what dbt objects to; nothing is asked of a server."""
    settings = Settings()
    with tempfile.TemporaryDirectory() as target:
        told = {
            "DBT_PROJECT_DIR": str(project),
            "DBT_PROFILES_DIR": str(project),
            "DBT_TARGET_PATH": target,
            "DBT_LOG_PATH": target,
        }
        command = [
            *dbt._DBT,
            "--no-version-check",
            "--quiet",
            "compile",
            "--no-populate-cache",
            "--no-introspect",
            "--select",
            model,
        ]
        done = subprocess.run(
            command, cwd=project, env=dbt.environment(settings) | told, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        written = Path(target) / "manifest.json"
        manifest = json.loads(written.read_bytes()) if written.exists() else {"nodes": {}, "sources": {}}
        return manifest, " ".join(f"{done.stdout} {done.stderr}".split())[-500:] if done.returncode else ""


if __name__ == "__main__":
    try:
        print(rendered(sys.argv[1]), end="")
    except (SettingsError, dbt.ModelError) as error:
        print(f"✗ {error}", file=sys.stderr)
        sys.exit(error.exit_code)
