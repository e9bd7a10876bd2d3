"""The docs are what the code says: generated tables, messages that are quoted, links."""

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from house import FOLDERS, PACKAGES

from docs import reference
from lakehouse.settings import ROOT

PAGES = sorted(path for pattern in ("*.md", "docs/**/*.md", "sql/*.md", "samples/**/*.md") for path in ROOT.glob(pattern))
_FENCED = re.compile(r"^```.*?^```", re.M | re.S)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_VARIABLE = re.compile(
    r"""…|: |\. |\.env|\.yml|\d+|"\w*"|'.?'|[()]|\b(?:[xy]|silver|gold|evolve|freeze|by \w+|mean \w+|SOURCE_\w+)\b"""
)  # parts of a message
# What others say and we hand on: OpenSSL, libpq and PostgreSQL.
_OTHERS = {
    "unable to get local issuer certificate",
    "password authentication failed for user",
    "connection to server at",
    "does not match host name",
    "does not support SSL",
    "Connection refused",
    "timeout expired",
}


@pytest.mark.parametrize("path", [reference.ENGLISH, reference.PORTUGUESE], ids=lambda path: path.name)
def test_tables_are_what_the_code_says(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == reference.page(path), "run .venv/bin/python docs/reference.py"


def test_a_difference_is_printed_and_ends_with_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["reference.py", "--check"])
    monkeypatch.setattr(reference, "page", lambda path: path.read_text(encoding="utf-8").replace("| `SCALE` |", "| `SIZE` |"))
    with pytest.raises(SystemExit) as ended:
        reference.main()
    assert ended.value.code == 1
    assert "\n-| `SCALE` |" in (said := capsys.readouterr().out) and "\n+| `SIZE` |" in said


def test_a_translation_has_each_text_and_no_other() -> None:
    english = {"settings": {"SCALE": {"meaning": "size"}, "VAR_DIR": {"meaning": "state", "default": "here"}}}
    with pytest.raises(SystemExit) as ended:
        reference.translated(english, {"settings": {"VAR_DIR": "estado", "SIZE": "tamanho"}})
    assert str(ended.value).splitlines() == [
        "docs/reference.pt-BR.yml: settings, SCALE, meaning: is missing",
        "docs/reference.pt-BR.yml: settings, VAR_DIR, default: is missing",
        "docs/reference.pt-BR.yml: settings, SIZE, meaning: is one too many",
    ]


def test_every_setting_and_exit_code_is_explained() -> None:
    texts = reference.english()
    assert len(texts["settings"]) > 30 and len(texts["exit codes"]) > 13
    unsaid = [(name, key) for name, rows in texts.items() for key, row in rows.items() if not row["meaning"]]
    assert unsaid == []


def test_every_exit_code_of_the_source_is_in_the_table() -> None:
    """A class of another module than those that the generator knows would be missed."""
    said = {code for path in _code() for code in re.findall(r"^    exit_code = (\d+)$", path.read_text(encoding="utf-8"), re.M)}
    assert said | {"0", "130"} == reference.exit_codes().keys()


@pytest.mark.parametrize("page", ["docs/operations.md", "lakehouse/errors.py"])
def test_exit_codes_are_told_as_they_are(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    told = {*re.findall(r"^(?:├──|└──|ComportaError) .*? (\d+)(?:\s|$)" if page.endswith(".py") else r"^\| (\d+) \|", text, re.M)}
    assert told == reference.exit_codes().keys() - {"0", "130"}


def test_a_dbt_failure_has_its_code() -> None:
    row = re.compile(r"^\| 9 \| .*dbt", re.M)
    assert all(row.search((ROOT / "docs" / name).read_text()) for name in ("reference.md", "reference.pt-BR.md", "operations.md"))


def test_every_make_target_is_explained() -> None:
    targets = reference.targets((ROOT / "Makefile").read_text(encoding="utf-8"))
    assert len(targets) > 45 and {"lint-sql", "infra-test", "diff-models"} <= targets.keys()
    assert [name for name, row in targets.items() if not row["meaning"]] == []


def test_a_target_without_an_explanation_is_seen() -> None:
    made = reference.targets("PYTHON ?= x\nRUN := y\nall: env\n\nlint-sql: .venv/.dev ## Style\n\tx\ntest-all:\n.venv/.dev: x\n")
    assert made == {"all": {"meaning": ""}, "lint-sql": {"meaning": "Style"}, "test-all": {"meaning": ""}}


def test_help_tells_of_every_target() -> None:
    done = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("  make ")}
    assert listed == reference.targets((ROOT / "Makefile").read_text(encoding="utf-8")).keys()


