"""Writes the tables of docs/reference*.md from the code: `.venv/bin/python docs/reference.py`; `--check` only compares."""

import difflib
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import SecretStr

from lakehouse import atomic, dbt
from lakehouse.errors import ComportaError
from lakehouse.settings import ROOT, Settings

TRANSLATION = ROOT / "docs" / "reference.pt-BR.yml"
ENGLISH, PORTUGUESE = ROOT / "docs" / "reference.md", ROOT / "docs" / "reference.pt-BR.md"
# What comporta/cli.py ends with where it was no error of ours; those of its own have a class each.
_OUTSIDE = {0: ("", "Done"), 1: (ComportaError.family, "A bug"), 130: ("", "Interrupted")}
_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
# The head of each table; what stands for no default, and what is added to a secret.
_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "settings": ("variable", "default", "allowed", "meaning"),
        "exit codes": ("exit code", "family", "meaning"),
        "make targets": ("target", "what it does"),
        "none, secret": ("none", "a secret"),
    },
    "pt-BR": {
        "settings": ("variável", "padrão", "permitido", "significado"),
        "exit codes": ("código de saída", "família", "significado"),
        "make targets": ("alvo", "o que faz"),
        "none, secret": ("nenhum", "é segredo"),
    },
}
Texts = Mapping[str, Mapping[str, Mapping[str, str]]]


def settings() -> dict[str, dict[str, str]]:
    """Of each setting its English meaning and, where it is told in words, its default."""
    found = {}
    for name, field in Settings.model_fields.items():
        shown = field.json_schema_extra.get("shown") if isinstance(field.json_schema_extra, dict) else None
        found[name.upper()] = {"meaning": field.description or ""} | ({"default": str(shown)} if shown else {})
    return found


def exit_codes() -> dict[str, dict[str, str]]:
    """Of each exit code its English family and meaning: the first line of the class's docstring."""
    classes = [ComportaError, dbt.ModelError]
    for each in classes:
        classes.extend(other for other in each.__subclasses__() if other not in classes)
    said = {each.exit_code: (each.family, (each.__doc__ or "").split("\n")[0].rstrip(".")) for each in reversed(classes)}
    return {str(code): {"family": family, "meaning": meaning} for code, (family, meaning) in sorted((said | _OUTSIDE).items())}


def targets(makefile: str) -> dict[str, dict[str, str]]:
    """Of each target of a Makefile its explanation, empty where there is none."""
    lines = re.findall(r"^([a-z][a-z0-9-]*):(?!=)(.*)$", makefile, re.M)
    return {name: {"meaning": rest.partition("## ")[2]} for name, rest in lines}


def english() -> Texts:
    """All texts in English, from the code."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return {"settings": settings(), "exit codes": exit_codes(), "make targets": targets(makefile)}


def translated(texts: Texts, said: Any) -> Texts:
    """The same texts as a translation has them, which is as the YAML file has it: a text alone is a meaning.

    Raises:
        SystemExit: a text is missing or one too many; names each.
    """
    found = {
        table: {str(key): {"meaning": value} if isinstance(value, str) else value for key, value in rows.items()}
        for table, rows in said.items()
    }
    wanted, there = _names(texts), _names(found)
    wrong = [f"{name}: is missing" for name in sorted(wanted - there)] + [
        f"{name}: is one too many" for name in sorted(there - wanted)
    ]
    if wrong:
        raise SystemExit("\n".join(f"docs/{TRANSLATION.name}: {line}" for line in wrong))
    return {table: {key: found[table][key] for key in rows} for table, rows in texts.items()}


def _names(texts: Texts) -> set[str]:
    return {f"{table}, {key}, {text}" for table, rows in texts.items() for key, row in rows.items() for text in row if row[text]}


def tables(texts: Texts, language: str) -> dict[str, str]:
    """The three tables in a language."""
    rows: dict[str, list[tuple[str, ...]]] = {
        "settings": [_setting(name, text, language) for name, text in texts["settings"].items()],
        "exit codes": [(code, text.get("family", ""), text["meaning"]) for code, text in texts["exit codes"].items()],
        "make targets": [
            (f"`{name}`", re.sub(r"([|*])", r"\\\1", text["meaning"])) for name, text in texts["make targets"].items()
        ],
    }
    return {name: _table(_WORDS[language][name], each) for name, each in rows.items()}


def _setting(name: str, text: Mapping[str, str], language: str) -> tuple[str, ...]:
    field, (none, secret) = Settings.model_fields[name.lower()], _WORDS[language]["none, secret"]
    default = text.get("default") or (none if field.default in (None, "") else f"`{field.default}`")
    bounds = [f"{sign} {getattr(each, name)}" for name, sign in _BOUNDS.items() for each in field.metadata if hasattr(each, name)]
    is_secret = SecretStr in (field.annotation, *get_args(field.annotation))
    return f"`{name}`", default, ", ".join(bounds), text["meaning"] + (f"; {secret}" if is_secret else "")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in [head, ("---",) * len(head), *rows])


def page(path: Path) -> str:
    """A page as it should be: each table between its marks."""
    text, texts, language = path.read_text(encoding="utf-8"), english(), "en"
    if path == PORTUGUESE:
        texts, language = translated(texts, yaml.safe_load(TRANSLATION.read_text(encoding="utf-8"))), "pt-BR"
    for name, table in tables(texts, language).items():
        before, mark, rest = text.partition(f"<!-- generated: {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not end:
            raise SystemExit(f"docs/{path.name}: has no place for the table of {name}")
        text = f"{before}{mark}\n{table}\n{end}{after}"
    return text


def main() -> None:
    """Write the pages, or tell how they differ."""
    wanted = {path: page(path) for path in (ENGLISH, PORTUGUESE)}
    if "--check" not in sys.argv[1:]:
        for path, text in wanted.items():
            atomic.write(path, text)
        return
    lines: list[str] = []
    for path, text in wanted.items():
        old, new = path.read_text(encoding="utf-8").splitlines(keepends=True), text.splitlines(keepends=True)
        lines += difflib.unified_diff(old, new, f"docs/{path.name}", "as the code says")
    sys.stdout.writelines(lines)
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
