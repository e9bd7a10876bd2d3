"""What a newcomer can rely on: a type's name means one thing, a long call says what each argument is, the formatter lays out code."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from house import FOLDERS, ROOT

TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))}


# Words of a command, names, parts of a text: as many as there are, each of one kind.
OF_ANY_NUMBER = {"invoke", "_run", "only", "joined"}


def functions_of_any_number(trees: dict[Path, ast.Module]) -> set[str]:
    """Names of functions that take as many arguments of one kind as there are: parts of a text, words of a command."""
    return {
        each.name
        for tree in trees.values()
        for each in ast.walk(tree)
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.args.vararg
    }


def long_calls(tree: ast.Module, besides: set[str]) -> Iterator[tuple[int, str]]:
    """Line and function of calls with more than four arguments that don't say what they are."""
    for each in ast.walk(tree):
        if isinstance(each, ast.Call) and len(each.args) > 4:
            name = ast.unparse(each.func)
            if name.rpartition(".")[2] not in besides:
                yield each.lineno, name


def test_a_type_has_a_name_of_its_own() -> None:
    places = defaultdict(list)
    for path, tree in TREES.items():
        for each in tree.body:
            if isinstance(each, ast.ClassDef) and not each.name.startswith("_"):
                places[each.name].append(str(path.relative_to(ROOT)))
    assert len(places) > 150
    # Two are PostgreSQL's part of what is there for all sources, or a person's choice: said here, with a reason, or renamed.
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_more_than_four_arguments_are_keywords() -> None:
    assert functions_of_any_number(TREES) >= OF_ANY_NUMBER
    found = {str(path.relative_to(ROOT)): calls for path, tree in TREES.items() if (calls := [*long_calls(tree, OF_ANY_NUMBER)])}
    assert found == {}


def test_a_long_call_is_seen() -> None:
    tree = ast.parse("f(1, 2, 3, 4)\ng(1, 2, 3, 4, 5)\nx.h(1, 2, 3, 4, 5)\nk(1, 2, a=3, b=4, c=5)")
    assert [*long_calls(tree, {"h"})] == [(2, "g")]


def test_the_formatter_lays_out_code() -> None:
    told = re.compile(r"#\s*fmt:\s*(skip|off)")
    paths = [path for folder in (*FOLDERS, "bench", "docker", "jobs", "tests") for path in (ROOT / folder).rglob("*.py")]
    assert len(paths) > 400
    assert sum(len(told.findall(path.read_text(encoding="utf-8"))) for path in paths if path != Path(__file__)) <= 10
