"""Who may import whom: downwards alone, and in no circle. A name in a string counts as an import: it is one, later."""

import sys
from importlib.metadata import packages_distributions

import pytest
from house import FOLDERS, PACKAGES, PROJECT, circles, imports, modules

from lakehouse.settings import ROOT

# From the roof to the ground. A package imports those of lower floors; of its own floor, none but itself.
FLOORS = (
    ("comporta",),
    ("workspaces",),
    ("inspection",),
    ("docs_site", "dbt.adapters.comporta", "samples"),
    ("expectations", "ingestion", "releases"),
    ("lakehouse",),
)
# Rooms within a package, from its roof to its ground; what is in none of them stands where "" does.
ROOMS = {
    "lakehouse": (("machine", "dbt"), ("tables",), ("engines",), ("servers",), ("store",), ("",)),
    "ingestion": (("",), ("sources",), ("bronze",)),
}
GRAPH = {name: imports(path, modules()) - {name} for name, path in modules().items()}


def _package(module: str) -> str:
    return next(package for package in PACKAGES if f"{module}.".startswith(f"{package}."))


def _floor(name: str, floors: tuple[tuple[str, ...], ...]) -> int:
    return next(number for number, floor in enumerate(floors) if name in floor)


def _wrong(pairs: set[tuple[str, str]], floors: tuple[tuple[str, ...], ...]) -> list[tuple[str, str]]:
    return sorted((one, other) for one, other in pairs if one != other and _floor(one, floors) >= _floor(other, floors))


def test_packages_import_only_downwards() -> None:
    assert sorted(PACKAGES) == sorted(name for floor in FLOORS for name in floor)
    pairs = {(_package(one), _package(other)) for one, named in GRAPH.items() for other in named}
    assert len(pairs) > 15
    wrong = _wrong(pairs, FLOORS)
    assert [
        (one, other) for one, named in GRAPH.items() for other in sorted(named) if (_package(one), _package(other)) in wrong
    ] == []


@pytest.mark.parametrize("package", ROOMS)
def test_rooms_import_only_downwards(package: str) -> None:
    floors = ROOMS[package]
    known = {name for floor in floors for name in floor}

    def room(module: str) -> str:
        first = module.removeprefix(package).lstrip(".").partition(".")[0]
        return first if first in known else ""

    own = {
        one: {other for other in named if _package(other) == package} for one, named in GRAPH.items() if _package(one) == package
    }
    pairs = {(room(one), room(other)) for one, named in own.items() for other in named if other != package}
    assert {name for pair in pairs for name in pair} == known
    assert _wrong(pairs, floors) == []


def test_no_module_is_imported_in_a_circle() -> None:
    assert len(GRAPH) > 150
    assert circles(GRAPH) == []


def test_a_circle_is_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == [["b", "c"]]


def test_no_package_has_the_name_of_anothers() -> None:
    ours = {name for name in PACKAGES if "." not in name}  # the adapter's is dbt's own, shared by all adapters
    assert len(ours) > 5
    assert ours & {*sys.stdlib_module_names, *packages_distributions()} == set()


def test_what_is_installed_is_what_is_checked() -> None:
    installed = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(installed) == sorted("dbt_adapter/dbt" if name.startswith("dbt.") else name for name in PACKAGES)


def test_no_file_is_long() -> None:
    lines = {
        path: len(path.read_text(encoding="utf-8").splitlines())
        for folder in (*FOLDERS, "bench", "docker")
        for path in (ROOT / folder).rglob("*.py")
    }
    assert len(lines) > 200
    assert {str(path.relative_to(ROOT)): count for path, count in lines.items() if count > 350} == {}
