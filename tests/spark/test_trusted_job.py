"""jobs/trusted.py by a Spark of its own: what it writes, what it rejects, what it refuses, and what stands there afterwards."""

import gzip
import os
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from trusted_job import Runs

PIPES = ["--format", "csv", "--options", '{"sep": "|", "nullValue": "\\\\N"}']
FILMS = "id|titulo|nota\ntt1|São “João”|7.50\ntt2|\\N|\ntt3|só um campo\ntt4|a|b|c\ntt5|x|9.1\n"
ARRAY = '[ {"a": 1.10, "b": {"c": "}{"}} ,\n{"a":1E400,"a":2}, 7,{} ]'


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    """All runs, in one Spark: its start takes longer than most of them."""
    with Runs.placed() as made:
        _tables(made)
        _documents(made)
        _refused(made)
        made.start()
        yield made


def _tables(made: Runs) -> None:
    made.raw("films/2026/11/30/films.csv", FILMS)
    (made.folder / "cast.sql").write_text("select id, titulo as title, cast(nota as decimal(4,2)) as rating from raw -- `raw`;\n;")
    (made.folder / "wrong.sql").write_text("select cast(titulo as int) as n from raw")
    (made.folder / "lost.sql").write_text("select titel from raw")
    made.ask("films", "films", *PIPES)
    made.ask("again", "films", *PIPES, to="films")
    made.ask("strict", "films", *PIPES, "--strict", "true", to="films")
    made.ask("mended", "films", "--format", "csv", "--options", '{"sep": ";"}', to="films2")
    made.ask("day", "films/*/*/*", *PIPES, "--query", f"{made.folder}/cast.sql", "--day=2026-11-30", to="bydays")
    made.ask("without day", "films", *PIPES, to="bydays")
    made.ask("cast fails", "films", *PIPES, "--query", f"{made.folder}/wrong.sql", to="films")
    made.ask("no column", "films", *PIPES, "--query", f"{made.folder}/lost.sql", to="films")
    (made.folder / "plan.sql").write_text(
        "select java_method('java.lang.Thread', 'getName'), (select max(id) from range(9)) from raw"
    )
    made.ask("with a plan", "films", *PIPES, "--query", f"{made.folder}/plan.sql", to="films")
    made.ask("no query", "films", *PIPES, "--query", f"{made.folder}/none.sql", to="films")
    made.raw("odd names/a [1] b+c %20 ü.csv", "id, n\n1,x\n")
    made.raw("odd names/_old/z.csv", "other\n")
    made.ask("odd names", "odd names", "--format", "csv")
    made.raw("lines/a.csv", 'id,t\n1,"x\r\n""y"""\n2,"Rocky" Road\n3,""\n')
    made.raw("lines/b.csv", 'id,t\n1,"left open\n2,y\n')
    made.raw("lines/c.csv", 'id,t\n1,"left open\n2,"y"\n')
    made.raw("lines/d.csv", b"id,t\n1,S\xe3o\n2,ok\n")
    made.ask("lines", "lines", "--format", "csv")
    made.ask("latin", "lines/d.csv", "--format", "csv", "--options", '{"encoding": "ISO-8859-1"}')
    made.raw("order/1.csv", "a,b\n1,2\n")
    made.raw("order/2.csv", "b,a\n1,2\n")
    made.ask("order", "order", "--format", "csv")
    made.raw("twice.csv", "a,a\n1,2\n")
    made.ask("twice", "twice.csv", "--format", "csv")
    for number, table in enumerate((pa.table({"id": [1], "n": ["x"]}), pa.table({"id": [2], "m": [1.5]}))):
        (made.folder / "raw" / "parts").mkdir(exist_ok=True)
        pq.write_table(table, made.folder / "raw" / "parts" / f"{number}.parquet")
    made.ask("parquet", "parts", "--format", "parquet")
    made.ask("broken", "films", *PIPES, to="mend")
    made.raw("whole.csv", "id|titulo|nota\ntt1|a|1\n")
    made.ask("whole", "whole.csv", *PIPES, to="mend")


