"""Files as a source, run after run: what is new is taken once, what was replaced or went follows, what does not fit is kept apart."""

import datetime
import gzip
import hashlib
import io
import json
import zipfile
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from folder_source import Folder, folder

from ingestion.sources.base import Request
from ingestion.sources.files import listing, staging
from lakehouse.errors import SettingsError, SourceError, StorageError
from lakehouse.settings import Settings
from lakehouse.tables import ledger

CSV = {"files": "**/*.csv*", "format": "csv"}
HEAD = "id;nome;preço;dia;ok\n"


@pytest.fixture
def films(tmp_path: Path) -> Folder:
    made = folder(tmp_path, films=CSV | {"key": ["id"]})
    made.write("2026/01/01/a.csv", HEAD + "1;São Paulo;1,50;31/12/2025;true\n2;;-0,25;01/01/2026;false\n")
    return made


def places(found: Folder) -> list[tuple[str, int]]:
    return [(row["_file"], row["_line"]) for row in found.current("films")]


def test_values_come_out_as_they_are_and_say_where_they_stood(films: Folder) -> None:
    outcome = films.take()["films"]
    assert (outcome.status, outcome.rows, outcome.deletes, outcome.problems) == ("committed", 2, 0, [])
    rows = [
        {name: value for name, value in row.items() if name not in ("_ingested_at", "_source_lsn")} for row in films.rows("films")
    ]
    same = {"_file": "2026/01/01/a.csv", "_batch_id": 1, "_op": "r", "_flags": None}
    day = datetime.date
    assert rows == [
        {"id": 1, "nome": "São Paulo", "preço": Decimal("1.50"), "dia": day(2025, 12, 31), "ok": True, "_line": 2} | same,
        {"id": 2, "nome": None, "preço": Decimal("-0.25"), "dia": day(2026, 1, 1), "ok": False, "_line": 3} | same,
    ]


def test_nothing_is_read_twice_and_a_copy_is_not_taken_again(films: Folder) -> None:
    films.take()
    assert films.take()["films"].status == "empty"
    (films.root / "2026/01/01/a.csv").touch()
    films.write("2026/01/02/copy.csv", (films.root / "2026/01/01/a.csv").read_bytes())
    films.write("2026/01/02/packed.csv.gz", packed((films.root / "2026/01/01/a.csv").read_bytes()))
    assert films.take()["films"].rows == 0
    assert len([note for note in films.notes if "has the content of 2026/01/01/a.csv" in note]) == 2
    assert films.take()["films"].status == "empty"


def test_a_file_that_was_moved_is_neither_gone_nor_new(films: Folder) -> None:
    films.tables["films"]["deletes"] = "compare"
    films.take()
    (films.root / "done").mkdir()
    (films.root / "2026/01/01/a.csv").rename(films.root / "done/a.csv")
    outcome = films.take()["films"]
    assert (outcome.rows, outcome.deletes) == (0, 0)
    assert len(films.current("films", "id")) == 2
    assert films.take()["films"].status == "empty"
    films.write("done/a.csv", HEAD + "2;x;1;02/01/2026;true\n")
    assert films.take()["films"].deletes == 1
    (films.root / "done/a.csv").unlink()
    assert films.take()["films"].deletes == 1
    assert films.current("films", "id") == []


def test_the_later_file_of_a_batch_and_the_later_batch_win(films: Folder) -> None:
    films.write("2026/01/02/b.csv", HEAD + "2;second;2,00;02/01/2026;true\n3;new;0;02/01/2026;true\n")
    films.take()
    films.write("2026/01/03/c.csv", HEAD + "1;third;2,00;02/01/2026;true\n")
    films.take()
    assert {row["id"]: row["nome"] for row in films.current("films", "id")} == {1: "third", 2: "second", 3: "new"}


@pytest.mark.parametrize(("deletes", "left"), [("none", {1, 2, 3}), ("replaced", {1, 3}), ("compare", {1, 3})])
def test_rows_that_a_replaced_file_lacks_go_as_the_entry_says(films: Folder, deletes: str, left: set[int]) -> None:
    films.tables["films"]["deletes"] = deletes
    films.take()
    films.write("2026/01/01/a.csv", HEAD + "3;new;1;02/01/2026;true\n1;São Paulo;1,50;31/12/2025;true\n")
    films.take()
    assert {row["id"] for row in films.current("films", "id")} == left


