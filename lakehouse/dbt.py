"""dbt as a child process, in its own folder, with our settings in its environment."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from rich.text import Text

from lakehouse import atomic, console, dbt_log
from lakehouse import environment as allowed
from lakehouse.engines.catalog import unquoted
from lakehouse.engines.sqlnames import named
from lakehouse.engines.sqltext import asked
from lakehouse.errors import ComportaError
from lakehouse.settings import ROOT, Settings
from lakehouse.store import lock
from lakehouse.tables import candidate, lake, released

PROJECT = ROOT / "dbt_project"
_MACROS = ROOT / "dbt_adapter" / "dbt" / "include"  # what comes with the adapter; of a project as much as its own
# Not its script: its first line names the folder that the environment was made in, and may not hold one with a space in it.
_DBT = (sys.executable, "-P", "-c", "from dbt.cli.main import cli; cli(prog_name='dbt')")

_TOLD = 3  # failures of a run that are shown, each on a line


_ENVIRONMENT = re.compile(r"\benv_var\s*\(\s*['\"](\w+)")


class ModelError(ComportaError):
    """dbt could not build a model, or a test of it failed."""

    family = "model"
    exit_code = 9


def environment(settings: Settings) -> dict[str, str]:
    """What dbt gets: our port, its target folder under var, no source password."""
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in [PROJECT / "profiles.yml", *_files(PROJECT)])
    return allowed.dbt(settings, _variables(texts)) | {
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
    command = [*_DBT, "--no-version-check", *arguments]
    started = subprocess.Popen(
        command,
        cwd=PROJECT,
        env=environment(settings) | bronze_sources(settings),
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    lines = [line.rstrip() for line in _told(started)]
    if started.wait():
        raise _failed(lines, f"See {settings.log_dir / 'dbt' / 'dbt.log'}")


def run(settings: Settings, layer: str, but: Iterable[str] | None = None) -> None:
    """Build all of a layer's models, and load the seeds that they read. What reads a source that bronze has no table of is left out.

    Args:
        but: selectors of models that are left alone, where the project is what it was: then so are its seeds.
    """
    absent = _absent(settings)
    if absent:
        console.out.print(f"  Without the models of {', '.join(absent)}: bronze has no table of it.", style="dim")
    left = [*(f"source:{name}+" for name in absent), *(f"config.meta.source:{name}" for name in absent), *sorted(but or ())]
    words = ["build", "--resource-types", "model seed" if but is None else "model", "--select", f"tag:{layer}"]
    invoke(settings, *words, *(("--exclude", *left) if left else ()))


def _absent(settings: Settings) -> list[str]:
    """Sources of the project of which readers see no table in bronze; none, if they see none at all."""
    there = sources(settings)
    return [name for name, is_there in there.items() if not is_there] if any(there.values()) else []


def bronze_sources(settings: Settings) -> dict[str, str]:
    """The variable that says which of the project's sources bronze has; nothing, if it has none of them."""
    there = [name for name, is_there in sources(settings).items() if is_there]
    return {"BRONZE_SOURCES": ",".join(there)} if there else {}


def sources(settings: Settings) -> dict[str, bool]:
    """The project's sources, and whether readers see a table of each in bronze."""
    shown = released.published(settings, "bronze").keys()
    return {name: bool(tables & shown) for name, tables in sources_of_project().items()}


def sources_of_project() -> dict[str, set[str]]:
    """The project's sources, and what bronze calls their tables."""
    return {
        source["name"]: {table.get("identifier", table["name"]) for table in source["tables"]}
        for path in sorted((PROJECT / "models").rglob("*.yml"))
        for source in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("sources", ())
    }


def run_moved(settings: Settings, layer: str) -> None:
    """Build those of a layer's models that something new can reach, by what `note_built` noted; all of them if in doubt.

    Views hold no rows, so they are left alone until the project or a source's columns change. A model tagged `always`,
    one that asks what day it is for instance, is built each time.
    """
    idle = _idle(settings, layer)
    if idle is None:
        run(settings, layer)
    elif idle < _models(settings, layer).keys():
        run(settings, layer, idle)
    else:
        console.out.print("  Nothing new for any model.", style="dim")


