"""dbt as a child process, in its own folder, with our settings in its environment."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from lakehouse import candidate, console, lock, release, storage
from lakehouse.errors import ComportaError
from lakehouse.settings import ROOT, SECRETS, Settings
from lakehouse.sqltext import volatile

PROJECT = ROOT / "dbt_project"


class ModelError(ComportaError):
    """dbt could not build a model."""

    exit_code = 9


def environment(settings: Settings) -> dict[str, str]:
    """What dbt gets: our port, its target folder under var, no source password."""
    kept = {name: value for name, value in os.environ.items() if name not in SECRETS}
    return kept | {
        **lock.for_child(settings),
        **settings.where(),
        "VAR_DIR": str(settings.var_dir),
        "THRIFT_PORT": str(settings.thrift_port),
        "SPARK_UI_PORT": str(settings.spark_ui_port),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_TARGET_PATH": str(settings.var_dir / "dbt" / "target"),
        "DBT_LOG_PATH": str(settings.log_dir / "dbt"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_USE_COLORS": "false",
        "NO_COLOR": "1",
    }


def invoke(settings: Settings, *arguments: str) -> None:
    """Run dbt with `arguments`, telling each model as it ends.

    Raises:
        ModelError: names the models that failed, with Spark's message.
    """
    command = [str(Path(sys.executable).with_name("dbt")), "--no-version-check", *arguments]
    started = subprocess.Popen(
        command, cwd=PROJECT, env=environment(settings), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    lines = [line.rstrip() for line in _told(started)]
    if started.wait():
        raise ModelError("dbt", _reason(lines), remedy=f"See {settings.log_dir / 'dbt' / 'dbt.log'}")


def lay_macros(folder: Path, locking: bool = False) -> None:
    """Copy our macros to `folder`, for another project than this one: without this lake's schemas and, unless `locking`, its lock."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in (PROJECT / "macros").rglob("*.sql"):
        if path.name != "generate_schema_name.sql" and (locking or path.name != "begin_writing.sql"):
            shutil.copy(path, folder / path.name)


def run(settings: Settings, layer: str) -> None:
    """Build all of a layer's models."""
    invoke(settings, "run", "--select", f"tag:{layer}")


def run_moved(settings: Settings, layer: str) -> None:
    """Build those of a layer's models that something new can reach, by what `note_built` noted; all of them if in doubt.

    Views hold no rows, so they are left alone until the project or a source's columns change. A model tagged `always`,
    one that asks what day it is for instance, is built each time.
    """
    idle = _idle(settings, layer)
    if idle is None:
        run(settings, layer)
    elif idle < _models(settings, layer).keys():
        invoke(settings, "run", "--select", f"tag:{layer}", *(("--exclude", *sorted(idle)) if idle else ()))
    else:
        console.out.print("  Nothing new for any model.", style="dim")


def note_built(settings: Settings, layer: str) -> None:
    """Note what the layer that was just released was built from."""
    mark = _mark(settings, layer)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps(_inputs(settings)))


def _idle(settings: Settings, layer: str) -> set[str] | None:
    """Names of the layer's models that need no building; None if what was built last is not known, or was something else.

    A candidate that is not the version that readers see was dropped, damaged or set back, and is built.
    """
    mark, now = _mark(settings, layer), _inputs(settings)
    if not mark.exists() or not _manifest(settings).exists():
        return None
    before = json.loads(mark.read_text())
    if {**before, "bronze": None} != {**now, "bronze": None}:
        return None
    moved = {table for table, version in now["bronze"].items() if before["bronze"].get(table) != version}
    shown = release.published(settings, layer)
    idle = set()
    for name, (kind, tags, tables) in _models(settings, layer).items():
        still = "always" not in tags and not tables & moved
        if kind == "view" or (still and candidate.version(settings, layer, name) == shown.get(name, -1)):
            idle.add(name)
    return idle


def contract(settings: Settings, model: str, target: Path | None = None) -> dict[str, str] | None:
    """Columns and types that `model` promises; None if no contract of it is enforced, or dbt has not run."""
    for node in manifest(settings, target)["nodes"].values():
        if node["resource_type"] == "model" and node["name"] == model and node["config"].get("contract", {}).get("enforced"):
            return {name: str(column["data_type"]) for name, column in node["columns"].items()}
    return None


