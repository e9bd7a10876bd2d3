"""What somebody gives to make is never code: neither make nor a shell reads it, and it arrives as it was typed.

The real Makefile runs in a folder whose name is hostile too; each program of it is replaced by one that notes how it was called.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pytest

from comporta import checkout, words
from comporta import make as make_words
from comporta.cli import PLACES, cli
from lakehouse.errors import SettingsError
from lakehouse.settings import ROOT, Settings

TEXT = (
    '-x; select `touch canary` $HOME ${HOME} $$ $(touch canary) $(shell touch canary) $(error no) "q" it\'s # -- é ☃ \\ \\n %s\n'
    "& | > canary\ttwo"
)
WORDS, CONDITION = "words", "condition"
# Every target that is no command of ours, and how what is given to it arrives: as an option, as words, or only as a condition of a rule.
TARGETS: dict[str, dict[str, str]] = {
    "help": {},
    "test": {"TESTS": WORDS},
    "flaky": {"TIMES": "--times", "TESTS": WORDS},
    "test-adapter": {"TESTS": WORDS},
    "infra-test": {"TESTS": WORDS},
    "test-workers": {"TESTS": WORDS},
    "test-upgrade": {"TESTS": WORDS},
    "image-test": {"TESTS": WORDS},
    "sbom": {},
    "test-packages": {"PACKAGES": "--packages", "ONLY": "--only"},
    "lint": {},
    "lint-sql": {"MODELS": WORDS, "FIX": CONDITION},
    "infra-docs": {},
    "infra-lock": {},
    "bench-lock": {},
    "lock": {},
    "env": {"STORE": CONDITION},
    **{f"bench-{name}": {"BENCH": WORDS} for name in ("ingest", "dbt", "files", "gate", "release", "site", "store", "tpch")},
}
FILES = {".venv/bin/uv": {"PYTHON": CONDITION}}  # rules that are no targets of their own
CONTEXT = click.Context(cli)
# Our commands, which the Makefile hands all that it is given (comporta/make.py): variable to option.
COMMANDS = {name: {make_words._name(each): each for each in make_words._options(name)} for name in PLACES if name != "completion"}
SETTINGS = {name.upper() for name in Settings.model_fields}
GIVEN = (
    {name for row in [*TARGETS.values(), *FILES.values(), *COMMANDS.values()] for name in row}
    | SETTINGS
    | {"ROUNDS", "ORDER", "TZ", "SSL_CERT_FILE", "NOBODY_KNOWS_ME"}
)
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
RULES = dict(re.findall(r"^([\w./-]+):(?!=)(.*(?:\n\t.*)*)", MAKEFILE, re.M))
RECORDER = f"""#!{sys.executable} -SE
import json, os, sys
with open(os.environ["RECORD"], "a") as calls:
    calls.write(json.dumps([sys.argv, dict(os.environ)]) + "\\n")
"""
BUILT = [
    "pyproject.toml",
    "bench/requirements.lock",
    "terraform/requirements.lock",
    "terraform/tools/go.mod",
    "terraform/tools/go.sum",
    *(f"requirements{each}.lock" for each in ("", "-dev", "-s3", "-uv")),
    ".venv/.base",
    ".venv/.s3",
    ".venv/.dev",
    ".venv-bench/.base",
    ".venv-infra/.base",
    ".infra/bin/.base",
]
PROGRAMS = [".venv/bin/uv", ".venv/bin/python", ".venv/bin/ruff", ".venv/bin/mypy", ".infra/bin/terraform-docs", "go"]


def text(name: str) -> str:
    return f"{TEXT} {name}"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("make") / "it's `touch canary` $HOME $(touch canary)"
    for name in [*PROGRAMS, *BUILT]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(RECORDER if name in PROGRAMS else "")
        path.chmod(0o755)
    (folder / "Makefile").write_text(MAKEFILE)
    os.utime(folder / "Makefile", (0, 0))  # nothing is older than what it is made of
    for name in [each for each in BUILT if each.endswith((".lock", "go.mod", "go.sum"))]:
        os.utime(folder / name, (0, 0))
    os.utime(folder / ".venv/bin/uv", (1, 1))
    for name in [each for each in BUILT if each.endswith(("base", ".s3", ".dev"))]:
        os.utime(folder / name, (2, 2))
    return folder


def make(stage: Path, *arguments: str, **environment: str) -> tuple["subprocess.CompletedProcess[str]", list[Any]]:
    """The run, and how each program was called: arguments and environment."""
    record = stage.parent / "calls"
    record.unlink(missing_ok=True)
    plain = {name: value for name, value in os.environ.items() if name not in GIVEN and not name.startswith("MAKE")}
    plain |= {"RECORD": str(record), "PATH": f"{stage}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["make", *arguments], cwd=stage, env=plain | environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert [path.name for path in stage.rglob("canary*")] == []
    return done, [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []


def expected(row: Mapping[str, str]) -> set[str]:
    """The arguments that come of the texts of a target's row."""
    return {f"{how}={text(name)}" for name, how in row.items() if how.startswith("--")}


