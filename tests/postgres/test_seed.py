"""`seed` fills any PostgreSQL: all of it, or nothing."""

import subprocess
import sys
from pathlib import Path

import pytest
from bronze_reader import execute, query

from lakehouse.errors import SourceError
from samples.seed import columns_of, load_dump, load_folder


def test_a_folder_becomes_tables(fresh_database: str, tmp_path: Path) -> None:
    (tmp_path / "odd name.csv").write_text(
        'id,amount,paid,on,at,note\n1,19.90,true,2026-01-31,2026-01-31 10:00:00,"a, ""b"""\n2,,false,,,31/12/2026\n'
    )
    assert load_folder(fresh_database, tmp_path) == {"odd name": 2}
    found = query(fresh_database, 'select id, amount::text, paid, "on"::text, at::text, note from "odd name" order by id')
    assert found == [(1, "19.90", True, "2026-01-31", "2026-01-31 10:00:00", 'a, "b"'), (2, None, False, None, None, "31/12/2026")]


def test_dates_of_other_forms_stay_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n31/12/2026,2026-12-31\n")
    assert columns_of(tmp_path / "t.csv") == [("a", "text"), ("b", "date")]


def test_a_folder_comes_whole_or_not_at_all(fresh_database: str, tmp_path: Path) -> None:
    execute(fresh_database, "create table b(x int)")
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("x\n1\n")
    with pytest.raises(SourceError, match='relation "b" already exists'):
        load_folder(fresh_database, tmp_path)
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


def test_the_command_fills_the_shop_once(fresh_database: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "lakehouse", "seed"]
    told = environment | {"SOURCE_DSN": fresh_database, "SCALE": "0.002"}
    first = subprocess.run(command, env=told, capture_output=True, text=True)
    assert first.returncode == 0, first.stderr
    assert query(fresh_database, "select count(*) from orders") == [(2000,)]
    again = subprocess.run(command, env=told, capture_output=True, text=True)
    assert again.returncode == 3 and "already in this database" in again.stderr