def manifest(settings: Settings, target: Path | None = None) -> dict[str, Any]:
    """What dbt knew of the project when it last ran; without nodes if it never has.

    Args:
        target: dbt's target folder; by default that of runs for a release.
    """
    path = target / "manifest.json" if target else _manifest(settings)
    empty: dict[str, Any] = {"nodes": {}, "sources": {}, "parent_map": {}}
    return empty | (json.loads(path.read_text()) if path.exists() else {})


def models(known: dict[str, Any], layer: str) -> dict[str, dict[str, Any]]:
    """The layer's models in a manifest, views included, by name."""
    return {
        node["name"]: node for node in known["nodes"].values() if node["resource_type"] == "model" and layer in node.get("tags", ())
    }


def unique_key(node: dict[str, Any] | None) -> tuple[str, ...]:
    """The columns that a model's config says name a row; none if it does not say."""
    said = (node or {}).get("config", {}).get("unique_key") or ()
    return (said,) if isinstance(said, str) else tuple(said)


def _models(settings: Settings, layer: str) -> dict[str, tuple[str, set[str], set[str]]]:
    """Of each model of the layer: how it is materialized, its tags, and the bronze tables that it comes from."""
    manifest = json.loads(_manifest(settings).read_text())
    sources = {number: source["identifier"] for number, source in manifest["sources"].items()}

    def tables(number: str) -> set[str]:
        if number in sources:
            return {sources[number]}
        return set().union(*(tables(parent) for parent in manifest["parent_map"].get(number, [])))

    return {
        node["name"]: (node["config"]["materialized"], set(node["tags"]) | _each_time(node), tables(number))
        for number, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and layer in node["tags"]
    }


def _each_time(node: dict[str, Any]) -> set[str]:
    """`always` for a model whose query asks for the time or the like."""
    return {"always"} if volatile(node.get("compiled_code") or node.get("raw_code") or "") else set()


def _inputs(settings: Settings) -> dict[str, Any]:
    """What decides what the models give: the lake, the project, the columns and the versions of released bronze."""
    released = release.published(settings, "bronze")
    options = storage.options(settings)
    tables = [DeltaTable(candidate.location(settings, "bronze", name), storage_options=options) for name in sorted(released)]
    columns = hashlib.sha256("".join(table.schema().to_json() for table in tables).encode()).hexdigest()
    return {"lake": settings.lake_url, "project": _fingerprint(), "columns": columns, "bronze": released}


def _mark(settings: Settings, layer: str) -> Path:
    return settings.var_dir / "state" / f"built_{layer}.json"


def _manifest(settings: Settings) -> Path:
    return settings.var_dir / "dbt" / "target" / "manifest.json"


def write_docs(settings: Settings) -> None:
    """dbt's docs as one page of the site; made again only when the project has changed, since it takes dbt 10 s."""
    page, mark = settings.site_dir / "dbt" / "index.html", settings.var_dir / "state" / "dbt_docs"
    built = (settings.var_dir / "dbt" / "target").exists()
    if not built or (page.exists() and mark.exists() and mark.read_text() == _fingerprint()):
        return
    invoke(settings, "docs", "generate", "--static")
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_bytes((settings.var_dir / "dbt" / "target" / "static_index.html").read_bytes())
    mark.write_text(_fingerprint())


def _fingerprint() -> str:
    files = sorted(
        path for folder in ("models", "macros", "tests", "seeds") for path in (PROJECT / folder).rglob("*") if path.is_file()
    )
    files.append(PROJECT / "dbt_project.yml")
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()


def _told(process: "subprocess.Popen[str]") -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        if " OK created" in line or " ERROR creating" in line:
            console.out.print(f"  {line.split('  ', 1)[-1].strip().rstrip('.')}", markup=False, style="dim")
        yield line


def _reason(lines: list[str]) -> str:
    """The models and messages of dbt's closing lines, without Java's stack."""
    plain = [line.split("  ", 1)[-1].strip() for line in lines]
    start = next((number for number, line in enumerate(plain) if "Error in model" in line or "Error" in line), None)
    if start is None:
        return plain[-1] if plain else "said nothing"
    kept = [line for line in plain[start : start + 8] if line and not line.startswith(("at ", "org.apache"))]
    return " ".join(kept)[:900]
