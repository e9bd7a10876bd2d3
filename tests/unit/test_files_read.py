"""Files as they come: each is read as somebody meant it and says how, or is refused with the line and what to do."""

import tracemalloc
import zipfile
from pathlib import Path

import pytest

from ingestion.sources.files.dialect import FileOptions
from ingestion.sources.files.table import FileTable, look
from lakehouse.errors import ComportaError, SettingsError, SourceError

Row = list[str | None]


def write(folder: Path, content: bytes | str) -> Path:
    path = folder / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def names(table: FileTable) -> list[str]:
    return [column.name for column in table.columns]


@pytest.mark.parametrize(
    ("content", "described", "rows"),
    [
        ("id,name\n1,Ann\n", "UTF-8, separated by ,, 1 row, 2 columns", [["1", "Ann"]]),
        ("a;b\n1,5;x\n2,5;y\n", "UTF-8, separated by ;, 2 rows, 2 columns", [["1.5", "x"], ["2.5", "y"]]),
        ("a\tb\r1\tx\r", "UTF-8, separated by tab, 1 row, 2 columns", [["1", "x"]]),
        ("a|b\n1|x,y\n", "UTF-8, separated by |, 1 row, 2 columns", [["1", "x,y"]]),
        ("a\n1\n2\n\n", "UTF-8, 2 rows, 1 column", [["1"], ["2"]]),
        ('a,b\n"x\r\n""y"", z",\n"",1\n', "UTF-8, separated by ,, 2 rows, 2 columns", [['x\r\n"y", z', None], ["", "1"]]),
        ('a,b\n"x \\"y\\", z",1\n', "UTF-8, separated by ,, escaped by \\, 1 row, 2 columns", [['x "y", z', "1"]]),
        ("a,b\n'x,y',1\n'',2\n", "UTF-8, separated by ,, quoted by ', 2 rows, 2 columns", [["x,y", "1"], ["", "2"]]),
        ('a, b\n1, "x, y"\n', "UTF-8, separated by , and blanks, 1 row, 2 columns", [["1", "x, y"]]),
        ('a\tb\n1\t"Rocky" Road\n', "UTF-8, separated by tab, without quotes, 1 row, 2 columns", [["1", '"Rocky" Road']]),
        ('a,b\n5" pipe,1\n', "UTF-8, separated by ,, 1 row, 2 columns", [['5" pipe', "1"]]),
        ("a,b\nC:\\temp,1\n\\\\srv\\x,2\n", "UTF-8, separated by ,, 2 rows, 2 columns", [["C:\\temp", "1"], ["\\\\srv\\x", "2"]]),
        (
            "Report of sales\nof 2020\n\nid;n\n1;2\n3;4\n(2 rows)\n",
            "UTF-8, separated by ;, 2 title lines, 2 rows, 2 columns",
            [["1", "2"], ["3", "4"]],
        ),
        ("Report,,\nid,a,b\n1,2,x\n", "UTF-8, separated by ,, 1 title line, 1 row, 3 columns", [["1", "2", "x"]]),
        ("Report\nid,a\n1,2\n", "UTF-8, separated by ,, 1 title line, 1 row, 2 columns", [["1", "2"]]),
        ("a,b\n1,2,\n3,4,\n", "UTF-8, separated by ,, 2 rows, 2 columns", [["1", "2"], ["3", "4"]]),
        ("a,b,\n1,2,\n3,4,\n", "UTF-8, separated by ,, 2 rows, 2 columns", [["1", "2"], ["3", "4"]]),
        ("sep=;\nid;name\n1;x\n", "UTF-8, separated by ;, 1 title line, 1 row, 2 columns", [["1", "x"]]),
        ("\ufeff\ufeffa,b\n1,2\n,\n", "UTF-8 with BOM, separated by ,, 2 rows, 2 columns", [["1", "2"], [None, None]]),
        ("a,b\n", "UTF-8, separated by ,, 0 rows, 2 columns", []),
        ("country,2019,2020\nA,1,2\n", "UTF-8, separated by ,, 1 row, 3 columns", [["A", "1", "2"]]),
        ("a,b\n1,\\N\nNA,x\n", "UTF-8, separated by ,, 2 rows, 2 columns", [["1", None], [None, "x"]]),
        ("Product,n\nBobby 'Tables' XKCD,1\n", "UTF-8, separated by ,, 1 row, 2 columns", [["Bobby 'Tables' XKCD", "1"]]),
        ("town,n\nNone,1\nNA,2\n", "UTF-8, separated by ,, 2 rows, 2 columns", [["None", "1"], ["NA", "2"]]),
    ],
)
def test_what_can_be_read_is_read_and_said(tmp_path: Path, content: str, described: str, rows: list[Row]) -> None:
    table = look(write(tmp_path, content))
    assert table.problems == () and table.described() == f"t.csv: {described}"
    assert list(table.values()) == rows and table.rows == len(rows)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "t.csv: is empty"),
        ("\n\n", "t.csv: is empty"),
        (b"\xef\xbb\xbf", "t.csv: is empty"),
        ("a,b;c\n1,5;2\n", "separated by , or ;. Say which: SEPARATOR="),
        ("c0\nv0\na;b\n", "t.csv, line 2: 1 field, and 2 in line 3. If line 3 is the header, say HEADER=3"),
        ("note\na, b\nc, d\n", "t.csv, line 1: 1 field"),
        ("a,b\n\\\\x,1\n", "ESCAPE="),
        ("a,b\n'x',1\n'y',2\n", "QUOTE="),
        ('a,b\n"x,1\n2,3\n', "t.csv, line 2: a quote is opened that is never closed"),
        ('a,b\n"x "y" z",1\n2,3\n', "t.csv, line 2: text follows a quote"),
        ("1,Ann,2020-01-01\n2,Bob,2020-01-02\n", "t.csv, line 1: is like the rows below it"),
        ("a,b\nint,str\n1,x\n2,y\n", "t.csv, line 1: is a header, and so seems the line below it. Say HEADER=1 or HEADER=2"),
        ("имя,x\nИван,1\n".encode("cp1251"), "ENCODING="),
        ("id;cidade\n1;São João\n".encode("cp850"), "ENCODING="),
        ("a,b\n10 €,1\n".encode("iso-8859-15"), "Windows-1252 or ISO-8859-15: “¤” or “€”"),
        ("a,b\nSão,1\n".encode() + "José,1\n".encode("latin-1"), "t.csv, line 3: byte 0xE9 is no UTF-8"),
        ("a,b\n1,x\n".encode("utf-32"), "is in UTF-32"),
        (b"a,b\nx\0y,1\n", "t.csv, line 2: holds a NUL"),
        ("a,b\nx\r\n1,2\r3,4\n", "t.csv, line 3: ends in another way"),
        ('"a" "b"\n1 2\n', "t.csv, line 1: text follows a quote"),
        ('"a,""b"""\n"1,""x"""\n', "t.csv: no separator"),
        ("<!DOCTYPE html>\n<html>", "is a web page"),
        ("\n<?xml version='1.0'?>", "is a web page or XML"),
        ('[{"a": 1}]', "is JSON"),
        ('{"a": 1}\n{"a": 2}\n', "is JSON"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "git lfs pull"),
        (b"\x1f\x8b\x08\0", "is compressed by gzip"),
        (b"PAR1\0", "is a Parquet file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel"),
    ],
)
def test_what_is_no_table_or_could_be_two_is_refused(tmp_path: Path, content: bytes | str, words: str) -> None:
    with pytest.raises(SourceError) as caught:
        look(write(tmp_path, content))
    assert words in str(caught.value)