def test_make_hostile_every_target_has_a_row() -> None:
    explained = {name for name, rule in RULES.items() if "## " in rule}
    assert explained == {*TARGETS, *COMMANDS}
    assert {name for name, rule in RULES.items() if _asked(rule)} <= {*TARGETS, *FILES}
    assert {*checkout.targets()} == {*TARGETS} - {"help"}
    assert [name for name in explained if cli.get_command(CONTEXT, name) is None] == []


def test_make_hostile_every_command_is_a_target() -> None:
    assert len(COMMANDS) > 25
    [told] = re.findall(r"^COMMANDS := (.*)$", MAKEFILE, re.M)
    assert sorted(told.split()) == sorted(COMMANDS)


def _asked(rule: str) -> set[str]:
    """Variables that a rule asks for, in make's or in a shell's words."""
    asked = r"\$\(value (\w+)\)|\$\(call given,[\w-]+,(\w+)\)|\$\(WORDS\) (\w+)|\$\$\{?([A-Z_]+)\b"
    return {next(filter(None, found)) for found in re.findall(asked, rule)} - {"PWD"}


@pytest.mark.parametrize("target", sorted([*TARGETS, *FILES, *COMMANDS]))
def test_make_hostile_every_variable_has_a_row(target: str) -> None:
    rule = RULES[target]
    assert _asked(rule) == {*(TARGETS | FILES).get(target, ())}
    told = set(re.findall(r"\b([A-Z_]{2,})=", rule.partition("## ")[2].partition("\n")[0]))
    assert told <= GIVEN


def test_make_hostile_no_text_is_expanded_where_make_or_a_shell_would_read_it() -> None:
    bare = set(re.findall(r"(?<!\$)\$[({](\w+)[)}]", MAKEFILE))
    assert bare == {"RUN", "WORDS", "INSTALL", "COMMANDS", "MAKECMDGOALS", "name"}
    assert "`" not in "".join(rule for rule in RULES.values()).replace("`select", "")


@pytest.mark.parametrize("way", ["make X=…", "X=… make"])
@pytest.mark.parametrize("target", sorted([*TARGETS, *COMMANDS]))
def test_make_hostile_text_arrives_as_typed(stage: Path, target: str, way: str) -> None:
    given = {name: text(name) for name in sorted(GIVEN)}
    as_arguments = [f"{name}={value}" for name, value in given.items()]
    done, calls = make(stage, target, *as_arguments) if way.startswith("make") else make(stage, target, **given)
    assert done.returncode == 0, done.stderr
    assert bool(calls) == (target not in ("help", "env")), done.stdout
    for _, environment in calls:
        assert {name: environment[name] for name in GIVEN} == given
        assert {name for name, value in environment.items() if text("SOURCE_DSN") in value} == {
            "SOURCE_DSN"
        }  # not MAKEFLAGS as well
    wanted = expected(TARGETS.get(target, {}))
    assert {each for arguments, _ in calls for each in arguments[1:] if each in wanted or "canary" in each} == wanted
    if target in COMMANDS:
        [(arguments, environment)] = calls
        assert arguments[-2:] == ["comporta.make", target]
        assert set(environment["MAKE_GIVEN"].split()) == ({*GIVEN} if way.startswith("make") else set())


@pytest.mark.parametrize("target", sorted(COMMANDS))
def test_make_hostile_text_is_one_word_of_the_command(target: str) -> None:
    line = make_words.words(target, {name: text(name) for name in [*GIVEN, "PATH"] if name != "DEBUG"}, ["YES"])
    wanted = [each.opts[-1] if each.is_flag else f"{each.opts[-1]}={text(name)}" for name, each in COMMANDS[target].items()]
    assert line == [target, *wanted]


def test_make_hostile_a_flag_is_off_as_people_say_it() -> None:
    for said in ("", "0", "no", "False", "N", "off"):
        assert make_words.words("ingest", {"DRY_RUN": said, "DEBUG": said}, ["DRY_RUN", "DEBUG"]) == ["ingest"]
    given = {"DRY_RUN": "1", "DEBUG": "1"}
    assert make_words.words("ingest", given, given) == ["--debug", "ingest", "--dry-run"]
    assert make_words.words("ingest", given) == ["ingest", "--dry-run"]  # somebody else's DEBUG


def test_make_hostile_what_is_misspelt_is_refused() -> None:
    with pytest.raises(SettingsError, match="TABELS: is no option of ingest and no setting. Did you mean TABLES?"):
        make_words.words("ingest", {"TABELS": "x"}, ["TABELS"])
    others = ["SCALE", "scale", "VAR_DIR", "TZ", "DEBUG", "LAYER", "NOBODY_KNOWS_ME", "AWS_PROFILE", "CRM_DSN", "HTTPS_PROXY"]
    assert make_words.words("run", {"LAYER": "silver"}, others) == ["run"]


