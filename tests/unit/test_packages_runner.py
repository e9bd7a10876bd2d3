"""`make test-packages`: what it finds in a folder, what it makes of a packages.yml, and what it says."""

import sys
from pathlib import Path

import packages
import pytest

PLACES = {
    "dbt_utils": Path("/here/dbt-utils"),
    "elementary": Path("/here/dbt-data-reliability"),
    "audit_helper": Path("/here/audit"),
}


def checkout(folder: Path, name: str, package: str, tests: str = "") -> Path:
    place = folder / name
    (place / tests).mkdir(parents=True)
    for path in {place, place / tests}:
        (path / "dbt_project.yml").write_text(f"name: {package}\n")
    return place


def run(monkeypatch: pytest.MonkeyPatch, *said: str) -> int:
    monkeypatch.setattr(sys, "argv", ["test-packages", *said])
    return packages.main()


def test_packages_runner_wants_a_folder_with_checkouts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (run(monkeypatch), run(monkeypatch, f"--packages={tmp_path}"), run(monkeypatch, "--packages=")) == (2, 2, 2)
    assert capsys.readouterr().err.count("wanted: a folder of checkouts of dbt packages") == 3
    checkout(tmp_path, "a", "dbt_date")
    assert run(monkeypatch, f"--packages={tmp_path}", "--only=dbt_dates") == 2
    assert "holds no dbt_dates (there are: dbt_date)" in capsys.readouterr().err
    checkout(tmp_path, "b", "dbt_date")
    assert run(monkeypatch, f"--packages={tmp_path}") == 2
    assert "b and a are both dbt_date" in capsys.readouterr().err


@pytest.mark.parametrize("tests", ["integration_tests", "integration_test_project", "integration_tests/dbt_project", ""])
def test_packages_runner_finds_the_project_that_tests_a_package(tmp_path: Path, tests: str) -> None:
    place = checkout(tmp_path, "dbt-utils", "dbt_utils", tests)
    assert packages.checkouts(tmp_path) == {"dbt_utils": packages.Checkout(place, "dbt_utils", "not of git")}
    assert packages.integration_project(place) == place / tests


def test_packages_runner_asks_no_registry() -> None:
    listed = {
        "packages": [
            {"local": "../"},
            {"package": "dbt-labs/dbt_utils", "version": [">=1.0.0"]},
            {"git": "https://example.com/dbt-labs/dbt-audit-helper.git", "revision": "main"},
        ]
    }
    assert packages.localise(listed, PLACES) == {
        "packages": [{"local": "../"}, {"local": "/here/dbt-utils"}, {"local": "/here/audit"}]
    }
    assert packages.localise({}, PLACES) == {"packages": []}
    with pytest.raises(LookupError, match="needs calogica/dbt_date, which is not in the folder"):
        packages.localise({"packages": [{"package": "calogica/dbt_date"}]}, PLACES)


def test_packages_runner_is_content_with_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    found, outcome = (
        packages.Checkout(Path("x"), "dbt_utils", "700764c"),
        packages.Outcome({"run a": "", "test b": "fail: 1 result"}),
    )
    assert packages.tell(found, outcome, {"test b", "test of another commit"})
    assert not packages.tell(found, outcome, set())
    assert not packages.tell(found, packages.Outcome({"test b": ""}), {"test b"})  # the page is wrong
    said = capsys.readouterr().out
    assert "dbt_utils 700764c: 1 of 2 passed\n  known test b: fail: 1 result" in said
    assert "✗ test b: fail: 1 result" in said and "✗ test b passes: docs/packages.md says that it fails" in said


def test_packages_runner_counts_each_node() -> None:
    numbers = [
        "model.p.m",
        "model.p.m.v2",
        "test.p.t.a1b2",
        "test.p.t.c3d4",
        "test.p.own",
        "unit_test.p.m.one",
        "unit_test.p.m.two",
    ]
    named = packages._named({"unique_id": number} for number in numbers)
    assert list(named) == ["m", "m.v2", "t", "t.c3d4", "own", "m.one", "m.two"]


def test_packages_runner_reads_failures_from_the_page() -> None:
    assert "run test_groupby" in packages.known_failures()["dbt_utils"]