def _code() -> list[Path]:
    return [path for folder in FOLDERS for kind in ("*.py", "*.sql") for path in (ROOT / folder).rglob(kind)]


@pytest.mark.parametrize("page", ["troubleshooting.md", "troubleshooting.pt-BR.md"])
def test_messages_that_are_explained_are_in_the_code(page: str) -> None:
    """Of each message the words between its variable parts."""
    rows = re.findall(r"^\| (`.*?) \| ", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.M)
    said = [span for row in rows for span in re.findall(r"`([^`]+)`", row)]
    assert len(said) > 40
    code = "\n".join(path.read_text(encoding="utf-8") for path in _code()).replace("\\'", "'")
    pieces = [piece.strip(" ,?") for span in said for piece in _VARIABLE.split(span)]
    gone = [piece for piece in pieces if len(piece.split()) > 1 and piece not in code and piece not in _OTHERS]
    assert gone == [], page


@cache
def _anchors(path: Path) -> frozenset[str]:
    """What GitHub makes of the headings: small letters, no punctuation, a hyphen for a space; a second one has a number."""
    heads = re.findall(r"^#+ (.*)$", _FENCED.sub("", path.read_text(encoding="utf-8")), re.M)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", head).strip().lower() for head in heads]
    slugs = [re.sub(r"[^\w\- ]", "", head).replace(" ", "-") for head in plain]
    return frozenset(slug if not slugs[:at].count(slug) else f"{slug}-{slugs[:at].count(slug)}" for at, slug in enumerate(slugs))


def _dead(path: Path, text: str) -> Iterator[str]:
    for link in _LINK.findall(re.sub(r"`[^`\n]*`", "", _FENCED.sub("", text))):
        place, _, anchor = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        if re.match(r"\w+:", link):
            continue
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
            yield link


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    assert [*_dead(path, path.read_text(encoding="utf-8"))] == []


def test_a_dead_link_is_seen() -> None:
    text = "[a](docs/none.md) [b](docs/limits.md#none) [c](#none) [d](docs/reference.md#exit-codes) `[e](none)` [f](https://x.y/z)"
    assert [*_dead(ROOT / "README.md", text)] == ["docs/none.md", "docs/limits.md#none", "#none"]


@pytest.mark.parametrize("page", ["README.md", "README.pt-BR.md"])
def test_the_front_fits_two_screens(page: str) -> None:
    assert len((ROOT / page).read_text(encoding="utf-8").splitlines()) <= 95


def test_each_page_with_a_translation_leads_to_it() -> None:
    twins = [path for path in PAGES if path.name.endswith(".pt-BR.md")]
    assert len(twins) > 5
    for path in twins:
        english = path.with_name(path.name.replace(".pt-BR", ""))
        assert f"]({path.name})" in english.read_text(encoding="utf-8") and f"]({english.name})" in path.read_text(encoding="utf-8")


def test_every_path_of_contributing_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text[text.index("## To change X, open Y") : text.index("## Words")]
    named = [name for name in re.findall(r"`([^`]+)`", table) if "/" in name and " " not in name]
    assert len(named) > 30
    assert [name for name in named if not (ROOT / name).exists()] == []
    packages = re.findall(r"^\| \d? ?\| `(\w+)` \|", text, re.M)
    assert sorted({*packages} - {"dbt_project"}) == sorted(
        {name.partition(".")[0] for name in PACKAGES} - {"dbt"} | {"dbt_adapter"}
    )
