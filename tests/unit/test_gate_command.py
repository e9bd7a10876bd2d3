"""What `gate` prints and how it ends."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from comporta import gate
from expectations.verdict import CheckOutcome, Verdict
from lakehouse.errors import GateError
from lakehouse.settings import Settings
from lakehouse.tables import candidate, released

BAD = CheckOutcome(
    1,
    "expect_column_values_to_be_between",
    "critical",
    False,
    "age",
    "me",
    "Nobody is younger.",
    "not _is_deleted",
    "25 % of 4 rows unexpected",
    1,
    ({"id": 3, "age": -1},),
)


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *verdicts: Verdict, said: tuple[str, ...] = ("--layer", "bronze")) -> None:
    monkeypatch.setattr(gate, "load", lambda: Settings(var_dir=folder))
    monkeypatch.setattr(gate.machine, "writing", lambda *_: nullcontext())
    monkeypatch.setattr(gate, "_judge", lambda *_: list(verdicts))
    gate.gate.main(args=list(said), standalone_mode=False)


def test_a_failed_check_has_one_clear_block(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = Verdict("bronze", "crm__people", 3, "failed", "", 2, 2, 1, 1, 0, 4, "h", (BAD,), "quality/p.html", 0.5)
    with pytest.raises(GateError, match="crm__people failed") as ended:
        run(monkeypatch, tmp_path, failed)
    assert ended.value.exit_code == 7
    said = capsys.readouterr().out
    for part in ("bronze.crm__people", "(age)", "critical", "25 %", "1 rows", "id=3, age=-1", "Nobody", "me", "not _is_deleted"):
        assert part in said
    assert str(tmp_path / "site" / "quality" / "p.html") in said


def test_an_errored_table_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(GateError, match="1 of 2 tables"):
        run(monkeypatch, tmp_path, Verdict("bronze", "a", 1, "passed"), Verdict("bronze", "b", 1, "errored", "no rows seen"))
    assert "b: no rows seen" in capsys.readouterr().out


def test_passed_and_unchanged_end_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(monkeypatch, tmp_path, Verdict("bronze", "a", 1, "passed"), Verdict("bronze", "b", 1, "passed", unchanged=True))
    said = capsys.readouterr().out
    assert "passed" in said and "unchanged" in said


@pytest.mark.parametrize(
    ("said", "held"), [((), []), (("--hold-back",), [("gold", {"b": 7}, {"a": 2, "b": 5})])], ids=["judge", "hold"]
)
def test_what_failed_is_set_back_if_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: tuple[str, ...], held: list[object]
) -> None:
    done: list[object] = []
    monkeypatch.setattr(released, "published", lambda settings, layer: {"a": 2, "b": 5})
    monkeypatch.setattr(candidate, "hold_back", lambda settings, *rest: done.append(rest))
    with pytest.raises(GateError):
        verdicts = Verdict("gold", "a", 3, "passed"), Verdict("gold", "b", 7, "failed")
        run(monkeypatch, tmp_path, *verdicts, said=("--layer", "gold", *said))
    assert done == held
