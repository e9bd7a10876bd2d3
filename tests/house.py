"""Our packages as pyproject.toml names them to mypy, and who imports whom in them."""

import ast
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lakehouse.settings import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES: tuple[str, ...] = tuple(PROJECT["tool"]["mypy"]["packages"])
FOLDERS = tuple("dbt_adapter" if name.startswith("dbt.") else name for name in PACKAGES)


def modules() -> dict[str, Path]:
    """Every module of our packages, by its dotted name."""
    found = {}
    for package in PACKAGES:
        top = ROOT / ("dbt_adapter/" * package.startswith("dbt.") + package.replace(".", "/"))
        for path in top.rglob("*.py"):
            parts = [*package.split("."), *path.relative_to(top).with_suffix("").parts]
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: Iterable[str]) -> set[str]:
    """Modules of `known` that a file imports, wherever in it and whatever for; those that it names in a string, too."""
    names, tree = {*known}, ast.parse(path.read_text(encoding="utf-8"))
    said = {
        node.value.partition(":")[0] for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {found for name in _named(tree) if (found := _longest(name, names))} | {name for name in said & names if "." in name}


def _named(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{each.name}" for each in node.names)


def _longest(name: str, known: set[str]) -> str:
    """The module that `a.b.c` is in, or is; "" if none of ours."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of nodes each of which reaches itself through the others (Tarjan 1972)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in number:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], number[other])
        if low[node] == number[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in number:
            visit(node)
    return found