@pytest.mark.parametrize(("deletes", "left"), [("none", 4), ("replaced", 4), ("compare", 2)])
def test_rows_of_a_file_that_went_follow_the_entry(films: Folder, deletes: str, left: int) -> None:
    films.tables["films"] |= {"deletes": deletes, "key": []}
    films.write("b.csv", HEAD + "1;x;1;02/01/2026;true\n9;y;2;02/01/2026;true\n")
    films.take()
    (films.root / "b.csv").unlink()
    outcome = films.take()["films"]
    assert len(films.current("films")) == left
    assert (outcome.deletes, any("not there any more" in note for note in films.notes)) == (4 - left, deletes != "compare")
    assert films.take()["films"].status == "empty"


def test_without_a_key_a_row_is_named_by_its_place(films: Folder) -> None:
    films.tables["films"]["key"] = []
    films.take()
    films.write("2026/01/01/a.csv", HEAD + "2;;-0,25;01/01/2026;false\n")
    films.take()
    assert [(row["id"], row["_line"]) for row in films.current("films")] == [(2, 2)]


def test_each_record_is_a_row_or_kept_with_file_line_and_reason(films: Folder) -> None:
    films.take()
    text = (
        HEAD
        + '4;ragged\n5;"a\nb";2,00;03/01/2026;true\n6;x;abc;03/01/2026;true\n;no key;1;03/01/2026;true\n7;"open;1;03/01/2026;true\n8;ok;3;40/01/2026;true\n9;ok;NULL;;true\n'
    )
    films.write("b.csv", text)
    outcome = films.take()["films"]
    assert {row["id"]: row["nome"] for row in films.current("films", "id")} == {1: "São Paulo", 2: None, 5: "a\nb", 9: "ok"}
    assert films.rejected("films") == [
        ("b.csv", 2, "2 fields (wanted: 5, as in the header)"),
        ("b.csv", 5, "preço: “abc” is no number with comma of 18 digits, at most 2 behind the point"),
        ("b.csv", 6, "has no id, which is its key"),
        ("b.csv", 7, "a quote is opened that is never closed"),
        ("b.csv", 8, "dia: “40/01/2026” is no date, the day first"),
    ]
    noted = ledger.latest(films.settings, "files", "file")["b.csv",]
    assert (noted["rows"], noted["quarantined"], outcome.rows) == (2, 5, 2)


def test_bytes_that_are_no_text_keep_only_their_line(films: Folder) -> None:
    films.write("b.csv", (HEAD + "7;café;1;03/01/2026;true\n8;").encode() + b"caf\xe9;1;03/01/2026;true\n")
    films.take()
    assert {row["id"] for row in films.current("films", "id")} == {1, 2, 7}
    assert films.rejected("films") == [("b.csv", 3, "byte 0xE9 is none of the file's encoding")]


def test_new_columns_and_wider_numbers_are_taken_up(films: Folder) -> None:
    films.take()
    films.write("b.csv", "preço;id;novo\n1234567,125;3;7\n")
    outcome = films.take()["films"]
    assert [str(change) for change in outcome.changes] == [
        "novo added (int64)",
        "preço widened (decimal128(18, 2) → decimal128(19, 3))",
    ]
    assert {(row["id"], row["preço"], row["novo"]) for row in films.current("films", "id")} == {
        (1, Decimal("1.500"), None),
        (2, Decimal("-0.250"), None),
        (3, Decimal("1234567.125"), 7),
    }
    assert films.rejected("films") == []


def test_frozen_columns_refuse_the_file_and_keep_the_others(films: Folder) -> None:
    films.tables["films"]["contract"] = "freeze"
    films.take()
    films.write("b.csv", "id;nome;preço;dia;ok;novo\n3;x;1;02/01/2026;true;7\n")
    films.write("c.csv", HEAD + "4;x;1,125;02/01/2026;true\n5;x;1,12;02/01/2026;true\n")
    outcome = films.take()["films"]
    assert outcome.problems == ["b.csv: contract: freeze does not allow its columns: novo added."]
    assert {row["id"] for row in films.current("films", "id")} == {1, 2, 5}
    assert [line for _, line, _ in films.rejected("films")] == [2]
    assert films.take()["films"].problems  # it is not forgotten


