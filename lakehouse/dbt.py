"""dbt as a child process, in its own folder, with our settings in its environment."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from lakehouse import console
from lakehouse.errors import ComportaError
from lakehouse.settings import ROOT, Settings

PROJECT = ROOT / "dbt_project"


class ModelError(ComportaError):
    """dbt could not build a model."""

    exit_code = 9


def environment(settings: Settings) -> dict[str, str]:
    """What dbt gets: our port, its target folder under var, no source password."""
    kept = {name: value for name, value in os.environ.items() if name not in {"SOURCE_DSN", "PGPASSWORD"}}
    return kept | {
        "THRIFT_PORT": str(settings.thrift_port),
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


def run(settings: Settings, layer: str) -> None:
    """Build a layer's models."""
    invoke(settings, "run", "--select", f"tag:{layer}")


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