def note_built(settings: Settings, layer: str) -> None:
    """Note what the layer that was just released was built from, and which of its models are for dbt's adapter to tell."""
    mark, now = _mark(settings, layer), _inputs(settings)
    before = json.loads(mark.read_bytes()) if mark.exists() else {}
    known = set(before.get("each_time", [])) if before.get("project") == now["project"] else None
    manifest = json.loads(_manifest(settings).read_bytes()) if _manifest(settings).exists() else {"nodes": {}, "sources": {}}
    names = {_plain(node) for kind in ("nodes", "sources") for node in manifest[kind].values()}
    each_time = sorted(
        number
        for number, node in manifest["nodes"].items()
        if _is_of(node, layer)  # dbt compiles what it is asked to run: of what it was not, the last answer holds
        and (_each_time(node, names) if node.get("compiled_code") else known is None or number in known)
    )
    atomic.write(mark, json.dumps(now | {"each_time": each_time, "release": _release(settings, layer)}))


def _idle(settings: Settings, layer: str) -> set[str] | None:
    """Selectors of the layer's models that need no building; None if what was built last is not known, or was something else.

    A candidate that is not the version that readers see was dropped, damaged or set back, and is built.
    """
    mark, now = _mark(settings, layer), _inputs(settings)
    if not mark.exists() or not _manifest(settings).exists():
        return None
    before = json.loads(mark.read_bytes())
    if any(before.get(name) != value for name, value in now.items() if name != "bronze"):
        return None
    # Else the lake was released from with another VAR_DIR, by who knows what project.
    if before.get("release") != _release(settings, layer):
        return None
    moved = {table for table, version in now["bronze"].items() if before["bronze"].get(table) != version}
    shown = released.published(settings, layer)
    idle = set()
    for selector, (table, kind, always, tables) in _models(settings, layer).items():
        if tables and not tables & now["bronze"].keys():  # of a source that bronze does not have
            idle.add(selector)
            continue
        same = kind == "view" or (not tables & moved and candidate.version(settings, layer, table) == shown.get(table, -1))
        if same and not always:
            idle.add(selector)
    return idle


def _release(settings: Settings, layer: str) -> int:
    made = released.current(settings, layer)
    return made.release_id if made else 0


def table_of(node: dict[str, Any]) -> str:
    """The name of a model's table in the catalog, which knows small letters alone: its alias."""
    return str(node.get("alias") or node["name"]).lower()


def contract(settings: Settings, table: str, target: Path | None = None) -> dict[str, str] | None:
    """Columns and types that the model of `table` promises; None if no contract of it is enforced, or dbt has not run."""
    for node in manifest(settings, target)["nodes"].values():
        if node["resource_type"] == "model" and table_of(node) == table and node["config"].get("contract", {}).get("enforced"):
            return {name: str(column["data_type"]) for name, column in node["columns"].items()}
    return None


def manifest(settings: Settings, target: Path | None = None) -> dict[str, Any]:
    """What dbt knew of the project when it last ran; without nodes if it never has.

    Args:
        target: dbt's target folder; by default that of runs for a release.
    """
    path = target / "manifest.json" if target else _manifest(settings)
    empty: dict[str, Any] = {"nodes": {}, "sources": {}, "parent_map": {}}
    return empty | (json.loads(path.read_bytes()) if path.exists() else {})


def models(known: dict[str, Any], layer: str) -> dict[str, dict[str, Any]]:
    """The layer's models in a manifest, views included, by the names of their tables."""
    return {
        table_of(node): node
        for node in known["nodes"].values()
        if node["resource_type"] == "model" and layer in node.get("tags", ())
    }


def unique_key(node: dict[str, Any] | None) -> tuple[str, ...]:
    """The columns that a model's config says name a row; none if it does not say."""
    said = (node or {}).get("config", {}).get("unique_key") or ()
    return tuple(map(unquoted, (said,) if isinstance(said, str) else said))


def _models(settings: Settings, layer: str) -> dict[str, tuple[str, str, bool, set[str]]]:
    """Of each model of the layer, by what selects it alone: its table, how it is materialized, whether it is built each time, and the bronze tables that it comes from."""
    manifest = json.loads(_manifest(settings).read_bytes())
    sources = {number: source["identifier"] for number, source in manifest["sources"].items()}
    marks = [json.loads(path.read_bytes()) for path in _mark(settings, layer).parent.glob("built_*.json")]
    each_time = {number for mark in marks for number in mark.get("each_time", [])}

    @cache
    def tables(number: str) -> frozenset[str]:
        if number in sources:
            return frozenset([sources[number]])
        return frozenset().union(*(tables(parent) for parent in manifest["parent_map"].get(number, [])))

    @cache
    def always(number: str) -> bool:
        """So is a model below one that is built each time."""
        own = number in each_time or "always" in manifest["nodes"].get(number, {}).get("tags", [])
        return own or any(always(parent) for parent in manifest["parent_map"].get(number, []))

    return {
        ".".join(node["fqn"]): (table_of(node), node["config"]["materialized"], always(number), set(tables(number)))
        for number, node in manifest["nodes"].items()
        if _is_of(node, layer)
    }