def test_make_hostile_goals_share_their_variables() -> None:
    for goals in (["traffic", "demo"], ["demo", "traffic", "env"]):
        assert make_words.words("demo", {"DAYS": "3"}, ["DAYS"], goals) == ["demo"]
        assert make_words.words("traffic", {"DAYS": "3"}, ["DAYS"], goals) == ["traffic", "--days=3"]
    for target in ("traffic", "demo"):  # whichever comes first, before it does anything
        with pytest.raises(SettingsError, match="DYAS: is no option of demo or traffic and no setting. Did you mean DAYS?"):
            make_words.words(target, {"DYAS": "3"}, ["DYAS"], ["traffic", "demo"])
    assert make_words.words("demo", {}, ["TEST"], ["test", "demo"]) == ["demo"]


def test_make_hostile_an_environment_confirms_nothing() -> None:
    assert make_words.words("clean", {"YES": "1"}) == ["clean"]
    assert make_words.words("clean", {"YES": "1"}, ["YES"]) == ["clean", "--yes"]
    assert make_words.words("clean", {"YES": "No"}, ["YES"]) == ["clean"]


@pytest.mark.parametrize(
    ("target", "ending"),
    [
        ("gate", ["comporta.make", "gate"]),
        ("test", ["TESTS", "pytest", "-n", "auto"]),
        ("test-adapter", ["dbt.tests.fixtures.project", "tests/adapter"]),
        ("lint-sql", ["MODELS", "sqlfluff", "lint"]),
    ],
)
def test_make_hostile_nothing_given_is_the_default(stage: Path, target: str, ending: list[str]) -> None:
    done, calls = make(stage, target)
    assert done.returncode == 0, done.stderr
    [(arguments, environment)] = calls
    assert arguments[-len(ending) :] == ending
    assert (environment["LAYER"], environment["MODELS"]) == ("silver", "dbt_project/models")
    assert not {"SQL", "TABLES", "SOURCE_DSN", "TESTS"} & {*environment}


@pytest.mark.parametrize("target", ["requeue", "suite", "rollback", "diff", "why", "upload"])
def test_make_hostile_what_is_wanted_is_asked_for(target: str) -> None:
    with pytest.raises(SettingsError, match=rf"^[A-Z]+: is not given \(wanted: .+\). Run make {target} [A-Z]+="):
        make_words.words(target, {"PATH": "/bin"})


@pytest.mark.parametrize("target", ["flaky", "test-packages"])
def test_make_hostile_options_are_those_of_the_program(target: str) -> None:
    program = {"flaky": "flaky.py", "test-packages": "packages.py"}[target]
    told = (ROOT / "tests" / program).read_text(encoding="utf-8")
    assert all(f'"{how}"' in told for how in TARGETS[target].values() if how.startswith("--"))


@pytest.mark.parametrize("arguments", [["test"], ["env", "STORE=s3"], ["infra-test"], ["bench-ingest"]])
def test_make_hostile_interpreter_is_a_path_and_no_code(stage: Path, arguments: list[str]) -> None:
    python = stage / "my `touch canary` $HOME python"
    python.write_text(RECORDER)
    python.chmod(0o755)
    done, calls = make(stage, "-B", *arguments, f"PYTHON={python}")
    assert done.returncode == 0, done.stderr
    assert [called[0] for called, _ in calls].count(str(python)) == 2
    bins = [environment["GOBIN"] for called, environment in calls if called[0].endswith("/go")]
    assert bins == ([str(stage / ".infra/bin")] if arguments == ["infra-test"] else [])


def test_make_hostile_interpreter_that_is_none_is_told(stage: Path) -> None:
    done, calls = make(stage, "-B", "env", f"PYTHON={text('PYTHON')}")
    assert done.returncode == 2 and calls == []
    assert f"✗ {text('PYTHON')} is too old" in done.stdout


@pytest.mark.parametrize("program", ["noted", "./noted.py"])
def test_make_hostile_words_are_split_and_not_run(tmp_path: Path, program: str) -> None:
    (tmp_path / "noted.py").write_text("import json, sys\nprint(json.dumps(sys.argv[1:]))")
    said = "-k 'a b' $HOME `touch canary` $(touch canary) ; touch canary # é \"it's\" *.none no*.py"
    environment = os.environ | {"BENCH": said, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    command = [sys.executable, "-W", "ignore", "-m", "comporta.words", "BENCH", program, "--first"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    wanted = ["--first", "-k", "a b", "$HOME", "`touch", "canary`", "$(touch", "canary)", ";", "touch", "canary", "#", "é", "it's"]
    assert json.loads(done.stdout) == [*wanted, "*.none", "noted.py"]
    assert not (tmp_path / "canary").exists()


def test_make_hostile_words_want_closed_quotes() -> None:
    with pytest.raises(SettingsError, match="TESTS: is .*No closing quotation"):
        words.words("TESTS", "-k 'a")