def test_a_workbook_that_is_called_csv_is_one(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.csv", "w") as book:
        book.writestr("[Content_Types].xml", "")
    with pytest.raises(SourceError, match="Excel or LibreOffice workbook.*save it as CSV UTF-8"):
        look(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a,b\n1,2\n3,4\n5,6,7\n7,8\n", (4, "3 fields (wanted: 2, as in the header)")),
        ("one,two,three\n1,2,3,4\n1,2,3\n\n1,2,3\n", (2, "4 fields (wanted: 3, as in the header)")),
        ("a,b\n1,2\na,b\n3,4\n", (3, "is the header again, as where two files were put together")),
        ("id,x,y\n1,2,a\n2,3,b\nTotal,5,\n", (4, "looks like the total of the rows above it")),
        ("a,b\n1,2\n\ufeffa,b\n3,4\n", (3, "begins with a byte order mark, as where two files were put together")),
        ("a\n1\n\n2\n", (3, "is blank: a row, or none?")),
        ("a,b\n1,2\n(1 row)\n3,4\n", (3, "1 field (wanted: 2, as in the header)")),
    ],
)
def test_a_record_that_does_not_fit_has_its_line(tmp_path: Path, content: str, problem: tuple[int, str]) -> None:
    table = look(write(tmp_path, content))
    assert table.problems == (problem,) and table.wrong == 1
    with (
        pytest.raises(SourceError, match=rf"t.csv, line {problem[0]}: ") if "total" not in problem[1] else pytest.raises(ValueError)
    ):
        list(table.values())
        raise ValueError


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
def test_the_encoding_is_told_from_the_bytes(tmp_path: Path, codec: str) -> None:
    table = look(write(tmp_path, "nome;cidade\r\nJosé;São João\r\n".encode(codec)))
    assert list(table.values()) == [["José", "São João"]]
    assert ("assumed, as in “José”" in "".join(table.notes)) == (codec in ("cp1252", "latin-1"))