def _documents(made: Runs) -> None:
    made.raw("users/1.json", ARRAY)
    made.raw("users/2.json.gz", gzip.compress(('\ufeff[{"é": "' + "x}" * 5000 + '"}]').encode()))
    made.raw("users/3.json", "[]")
    made.ask("json", "users", "--format", "json")
    made.raw("events/1.jsonl", '{"a": 1.10}\r\n\n{"a":\n [1]\n{"a": 12345678901234567890123}\n')
    made.raw("events/empty.jsonl", "")
    made.ask("jsonl", "events", "--format", "jsonl")


def _refused(made: Runs) -> None:
    csv, jsons, lines = ("--format", "csv"), ("--format", "json"), ("--format", "jsonl")
    (made.folder / "raw" / "nothing" / "_in").mkdir(parents=True)
    made.raw("nothing/_in/x.csv", "a\n1\n")
    made.ask("absent", "absent", *csv)
    made.ask("no files", "nothing", *csv)
    made.raw("empty.csv", "")
    made.ask("empty", "empty.csv", *csv)
    made.raw("blank.csv", "\n\n")
    made.ask("blank", "blank.csv", *csv)
    made.raw("x.zip", b"PK")
    made.ask("zip", "x.zip", *csv)
    made.ask("json as csv", "users/1.json", *csv)
    made.ask("csv as json", "films", *jsons, to="films")
    made.ask("csv as parquet", "films", "--format", "parquet")
    made.ask("csv as jsonl", "films", *lines)
    made.ask("parquet as csv", "parts", *csv)
    made.ask("array as jsonl", "users/2.json.gz", *lines)
    made.ask("jsonl as array", "events/1.jsonl", *jsons)
    made.raw("cut.json", '[{"a": 1},\n {"a": ')
    made.ask("cut", "cut.json", *jsons)
    made.raw("cut.csv.gz", gzip.compress(os.urandom(99_999).hex().encode())[:50_000])
    made.ask("cut gzip", "cut.csv.gz", *csv)
    made.raw("taken.csv", "id,_FILE\n1,2\n")
    made.ask("taken", "taken.csv", *csv)
    (made.folder / "trusted" / "theirs").mkdir(parents=True)
    (made.folder / "trusted" / "theirs" / "notes.txt").write_text("mine")
    made.ask("theirs", "films", *PIPES, to="theirs")
    made.raw("file", "x")
    made.asked["in a file"] = ["--raw", f"{made.folder}/raw/films", *PIPES, "--to", f"{made.folder}/raw/file/films"]
    made.asked["in raw"] = ["--raw", f"{made.folder}/raw", *PIPES, "--to", f"{made.folder}/raw/trusted"]
    made.ask("misspelt option", "films", "--format", "csv", "--options", '{"seperator": "|"}')
    made.ask("null option", "films", "--format", "csv", "--options", '{"quote": null}')
    made.ask("no object", "films", "--format", "csv", "--options", "[1]")
    made.ask("unknown", "films", *PIPES, "--qurey", "x")
    made.ask("glue", "films", *PIPES, "--JOB_NAME", "x", "--enable-metrics", "true")


def test_rows_are_those_of_the_file_and_what_does_not_fit_is_set_apart(runs: Runs) -> None:
    of = {"_file": "films/2026/11/30/films.csv"}
    assert runs.rows("films") == [
        {"id": "tt1", "titulo": "São “João”", "nota": "7.50"} | of,
        {"id": "tt2", "titulo": None, "nota": None} | of,
        {"id": "tt5", "titulo": "x", "nota": "9.1"} | of,
    ]
    assert runs.rows("_rejected/films") == [
        of | {"_reason": "has not the header's 3 fields", "_record": record} for record in ("tt3|só um campo", "tt4|a|b|c")
    ]
    ended = runs.ended["films"]
    assert (ended["code"], ended["err"]) == (0, "")
    assert ended["out"].replace(str(runs.folder), "") == (
        "/raw/films: 1 file, 5 rows; 2 rejected, see /trusted/_rejected/films; 3 written to /trusted/films\n"
    )