def test_types_are_told_from_all_rows_of_all_files(films: Folder) -> None:
    films.tables["films"]["key"] = []
    for name, last in (("b.csv", "code;n\nA1;1\n"), ("c.csv", "code;n\n7;1\n" + "8;2\n" * 5000 + "x;2.5\n")):
        films.write(name, last)
    (films.root / "2026/01/01/a.csv").unlink()
    outcome = films.take()["films"]
    assert outcome.rows == 5003
    last = films.current("films")[-1]
    assert (last["code"], last["n"]) == ("x", Decimal("2.5"))
    assert films.rejected("films") == []


def test_what_sources_yml_says_of_columns_holds(films: Folder) -> None:
    films.tables["films"]["columns"] = {"id": "text", "preço": "number with comma(20,4)"}
    films.take()
    assert [(row["id"], row["preço"]) for row in films.rows("films")] == [("1", Decimal("1.5000")), ("2", Decimal("-0.2500"))]


def test_all_is_read_again_where_that_is_asked_for(films: Folder) -> None:
    films.take()
    films.write("b.csv", HEAD + "3;x;1;02/01/2026;true\n")
    films.take()
    (films.root / "2026/01/01/a.csv").unlink()
    assert films.take(Request(resync=True))["films"].rows == 1
    assert [row["id"] for row in films.rows("films")] == [3]
    assert films.take()["films"].status == "empty"
    assert not films.notes


def test_columns_that_are_called_as_ours_or_alike_keep_their_values(tmp_path: Path) -> None:
    made = folder(tmp_path, t=CSV)
    made.write("a.csv", "_File;_batch_id;ID;id;a b;;x.y\n1;2;3;4;5;6;7\n")
    made.take()
    row = made.rows("t")[0]
    assert [
        value
        for name, value in row.items()
        if name not in ("_file", "_line", "_batch_id", "_ingested_at", "_op", "_source_lsn", "_flags")
    ] == [*range(1, 8)]
    assert (row["_file"], row["_batch_id"]) == ("a.csv", 1)


def test_a_header_alone_says_nothing_of_types(tmp_path: Path) -> None:
    made = folder(tmp_path, t=CSV | {"key": ["id"]})
    made.write("a.csv", "id;n\n")
    assert made.take()["t"].status == "committed"
    made.write("b.csv", "id;n\n1;2.5\n")
    assert made.take()["t"].rows == 1
    assert [(row["id"], row["n"]) for row in made.current("t", "id")] == [(1, Decimal("2.5"))]


def test_no_table_is_made_where_no_file_can_be_read(tmp_path: Path) -> None:
    made = folder(tmp_path, t=CSV | {"key": ["id"]})
    made.write("a.csv", b"%PDF-1.7")
    outcome = made.take()["t"]
    assert (outcome.status, len(outcome.problems)) == ("failed", 1)
    assert "none of its 1 files could be read" in outcome.error
    made.write("b.csv", "id;n\n1;2\n")
    assert made.take()["t"].rows == 1


def test_documents_stay_whole(tmp_path: Path) -> None:
    made = folder(
        tmp_path, users={"files": "*.json", "format": "json", "key": ["_id"]}, log={"files": "*.jsonl*", "format": "jsonl"}
    )
    first, second = '{"_id": 1, "a": 1.10}', '{"b": {"$date": "2021-11-27"},\n "_id": {"$numberLong": "2"}}'
    made.write("u.json", f"[{first},\n{second},\n {{}}]")
    made.write("l.jsonl", '{"x":1}\r\n\n{"y": "é"}\nno\n{"x":NaN}\n')
    made.take()
    assert [(row["_id"], row["_document"], row["_line"]) for row in made.rows("users")] == [(1, first, 1), (2, second, 2)]
    assert made.rejected("users") == [("u.json", 4, "has no _id, which is its key")]
    assert [(row["_document"], row["_line"]) for row in made.rows("log")] == [('{"x":1}', 1), ('{"y": "é"}', 3)]
    assert [line for _, line, _ in made.rejected("log")] == [4, 5]


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    made = folder(tmp_path, t={"files": "*.parquet", "format": "parquet", "key": ["id"]})
    at = datetime.datetime(2026, 1, 1, 12, 30, 0, 123456)
    values = {
        "id": [1, 2],
        "n": pa.array([1, None], pa.uint64()),
        "d": pa.array([0.1, float("nan")]),
        "p": pa.array([Decimal("1.5"), None]),
    }
    pq.write_table(
        pa.table(values | {"at": pa.array([at, None], pa.timestamp("ns")), "b": [b"\x00\xff", None]}), made.root / "a.parquet"
    )
    made.take()
    row, other = made.rows("t")
    assert (row["id"], row["n"], row["d"], row["p"], row["at"], row["b"], row["_line"]) == (
        1,
        1,
        0.1,
        Decimal("1.5"),
        at,
        b"\x00\xff",
        1,
    )
    assert other["d"] != other["d"] and other["n"] is None
    pq.write_table(pa.table({"id": [3], "d": ["x"]}), made.root / "b.parquet")
    assert made.take()["t"].problems == ["b.parquet: d is text, and double in bronze."]


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def zipped(**files: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("_", "."), text)
    return target.getvalue()