def test_headers_become_names_that_postgresql_can_hold(tmp_path: Path) -> None:
    table = look(write(tmp_path, f'"a ""q""", é ,,a,a,{"x" * 70},{"ã" * 40}\n1,2,3,4,5,6,7\n8,9,1,2,3,4,5\n'))
    found = names(table)
    assert found[:5] == ['a "q"', "é", "column_3", "a", "a_2"]
    assert [len(name.encode()) for name in found[5:]] == [63, 63] and len({*found}) == 7
    assert sum("column" in note for note in table.notes) == 4


def test_what_is_nearly_a_number_says_why_it_is_text(tmp_path: Path) -> None:
    table = look(write(tmp_path, "a;b;c;d;e\n1 ;R$ 5;31/12/26;03/02/2018 10:21;007\n,;;;;\n".replace("\n,", "\n")))
    assert {column.kind for column in table.columns} == {"text"}
    assert [note for note in table.notes if "stays" in note] == [
        "a stays text: blanks stand around or in numbers",
        "b stays text: signs or units stand beside numbers",
        "c stays text: no plain form of a date or time",
        "d stays text: no plain form of a date or time",
        "e stays text: zeros stand in front",
    ]
    assert "1 row is all of empty fields, and taken as such" in table.notes


def test_what_is_said_holds(tmp_path: Path) -> None:
    path = write(tmp_path, "x\na,b;c\n1,5;2\n")
    assert list(look(path, FileOptions(separator=";", header=2)).values()) == [["1.5", "2"]]
    assert names(look(path, FileOptions(separator=",", header=2))) == ["a", "b;c"]
    path = write(tmp_path, "a\tb\n1\t\"x\"\n2\t'y'\n3\t\\\\z\n")
    assert [row[1] for row in look(path, FileOptions(quote="none", escape="none", separator="tab")).values()] == [
        '"x"',
        "'y'",
        "\\\\z",
    ]
    assert [row[1] for row in look(path, FileOptions(quote="'", escape="backslash")).values()] == ['"x"', "y", "\\z"]
    assert list(look(write(tmp_path, "a;b\n1;2\n"), FileOptions(separator="none")).values()) == [["1;2"]]
    with pytest.raises(SourceError, match="holds no '|'"):
        look(path, FileOptions(separator="|"))


@pytest.mark.parametrize(
    "text",
    [
        "'; drop table canary; --",
        "`touch canary`",
        "",
        " ",
        "\n",
        "[",
        ".*",
        "²",
        "\\",
        "é",
        "x" * 5000,
        "utf-7",
        "rot13",
        "idna",
        "\0",
        "--debug",
        "none",
    ],
)
def test_whatever_is_said_is_a_word_or_refused(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, "a,b\n1,2\n")
    for said in (FileOptions(encoding=text), FileOptions(separator=text), FileOptions(quote=text), FileOptions(escape=text)):
        try:
            assert look(path, said).rows == 1
        except (SettingsError, SourceError) as error:
            assert isinstance(error, ComportaError) and str(error)


def test_a_file_that_changes_meanwhile_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b\n1,2\n")
    table = look(path)
    path.write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(SourceError, match="changed while it was read"):
        list(table.values())


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "id,text\n" + "".join(f"{number},{'x' * 90}\n" for number in range(60_000)))
    assert path.stat().st_size > 5e6
    tracemalloc.start()
    assert sum(1 for _ in look(path).values()) == 60_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6


def test_a_quote_that_is_left_open_does_not_eat_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.sources.files.records.LONGEST", 10_000)
    path = write(tmp_path, 'id,text\n1,a\n2,"open\n' + "3,b\n" * 100_000)
    table = look(path)
    assert table.problems[0] == (3, "a quote is opened in line 3, and not closed in 0 million characters")
