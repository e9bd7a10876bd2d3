"""What commands print, whole, as people and programs see it: kept beside this file. `OUTPUTS=write` takes what is printed now."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest
from click.shell_completion import get_completion_class

from comporta import cli
from comporta.gate import _print_json
from expectations import command
from expectations.verdict import CheckOutcome, Verdict
from ingestion.sources import config as source
from lakehouse import console
from lakehouse.settings import ROOT, Settings
from lakehouse.tables import ledger

KEPT = Path(__file__).with_name("outputs")
Print = Callable[..., str]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Print:
    """Runs a command in this process; what it printed, standard error after a line, and its exit code if it is not 0."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(source, "PATH", tmp_path / "sources.yml")
    monkeypatch.setattr(source.load, "__defaults__", (tmp_path / "sources.yml",))
    monkeypatch.setattr(source.variables, "__defaults__", (tmp_path / "sources.yml",))

    def run(*words: str, program: Callable[[], object] | None = None) -> str:
        monkeypatch.setattr(console, "out", console._Plain(width=160))
        monkeypatch.setattr(console, "err", console._Plain(stderr=True, width=160))
        capfd.readouterr()
        code: object = 0
        try:
            program() if program else cli.main(words)
        except SystemExit as left:
            code = left.code
        out, err = capfd.readouterr()
        text = out + (f"--- standard error\n{err}" if err else "") + (f"--- exit code {code}\n" if code else "")
        text = text.replace(str(tmp_path), "<folder>").replace(str(ROOT), "<checkout>")
        return re.sub(r" +$", "", text, flags=re.MULTILINE)

    return run


def keep(name: str, *outputs: tuple[str, str]) -> None:
    """Compare outputs, each under what was typed, with those that are kept."""
    now = "\n".join(f"$ {typed}\n{output}" for typed, output in outputs)
    path = KEPT / f"{name}.txt"
    if os.environ.get("OUTPUTS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(now, encoding="utf-8")
    assert len(now) > 20
    assert now == path.read_text(encoding="utf-8"), (
        f"{path.name} differs: look at it, and run once with OUTPUTS=write if it is right"
    )


def test_help_of_all_commands(printed: Print) -> None:
    keep("help", ("comporta --help", printed("--help")))
    names = [name for name in cli.PLACES if name != "seed"]
    keep("commands", *((f"comporta {name} --help", printed(name, "--help")) for name in [*names, "seed"]))


def test_a_mistake_on_the_command_line(printed: Print) -> None:
    lines = ["stauts", "gate --layer brass", "rollback", "ingest --tabels x", "release --layer silver --quick"]
    keep("mistakes", *((f"comporta {line}", printed(*line.split())) for line in lines))


def test_status(printed: Print, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate(("THRIFT_PORT", "CONNECT_PORT", "SPARK_UI_PORT", "POSTGRES_PORT", "SITE_PORT", "S3_PORT")):
        monkeypatch.setenv(name, str(1100 + number))  # where nobody is
    keep("status", ("comporta status", printed("status")), ("comporta status --json", printed("status", "--json")))


def test_releases(printed: Print, tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path / "var")
    nothing = printed("releases")
    for number, (layer, kind, note, tables) in enumerate(
        [
            ("silver", "release", "", '{"int_orders__current": 3}'),
            ("silver", "release", "", '{"int_orders__current": 4, "int_lines__current": 1}'),
            ("silver", "rollback", "shows release 1 again", '{"int_orders__current": 3}'),
        ],
        1,
    ):
        row = {"release_id": number, "layer": layer, "kind": kind, "status": "published", "note": note, "tables": tables}
        ledger.append(settings, "releases", [row])
    outputs = [("comporta releases", nothing), ("comporta releases", printed("releases"))]
    keep("releases", *outputs, ("comporta releases --json", printed("releases", "--json")))


def test_discover_and_a_dry_run(printed: Print, monkeypatch: pytest.MonkeyPatch, fresh_database: str) -> None:
    monkeypatch.setenv("SOURCE_DSN", fresh_database)
    monkeypatch.setenv("SOURCE_NAME", "crm")
    with psycopg2.connect(fresh_database) as connection:
        connection.cursor().execute(
            "create table customers(id int primary key, name text, changed_at timestamptz);"
            "create table notes(said text); create view lately as select * from customers;"
        )
    connection.close()
    keep(
        "discover",
        ("comporta discover --json", printed("discover", "--json")),
        ("comporta discover", printed("discover")),
        ("cat ingestion/sources.yml", source.PATH.read_text(encoding="utf-8")),
        ("comporta ingest --dry-run", printed("ingest", "--dry-run")),
    )


def test_an_upload_that_is_tried(printed: Print, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("movies.csv").write_text("id|title\n1|A\n")
    Path("a b.csv").write_text("id|title\n2|B\n")
    Path("empty.csv").touch()
    lines = [
        "upload movies.csv --source local --date 2022-05-02 --dry-run",
        "upload empty.csv --source local",
        "upload movies.xlsx --source local",
        "upload movies.csv --source Local/CSV",
        "upload",
    ]
    outputs = [(f"comporta {line}", printed(*line.split())) for line in lines]
    files = ("upload", "--files", "movies.csv 'a b.csv' none.csv", "--source", "local", "--date", "2022-05-02", "--dry-run")
    told = "make upload FILES=\"movies.csv 'a b.csv' none.csv\" SOURCE=local DATE=2022-05-02 DRY_RUN=1"
    keep("upload", *outputs, (told, printed(*files)))


def test_what_a_gate_says(printed: Print, tmp_path: Path) -> None:
    failed = CheckOutcome(
        number=2,
        check="expect_column_values_to_be_between",
        severity="critical",
        success=False,
        column="total",
        owner="sales",
        why="Nobody pays us to buy.",
        observed="0.5 % of 400 rows unexpected",
        unexpected_count=2,
        sample=({"order_id": 7, "total": -3},),
    )
    common = {
        "layer": "gold",
        "delta_version": 3,
        "declared": 5,
        "failed_warning": 0,
        "rows_seen": 400,
        "suite_hash": "x",
        "page": None,
    }
    verdicts = [
        Verdict(table="dim_a", verdict="passed", reason="", ran=5, passed_checks=5, failed_critical=0, failures=(), **common),
        Verdict(
            table="fct_b", verdict="failed", reason="", ran=5, passed_checks=4, failed_critical=1, failures=(failed,), **common
        ),
    ]
    settings = Settings(var_dir=tmp_path / "var")
    keep(
        "gate",
        ("comporta gate --layer gold", printed(program=lambda: command.show(settings, verdicts))),
        ("comporta gate --layer gold --json", printed(program=lambda: _print_json(settings, verdicts))),
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes(printed: Print, shell: str) -> None:
    assert "_COMPORTA_COMPLETE" in printed("completion", shell)
    kind = get_completion_class(shell)
    assert kind is not None
    found = kind(cli.cli, {}, "comporta", "_COMPORTA_COMPLETE")
    assert {each.value for each in found.get_completions([], "re")} == {"requeue", "release", "releases", "reconcile"}
    assert [each.value for each in found.get_completions(["gate", "--layer"], "")] == ["bronze", "silver", "gold"]
    assert "--dry-run" in [each.value for each in found.get_completions(["ingest"], "--")]