ROWS = "id;nome\n1;a\n2;b\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", packed(ROWS.encode())),
        ("a.csv.gz", packed(ROWS[:9].encode()) + packed(ROWS[9:].encode())),
        ("a.csv.zst", zstandard.compress(ROWS.encode())),
        ("a.csv.zip", zipped(a_csv=ROWS)),
        ("a.csv", b"\xef\xbb\xbf" + ROWS.encode()),
        ("a.csv", ROWS.encode("utf-16")),
        ("a.csv", ROWS.replace("\n", "\r\n").encode()),
        ("a.csv", ROWS.replace("\n", "\r").encode()),
        ("a.csv", ROWS.replace("b", "\xe7").encode("cp1252")),
    ],
)
def test_packed_or_encoded_a_file_is_the_same(tmp_path: Path, name: str, content: bytes) -> None:
    made = folder(tmp_path, t=CSV)
    made.write(name, content)
    assert not made.take()["t"].problems
    assert [(row["id"], row["nome"], row["_line"]) for row in made.rows("t")] in (
        [(1, "a", 2), (2, "b", 3)],
        [(1, "a", 2), (2, "ç", 3)],
    )


def bomb() -> bytes:
    packer = zstandard.ZstdCompressor(level=3).compressobj()
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(300)), packer.flush()])


@pytest.mark.parametrize(
    ("name", "content", "seen"),
    [
        ("b.csv", b"", "is empty"),
        ("b.csv", b"\n\n", "is empty"),
        ("b.csv.gz", packed(ROWS.encode() * 1000)[:60], "ends in the middle"),
        ("b.csv.zst", zstandard.compress(ROWS.encode() * 1000)[:-9], "ends in the middle"),
        ("b.csv.gz", b"\x1f\x8bnonsense that is no gzip", "can't be unpacked"),
        ("b.csv.zip", zipped(a_csv=ROWS, b_csv=ROWS), "holds 2 files"),
        ("b.csv.zip", b"PK\3\4" + bytes(50), "is no zip archive"),
        ("b.csv.zst", bomb(), "unpacks to more than 200 times"),
        ("b.csv", json.dumps([{"id": 1}]).encode(), "is JSON"),
        ("b.csv", b"<html><body>not found</body></html>", "is a web page"),
        ("b.csv", b"id,nome,x\n1,a\n2,b\n3,c;;\n", "say csv.header: 2"),
        ("b.csv", b"other;columns\n1;2\n", "has none of the table's columns"),
    ],
)
def test_a_file_that_can_not_be_read_is_named_and_keeps_no_other(tmp_path: Path, name: str, content: bytes, seen: str) -> None:
    made = folder(tmp_path, t=CSV)
    made.write("a.csv", ROWS)
    if "columns" in seen:
        made.take()
    made.write(name, content)
    made.write("c.csv", ROWS + "3;c\n")
    outcome = made.take()["t"]
    assert outcome.status == "committed"
    assert len(outcome.problems) == 1 and seen in outcome.problems[0] and name in outcome.problems[0]
    assert "c.csv" in {row["_file"] for row in made.rows("t")}
    assert made.take()["t"].problems
    assert not [*(made.settings.var_dir / "tmp").glob("files-*")]


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        ("id,nome\n1,a\n", "begins with 'i', which is no JSON"),
        ('[{"_id": 1}, {"_id": 2', "is no JSON"),
        ('[{"_id": 1}] []', "is no JSON"),
        ('[{"_id": 1} {"_id": 2}]', "is no JSON"),
    ],
)
def test_json_that_breaks_off_is_not_taken_in_part(tmp_path: Path, content: str, seen: str) -> None:
    made = folder(tmp_path, t={"files": "*.json", "format": "json"})
    made.write("a.json", content)
    outcome = made.take()["t"]
    assert len(outcome.problems) == 1 and outcome.problems[0].startswith("a.json") and seen in outcome.problems[0]
    assert outcome.rows == 0