def test_again_gives_the_same(runs: Runs) -> None:
    """The rows of the test before are those of three runs."""
    assert runs.ended["again"] == runs.ended["films"]
    assert len(runs.files("films")) == len(runs.files("_rejected/films")) == 1


def test_strict_ends_otherwise_and_does_the_same(runs: Runs) -> None:
    assert runs.ended["strict"] == runs.ended["films"] | {"code": 7}


def test_a_day_has_a_folder_of_its_own(runs: Runs) -> None:
    assert [{**row, "rating": str(row["rating"])} for row in runs.rows("bydays/2026/11/30")] == [
        {"id": "tt1", "title": "São “João”", "rating": "7.50"},
        {"id": "tt2", "title": None, "rating": "None"},
        {"id": "tt5", "title": "x", "rating": "9.10"},
    ]
    assert len(runs.rows("_rejected/bydays/2026/11/30")) == 2
    ended = runs.ended["without day"]
    assert (ended["code"], "Say --day" in ended["err"]) == (6, True)


def test_a_mended_file_has_no_rejected_rows(runs: Runs) -> None:
    assert runs.ended["broken"]["code"] == runs.ended["whole"]["code"] == 0
    assert [row["id"] for row in runs.rows("mend")] == ["tt1"] and runs.files("_rejected/mend") == []


def test_files_are_called_as_they_are(runs: Runs) -> None:
    assert runs.rows("odd names") == [{"id": "1", " n": "x", "_file": "odd names/a [1] b+c %20 ü.csv"}]


def test_quotes_that_are_not_closed_swallow_no_row_in_silence(runs: Runs) -> None:
    assert [
        (row["_file"][6], row["id"], row["t"]) for row in sorted(runs.rows("lines"), key=lambda row: (row["_file"], row["id"]))
    ] == [
        ("a", "1", 'x\r\n"y"'),
        ("a", "2", '"Rocky" Road'),
        ("a", "3", None),
        ("d", "2", "ok"),
    ]
    rejected = sorted((row["_file"][6], row["_reason"], row["_record"]) for row in runs.rows("_rejected/lines"))
    assert [(name, reason) for name, reason, _ in rejected] == [
        ("b", "has a quote that is perhaps never closed"),
        ("c", "has a quote that is perhaps never closed"),
        ("d", "has bytes that are not UTF-8"),
    ]
    assert "2,y" in rejected[0][2] and rejected[2][2] == "1,S\ufffdo"
    assert [row["t"] for row in runs.rows("latin")] == ["São", "ok"]


def test_columns_in_another_order_are_refused(runs: Runs) -> None:
    ended = runs.ended["order"]
    assert ended["code"] == 4
    assert ended["err"] == f"✗ {runs.folder}/raw/order/2.csv: has the columns b, a, where another file has a, b\n"


def test_two_columns_of_one_name_are_told_apart(runs: Runs) -> None:
    assert runs.rows("twice") == [{"a0": "1", "a1": "2", "_file": "twice.csv"}]


def test_columns_of_all_parquet_files_are_there(runs: Runs) -> None:
    found = sorted(runs.rows("parquet"), key=lambda row: row["id"])
    assert found == [
        {"id": 1, "n": "x", "m": None, "_file": "parts/0.parquet"},
        {"id": 2, "n": None, "m": 1.5, "_file": "parts/1.parquet"},
    ]