def _is_of(node: dict[str, Any], layer: str) -> bool:
    return node["resource_type"] == "model" and layer in node["tags"]


def _each_time(node: dict[str, Any], names: set[tuple[str, ...]]) -> bool:
    """Whether only dbt's adapter can tell if a model that was compiled is to be built.

    Its query asks for the time or the like, names a table that none of `names` is, or has hooks.
    """
    said = asked(node["compiled_code"])
    hooks = any(node["config"].get(name) for name in ("pre-hook", "pre_hook", "post-hook", "post_hook"))
    besides = any(each.parts[-2:] not in names for each in named(node["compiled_code"]))
    return bool(said.surely or said.perhaps or hooks or besides)


def _plain(node: dict[str, Any]) -> tuple[str, ...]:
    return str(node.get("schema", "")).lower(), str(node.get("alias") or node.get("identifier") or "").lower()


def _inputs(settings: Settings) -> dict[str, Any]:
    """What decides what the models give: the lake, the project, the columns and the versions of released bronze."""
    bronze = released.published(settings, "bronze")
    tables = [lake.open(settings, "bronze", name) for name in sorted(bronze)]
    said = [json.loads(table.schema().to_json()) for table in tables]  # delta-rs writes a field's properties in any order
    columns = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return {"lake": settings.lake_url, "project": fingerprint(), "columns": columns, "bronze": bronze}


def _mark(settings: Settings, layer: str) -> Path:
    return settings.var_dir / "state" / f"built_{layer}.json"


def _manifest(settings: Settings) -> Path:
    return settings.var_dir / "dbt" / "target" / "manifest.json"


def fingerprint() -> str:
    """Digest of the project: its files, the adapter's macros, packages laid beside it, the environment variables that any asks for."""
    found = hashlib.sha256()
    said: set[str] = set()
    files = [(PROJECT, path) for path in _files(PROJECT)] + [(_MACROS, path) for path in sorted(_MACROS.rglob("*.sql"))]
    for top, path in files:
        text = path.read_bytes()
        found.update(path.relative_to(top).as_posix().encode() + b"\0" + text + b"\0")
        said |= _variables([text.decode(errors="replace")])
    found.update(json.dumps({name: os.environ.get(name) for name in sorted(said)}).encode())
    return found.hexdigest()


def _variables(texts: Iterable[str]) -> set[str]:
    """Environment variables that these texts ask for by name."""
    return {name for text in texts for name in _ENVIRONMENT.findall(text)}


def _files(project: Path) -> list[Path]:
    """What a project is made of; packages may be links to folders elsewhere."""
    inside = [project / name for name in ("models", "macros", "tests", "seeds", "snapshots", "analyses")]
    packages = sorted(path for path in (project / "dbt_packages").glob("*") if path.is_dir())
    found = [project / name for name in ("dbt_project.yml", "packages.yml", "dependencies.yml", "package-lock.yml")]
    found += [
        Path(folder) / name for top in [*inside, *packages] for folder, _, names in os.walk(top, followlinks=True) for name in names
    ]
    return sorted(path for path in found if path.is_file())


def _told(process: "subprocess.Popen[str]") -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        if " OK created" in line or " ERROR creating" in line:
            console.out.print(f"  {line.split('  ', 1)[-1].strip().rstrip('.')}", markup=False, style="dim")
        yield line


def _failed(lines: list[str], remedy: str) -> ModelError:
    """What dbt's lines say: one failure in the error, of several the first as lines above it."""
    failures = dbt_log.failures(lines)
    if len(failures) < 2:
        reason = failures[0][1] if failures else next((line for line in reversed(lines) if line.strip()), "said nothing")
        return ModelError("dbt", reason, remedy=remedy)
    for _, reason in failures[:_TOLD]:
        console.out.print(Text.assemble(("✗ ", "red"), reason))
    more = f" and {len(failures) - _TOLD} more" if len(failures) > _TOLD else ""
    if more:
        console.out.print(f"  …{more}")
    names = ", ".join(name for name, _ in failures[:_TOLD])
    return ModelError("dbt", f"{len(failures)} models or tests failed: {names}{more}", remedy=remedy)