def test_a_batch_that_was_never_committed_leaves_no_rejected_record(films: Folder) -> None:
    films.write("b.csv", HEAD + "4;ragged\n")
    films.take()
    assert len(films.rejected("films")) == 1
    from ingestion.sources.files import rejected

    row = rejected.RejectedRow("z.csv", 1, "of a batch that was killed", "")
    rejected.add(films.settings, "src__films", batch_id=2, at=datetime.datetime.now(datetime.UTC), rows=[row])
    films.batch = 2
    films.write("c.csv", HEAD + "5;ragged\n")
    films.take()
    assert [file for file, *_ in films.rejected("films")] == ["b.csv", "c.csv"]


def test_a_batch_that_a_kill_kept_from_the_ledger_is_not_taken_twice(films: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(ledger, "emit", lambda *_: None)
        films.take()
    assert ledger.rows(films.settings, "files") == []
    assert films.take()["films"].status == "empty"


@pytest.mark.parametrize(
    ("path", "seen"),
    [("nowhere", "is not there"), ("in/2026/01/01/a.csv", "is a file"), ("empty", "no file matches")],
)
def test_a_place_that_holds_no_files_is_named(films: Folder, path: str, seen: str) -> None:
    (films.root.parent / "empty").mkdir()
    films.path = str(films.root.parent / path)
    try:
        films.take()
        told = films.refused["films"]
    except SourceError as error:
        told = str(error)
    assert seen in told and path in told


def test_a_full_disk_is_named_and_nothing_stays(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(packed(ROWS.encode()))
    found = listing.find(Settings(), str(tmp_path))[0]
    name = hashlib.sha256(found.path.encode()).hexdigest()
    (tmp_path / f"{name}.unpacked").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"no space left \(wanted: room for .*a\.csv\.gz\)"):
        staging.stage(Settings(), str(tmp_path), found, tmp_path)


@pytest.mark.parametrize(
    ("entry", "seen"),
    [
        ({"format": "csv"}, "tables.t.files"),
        ({"files": "*", "format": "xml"}, "tables.t.format"),
        ({"files": "*", "format": "csv", "colums": {}}, "Did you mean columns"),
        ({"files": "*", "format": "csv", "columns": {"a": "intger"}}, "is 'intger'"),
        ({"files": "*", "format": "csv", "csv": {"separator": ";;"}}, "SEPARATOR: is ';;'"),
    ],
)
def test_an_entry_that_is_wrong_is_named(tmp_path: Path, entry: dict[str, object], seen: str) -> None:
    made = folder(tmp_path, t=entry)
    made.write("a.csv", ROWS)
    with pytest.raises(SettingsError) as error:
        made.take()
    assert seen in str(error.value)


def test_without_entries_a_table_is_made_of_each_folder(tmp_path: Path) -> None:
    made = folder(tmp_path)
    made.write("csv/films/2026/01/01/a.csv", ROWS)
    made.write("csv/films/2026/01/02/b.csv", "id;nome\n3;c\n")
    made.write("json/users/dump_date=2026-01-01/u.json", '[{"_id": 1}]')
    made.write("people.jsonl", '{"id": 7}\n')
    made.write("notes.pdf", b"%PDF")
    done = made.take()
    assert {label: outcome.rows for label, outcome in done.items()} == {"films": 3, "users": 1, "people": 1}
    assert made.rows("users")[0]["_id"] == 1
    assert "notes.pdf is no file of CSV, JSON or Parquet, by its name" in made.notes