def test_documents_are_the_text_that_they_were(runs: Runs) -> None:
    found = [(row["_file"], row["_document"]) for row in sorted(runs.rows("json"), key=lambda row: row["_file"])]
    assert found == [
        ("users/1.json", '{"a": 1.10, "b": {"c": "}{"}}'),
        ("users/1.json", '{"a":1E400,"a":2}'),
        ("users/1.json", "{}"),
        ("users/2.json.gz", '{"é": "' + "x}" * 5000 + '"}'),
    ]
    assert runs.rows("_rejected/json") == [{"_file": "users/1.json", "_reason": 'is no object: "7"', "_record": "7"}]
    assert "3 files, 5 rows; 1 rejected" in runs.ended["json"]["out"]


def test_lines_are_documents(runs: Runs) -> None:
    assert [row["_document"] for row in runs.rows("jsonl")] == ['{"a": 1.10}', '{"a": 12345678901234567890123}']
    assert [(row["_record"], row["_reason"]) for row in runs.rows("_rejected/jsonl")] == [
        ('{"a":', "is no JSON: Expecting value, column 6"),
        (" [1]", 'is no object: ["1"]'),
    ]


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("absent", 3, "raw/absent: does not exist"),
        ("no files", 3, "raw/nothing: holds no file"),
        ("empty", 3, "raw/empty.csv: is empty"),
        ("blank", 4, "raw/blank.csv: has no header"),
        ("zip", 4, "raw/x.zip: is packed in a way that Spark does not read"),
        ("json as csv", 4, "raw/users/1.json: is it csv? Its first line is no header"),
        ("csv as json", 4, "films.csv: line 1, column 1: 'i' where [ should be"),
        ("csv as parquet", 4, "is not a Parquet file"),
        ("csv as jsonl", 4, "films.csv: is it jsonl? All rows were rejected; the first one is no JSON: Expecting value"),
        ("parquet as csv", 4, "parquet: is it csv? Its first line is no header"),
        ("array as jsonl", 4, "2.json.gz: is it jsonl? All rows were rejected; the first one is no object"),
        ("jsonl as array", 4, "1.jsonl: line 1, column 1: '{' where [ should be. Is it --format jsonl?"),
        ("cut", 4, "raw/cut.json: line 2, column 8: Expecting value"),
        ("cut gzip", 4, "raw/cut.csv.gz: Unexpected end of input stream"),
        ("taken", 4, "raw/taken.csv: has a column _file, which is a name of this job's own"),
        ("cast fails", 5, "[CAST_INVALID_INPUT] The value"),
        ("no column", 5, "lost.sql: [UNRESOLVED_COLUMN.WITH_SUGGESTION]"),
        ("with a plan", 5, "plan.sql: [DATATYPE_MISMATCH.UNEXPECTED_STATIC_METHOD]"),
        ("no query", 5, "none.sql: [PATH_NOT_FOUND]"),
        ("theirs", 6, "notes.txt: is not of this job"),
        ("in a file", 6, "raw/file"),
        ("in raw", 2, "lies in --raw"),
        ("misspelt option", 2, "--options: seperator (known of csv, with a text, a number, true or false: sep"),
        ("null option", 2, "--options: quote (known of csv"),
        ("no object", 2, "--options is no object of JSON"),
        ("unknown", 2, "unknown: --qurey x"),
        ("glue", 0, ""),
    ],
)
def test_what_can_not_be_done_is_one_line(runs: Runs, name: str, code: int, words: str) -> None:
    ended = runs.ended[name]
    said = ended["err"].replace("file:/", "/")
    assert (ended["code"], words in said) == (code, True), said
    assert "Traceback" not in said and (code == 2 or said.count("\n") == (code > 0))


def test_nothing_is_half_written(runs: Runs) -> None:
    """Runs that failed left what was there, and made no folder that a reader takes for one of rows."""
    assert (runs.folder / "trusted" / "theirs" / "notes.txt").read_text() == "mine"
    made = {path.name for path in (runs.folder / "trusted").glob("[!._]*") if [*path.rglob("*.parquet")]}
    assert made == {"films", "films2", "bydays", "odd names", "lines", "latin", "twice", "parquet", "mend", "json", "jsonl", "glue"}
    assert len(runs.rows("films")) == 3
